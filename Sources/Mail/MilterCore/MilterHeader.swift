import Primitives

/// A message's header while milters look at it and change it.
///
/// Places follow Sendmail and Postfix: milters neither see this host's own trace fields nor count
/// them where they change a field, but do where they insert one.
package struct MilterHeader: Sendable {
  /// The most bytes that milters may add to a header; more is refused as a fault of theirs.
  package static let addedSizeMax = 1 << 20

  /// One field.
  private struct Field {
    /// The field with its line end, without dot-stuffing.
    var bytes: [UInt8]
    var nameEnd: Int
    let isOwn: Bool

    init(bytes: [UInt8], isOwn: Bool) {
      self.bytes = bytes
      self.isOwn = isOwn
      nameEnd = bytes.firstIndex(of: UInt8(ascii: ":")) ?? bytes.count
      while nameEnd > 0, bytes[nameEnd - 1] == ASCII.space || bytes[nameEnd - 1] == ASCII.tab {
        nameEnd -= 1
      }
    }

    var name: ArraySlice<UInt8> { bytes[..<nameEnd] }
  }

  /// Bytes that a header takes while milters look at it: taken apart, as they are shown it, and put
  /// together again.
  ///
  /// - Parameters:
  ///   - size: its bytes.
  ///   - fieldCount: its fields.
  package static func memory(size: Int, fieldCount: Int) -> Int { 3 * size + 256 * fieldCount }

  private var fields: [Field] = []
  private var addedSize = 0
  /// Whether something was changed.
  package private(set) var isChanged = false

  /// Takes a header apart: wire form, each field with its CRLF, without the empty line behind it.
  ///
  /// - Parameter ownSize: the bytes at its front that are this host's own fields.
  package init(_ wire: some Collection<UInt8>, ownSize: Int) {
    var field: [UInt8] = []
    var offset = 0
    var fieldStart = 0
    var isLineStart = true
    for byte in wire {
      if isLineStart {
        if byte != ASCII.space, byte != ASCII.tab, !field.isEmpty {
          fields.append(Field(bytes: field, isOwn: fieldStart < ownSize))
          field.removeAll(keepingCapacity: true)
          fieldStart = offset
        }
        // The dot of a stuffed line is not the field's.
        if byte == UInt8(ascii: ".") {
          isLineStart = false
          offset += 1
          continue
        }
      }
      field.append(byte)
      offset += 1
      isLineStart = byte == ASCII.lf
    }
    if !field.isEmpty { fields.append(Field(bytes: field, isOwn: fieldStart < ownSize)) }
  }

  /// The fields that milters see: the name, and the value with LF line ends and without the last.
  package var visible: [(name: ArraySlice<UInt8>, value: [UInt8])] {
    fields.filter { !$0.isOwn }.map { field in
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
  package var size: Int { fields.reduce(0) { $0 + $1.bytes.count } }

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
    let place = min(Int(index), fields.count)
    fields.insert(try field(name, value, keepingSpace), at: place)
  }

  /// Gives the so many-th field of a name another value, counted from 1; where there is none it is
  /// added. An empty value removes it.
  ///
  /// - Throws: as `add`.
  package mutating func change(
    _ index: UInt32, _ name: [UInt8], _ value: [UInt8], keepingSpace: Bool
  ) throws(MilterFault) {
    var left = max(index, 1)
    let place = fields.firstIndex { field in
      guard !field.isOwn, ASCII.equalFolded(field.name, name) else { return false }
      left -= 1
      return left == 0
    }
    if value.isEmpty {
      guard let place else { return }
      fields.remove(at: place)
      isChanged = true
    } else if let place {
      fields[place] = try field(name, value, keepingSpace)
    } else {
      try add(name, value, keepingSpace: keepingSpace)
    }
  }

  /// A field of a milter's. What it puts on a new line continues the field, however it begins.
  private mutating func field(
    _ name: [UInt8], _ value: [UInt8], _ keepingSpace: Bool
  ) throws(MilterFault) -> Field {
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
    return Field(bytes: bytes, isOwn: false)
  }
}
