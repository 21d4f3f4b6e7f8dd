import Primitives

/// One field of a header.
struct MilterField: Sendable {
  /// The field with its line end, without dot-stuffing.
  let bytes: [UInt8]
  /// Where its name ends, without the white space behind it.
  let nameEnd: Int
  /// Whether this host has put it there.
  let isOwn: Bool

  init(bytes: [UInt8], isOwn: Bool) {
    self.bytes = bytes
    self.isOwn = isOwn
    var end = bytes.firstIndex(of: UInt8(ascii: ":")) ?? bytes.count
    while end > 0, bytes[end - 1] == ASCII.space || bytes[end - 1] == ASCII.tab { end -= 1 }
    nameEnd = end
  }

  var name: ArraySlice<UInt8> { bytes[..<nameEnd] }
}

/// The fields of a header in their order.
///
/// A milter may change as many as there are, one after the other, so that none of it may look at
/// all others: fields are a list of which both ends are known, and found by their names in an
/// index, which is made when the first is asked for. Only a place far from both ends costs the way
/// to it.
struct MilterFields: Sequence, Sendable {
  /// Names a field for as long as it is there.
  typealias ID = Int32

  private struct Node {
    var field: MilterField
    var previous: ID
    var next: ID
    var name: NameIndex.Name = MilterFields.none
  }

  private static let none: ID = -1

  private var nodes: [Node] = []
  private var first = none
  private var last = none
  private var index: NameIndex?
  /// How many there are.
  private(set) var count = 0
  /// Their bytes.
  private(set) var size = 0
  /// Fields that were passed on the way to others so far.
  private(set) var steps = 0

  /// Puts a field behind all others.
  mutating func append(_ field: MilterField) {
    link(field, behind: last, rank: nil)
  }

  /// Puts a field before the one at a place.
  mutating func insert(_ field: MilterField, at place: Int) {
    let name = field.isOwn ? nil : index?.name(of: field.name)
    var before = 0
    if place <= count / 2 {
      var behind = Self.none
      for _ in 0..<place {
        behind = behind == Self.none ? first : nodes[Int(behind)].next
        if nodes[Int(behind)].name == name { before += 1 }
      }
      steps += place
      return link(field, behind: behind, rank: before)
    }
    var behind = last
    var after = 0
    for _ in place..<count {
      if nodes[Int(behind)].name == name { after += 1 }
      behind = nodes[Int(behind)].previous
    }
    steps += count - place
    if let name { before = (index?.count(of: name) ?? 0) - after }
    link(field, behind: behind, rank: before)
  }

  /// The so many-th field of a name that is not this host's own, counted from 1.
  mutating func find(_ name: [UInt8], _ number: Int) -> ID? {
    if index == nil { makeIndex() }
    return index?.find(name[...], number)
  }

  /// Puts a field of the same name in the place of another.
  mutating func replace(_ id: ID, with field: MilterField) {
    size += field.bytes.count - nodes[Int(id)].field.bytes.count
    nodes[Int(id)].field = field
  }

  /// Takes away the so many-th field of a name, which is `id`.
  mutating func remove(_ id: ID, _ number: Int) {
    let node = nodes[Int(id)]
    join(node.previous, node.next)
    index?.remove(node.name, number)
    count -= 1
    size -= node.field.bytes.count
    nodes[Int(id)].field = MilterField(bytes: [], isOwn: true)
  }

  private mutating func link(_ field: MilterField, behind previous: ID, rank: Int?) {
    let id = ID(nodes.count)
    let next = previous == Self.none ? first : nodes[Int(previous)].next
    var node = Node(field: field, previous: previous, next: next)
    if !field.isOwn { node.name = index?.add(id, field.name, at: rank) ?? Self.none }
    nodes.append(node)
    join(previous, id)
    join(id, next)
    count += 1
    size += field.bytes.count
  }

  /// Makes one field follow the other; none is what lies beyond an end.
  private mutating func join(_ id: ID, _ next: ID) {
    if id == Self.none { first = next } else { nodes[Int(id)].next = next }
    if next == Self.none { last = id } else { nodes[Int(next)].previous = id }
  }

  private mutating func makeIndex() {
    var index = NameIndex()
    var id = first
    while id != Self.none {
      let field = nodes[Int(id)].field
      if !field.isOwn { nodes[Int(id)].name = index.add(id, field.name, at: nil) }
      id = nodes[Int(id)].next
    }
    steps += count
    self.index = index
  }

  func makeIterator() -> Iterator { Iterator(fields: self, at: first) }

  /// Passes the fields in their order.
  struct Iterator: IteratorProtocol {
    fileprivate let fields: MilterFields
    fileprivate var at: ID

    mutating func next() -> MilterField? {
      guard at != MilterFields.none else { return nil }
      let node = fields.nodes[Int(at)]
      at = node.next
      return node.field
    }
  }
}

/// Finds the fields of a name, in their order.
private struct NameIndex: Sendable {
  /// Names a name.
  typealias Name = Int32

  private var names: [[UInt8]: Name] = [:]
  private var fields: [[MilterFields.ID]] = []

  private static func folded(_ name: ArraySlice<UInt8>) -> [UInt8] { name.map(ASCII.lowercased) }

  func name(of name: ArraySlice<UInt8>) -> Name? { names[Self.folded(name)] }

  func count(of name: Name) -> Int { fields[Int(name)].count }

  func find(_ name: ArraySlice<UInt8>, _ number: Int) -> MilterFields.ID? {
    guard let name = self.name(of: name), number <= fields[Int(name)].count else { return nil }
    return fields[Int(name)][number - 1]
  }

  /// Adds a field behind so many others of its name, or behind all.
  mutating func add(
    _ id: MilterFields.ID, _ name: ArraySlice<UInt8>, at rank: Int?
  ) -> Name {
    let folded = Self.folded(name)
    if let name = names[folded] {
      fields[Int(name)].insert(id, at: rank ?? fields[Int(name)].count)
      return name
    }
    let name = Name(fields.count)
    names[folded] = name
    fields.append([id])
    return name
  }

  mutating func remove(_ name: Name, _ number: Int) {
    fields[Int(name)].remove(at: number - 1)
  }
}
