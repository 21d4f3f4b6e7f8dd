import Primitives

/// A message's header while milters look at it and change it.
///
/// Places follow Sendmail and Postfix: milters neither see this host's own trace fields nor count
/// them where they change a field, but do where they insert one.
package struct MilterHeader: Sendable {
  /// The most bytes that milters may add to a header; more is refused as a fault of theirs.
  package static let addedSizeMax = 1 << 20

  /// Bytes that a header takes while milters look at it: taken apart, as they are shown it, and put
  /// together again.
  ///
  /// - Parameters:
  ///   - size: its bytes.
  ///   - fieldCount: its fields.
  package static func memory(size: Int, fieldCount: Int) -> Int { 3 * size + 256 * fieldCount }

  private var fields = MilterFields()
  private var addedSize = 0
  /// Whether something was changed.
  package private(set) var isChanged = false

  /// Takes a header apart: wire form, each field with its CRLF, without the empty line behind it.
  ///
  /// - Parameter ownSize: the bytes at its front that are this host's own fields.
  package init(_ wire: ArraySlice<UInt8>, ownSize: Int) {
    let (lf, space, tab) = (ASCII.lf, ASCII.space, ASCII.tab)
    var start = wire.startIndex
    while start < wire.endIndex {
      var end = start
      repeat {
        end = wire[end...].firstIndex(of: lf).map { $0 + 1 } ?? wire.endIndex
      } while end < wire.endIndex && (wire[end] == space || wire[end] == tab)
      // The dot of a stuffed line is not the field's.
      let isStuffed = wire[start] == UInt8(ascii: ".")
      let field = Array(wire[(isStuffed ? start + 1 : start)..<end])
      fields.append(MilterField(bytes: field, isOwn: start - wire.startIndex < ownSize))
      start = end
    }
  }

  /// A field as milters see it: its name, and its value with LF line ends and without the last.
  package typealias VisibleField = (name: ArraySlice<UInt8>, value: [UInt8])

  /// The fields that milters see, each made when it is asked for.
  package var visible: some Sequence<VisibleField> {
    fields.lazy.filter { !$0.isOwn }.map { field -> VisibleField in
      let colon = field.bytes[field.nameEnd...].firstIndex(of: UInt8(ascii: ":"))
      var value = field.bytes[((colon ?? field.bytes.count - 1) + 1)...].filter { $0 != ASCII.cr }
      if value.last == ASCII.lf { value.removeLast() }
      return (field.name, value)
    }
  }

  /// The header in wire form, without an empty line behind it.
  package var wire: [UInt8] {
    var out: [UInt8] = []
    out.reserveCapacity(size + fields.count)
    for field in fields {
      if field.bytes.first == UInt8(ascii: ".") { out.append(UInt8(ascii: ".")) }
      out += field.bytes
    }
    return out
  }

  /// Bytes without dot-stuffing.
  package var size: Int { fields.size }

  /// Fields that were passed on the way to those that were changed so far: what changes cost.
  package var steps: Int { fields.steps }

  /// Whether some byte is above 127.
  package var isEightBit: Bool { fields.contains { $0.bytes.contains { $0 > 0x7f } } }

  /// Whether some field begins with a dot.
  package var hasStuffedLines: Bool { fields.contains { $0.bytes.first == UInt8(ascii: ".") } }

  /// Bytes of the longest line, without its line end.
  package var longestLine: Int {
    fields.reduce(0) { longest, field in
      field.bytes.split(separator: ASCII.lf).reduce(longest) { max($0, $1.count - 1) }
    }
  }

  /// Puts a field behind all others.
  ///
  /// - Throws: `.packetLength` when milters have added more than `addedSizeMax` bytes.
  package mutating func add(
    _ name: [UInt8], _ value: [UInt8], keepingSpace: Bool
  ) throws(MilterFault) {
    fields.append(try field(name, value, keepingSpace))
  }

  /// Puts a field at a place; 0 is the top, before this host's own.
  ///
  /// - Throws: as `add`.
  package mutating func insert(
    at index: UInt32, _ name: [UInt8], _ value: [UInt8], keepingSpace: Bool
  ) throws(MilterFault) {
    fields.insert(try field(name, value, keepingSpace), at: min(Int(index), fields.count))
  }

  /// Gives the so many-th field of a name another value, counted from 1; where there is none it is
  /// added. An empty value removes it.
  ///
  /// - Throws: as `add`.
  package mutating func change(
    _ index: UInt32, _ name: [UInt8], _ value: [UInt8], keepingSpace: Bool
  ) throws(MilterFault) {
    let number = Int(max(index, 1))
    let place = fields.find(name, number)
    if value.isEmpty {
      guard let place else { return }
      fields.remove(place, number)
      isChanged = true
    } else if let place {
      fields.replace(place, with: try field(name, value, keepingSpace))
    } else {
      try add(name, value, keepingSpace: keepingSpace)
    }
  }

  /// A field of a milter's. What it puts on a new line continues the field, however it begins.
  private mutating func field(
    _ name: [UInt8], _ value: [UInt8], _ keepingSpace: Bool
  ) throws(MilterFault) -> MilterField {
    var bytes = name
    bytes.append(UInt8(ascii: ":"))
    if !keepingSpace { bytes.append(ASCII.space) }
    for (index, line) in value.split(separator: ASCII.lf).enumerated() {
      let text = line.filter { $0 != ASCII.cr }
      if index > 0 {
        guard !text.isEmpty else { continue }
        bytes += [ASCII.cr, ASCII.lf]
        if text[0] != ASCII.space, text[0] != ASCII.tab { bytes.append(ASCII.tab) }
      }
      bytes += text
    }
    bytes += [ASCII.cr, ASCII.lf]
    addedSize += bytes.count
    guard addedSize <= Self.addedSizeMax else { throw .packetLength(UInt32(addedSize)) }
    isChanged = true
    return MilterField(bytes: bytes, isOwn: false)
  }
}
