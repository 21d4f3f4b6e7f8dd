/// Writes the fields of internal messages: little-endian integers and length-prefixed bytes.
package struct WireEncoder {
  /// What has been written so far.
  package private(set) var bytes: [UInt8] = []

  /// Starts with an empty buffer.
  package init() {}

  /// Appends one byte.
  package mutating func put(_ value: UInt8) { bytes.append(value) }

  /// Appends a truth value as one byte.
  package mutating func put(_ value: Bool) { bytes.append(value ? 1 : 0) }

  /// Appends an integer in little-endian order.
  package mutating func put<Integer: FixedWidthInteger>(_ value: Integer) {
    withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
  }

  /// Appends a byte string with its length in front.
  package mutating func put(_ value: [UInt8]) {
    put(UInt32(value.count))
    bytes.append(contentsOf: value)
  }

  /// Appends the UTF-8 bytes of a string with their length in front.
  package mutating func put(_ value: String) {
    put(UInt32(value.utf8.count))
    bytes.append(contentsOf: value.utf8)
  }

  /// Appends bytes that were encoded elsewhere, without a length.
  package mutating func append(raw value: [UInt8]) { bytes.append(contentsOf: value) }

  /// Forgets what was written but keeps the memory.
  package mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

  /// Writes a 32-bit length at `position`, over a place that was reserved for it.
  package mutating func patch(length: Int, at position: Int) {
    withUnsafeBytes(of: UInt32(length).littleEndian) { source in
      bytes.replaceSubrange(position..<position + 4, with: source)
    }
  }

  /// Takes the buffer out and starts anew.
  package mutating func take() -> [UInt8] {
    let taken = bytes
    bytes = []
    return taken
  }
}

/// What can be wrong with an internal message.
package enum WireError: Error {
  /// The message ends before a field does.
  case truncated
  /// A field holds a value that its type does not have.
  case invalid
  /// The peer speaks another version of the protocol.
  case version(UInt8)
}

/// Reads the fields of internal messages; every length is checked before memory is taken.
package struct WireDecoder {
  private let bytes: UnsafeRawBufferPointer
  private var at = 0

  /// Reads from `bytes`, which must outlive the decoder.
  package init(_ bytes: UnsafeRawBufferPointer) {
    self.bytes = bytes
  }

  /// Bytes not yet read.
  package var remaining: Int { bytes.count - at }

  /// Reads an integer in little-endian order.
  package mutating func integer<Integer: FixedWidthInteger>(
    _ type: Integer.Type = Integer.self
  ) throws(WireError) -> Integer {
    let size = MemoryLayout<Integer>.size
    guard remaining >= size else { throw .truncated }
    let value = bytes.loadUnaligned(fromByteOffset: at, as: Integer.self)
    at += size
    return Integer(littleEndian: value)
  }

  /// Reads a truth value.
  package mutating func bool() throws(WireError) -> Bool {
    switch try integer(UInt8.self) {
    case 0: return false
    case 1: return true
    default: throw .invalid
    }
  }

  /// Reads a byte string.
  package mutating func byteString() throws(WireError) -> [UInt8] {
    [UInt8](try slice())
  }

  /// Reads a string; invalid UTF-8 is an error.
  package mutating func string() throws(WireError) -> String {
    let part = try slice()
    guard let text = String(validating: part, as: UTF8.self) else { throw .invalid }
    return text
  }

  /// Reads a list whose length is written first; `element` reads one.
  package mutating func list<Element>(
    _ element: (inout WireDecoder) throws(WireError) -> Element
  ) throws(WireError) -> [Element] {
    let count = Int(try integer(UInt32.self))
    guard count <= remaining else { throw .truncated }
    var elements: [Element] = []
    elements.reserveCapacity(count)
    for _ in 0..<count { elements.append(try element(&self)) }
    return elements
  }

  /// Splits off the next `count` bytes as a decoder of their own.
  package mutating func nested() throws(WireError) -> WireDecoder {
    WireDecoder(try slice())
  }

  private mutating func slice() throws(WireError) -> UnsafeRawBufferPointer {
    let count = Int(try integer(UInt32.self))
    guard count <= remaining else { throw .truncated }
    defer { at += count }
    return UnsafeRawBufferPointer(rebasing: bytes[at..<at + count])
  }
}
