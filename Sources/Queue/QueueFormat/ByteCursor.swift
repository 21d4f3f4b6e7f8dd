import MailTypes

/// Reads little-endian fields one after another and never past the end.
struct ByteCursor {
  let bytes: UnsafeRawBufferPointer
  private(set) var position = 0

  init(_ bytes: UnsafeRawBufferPointer) {
    self.bytes = bytes
  }

  var remaining: Int { bytes.count - position }

  mutating func integer<T: FixedWidthInteger>(_ type: T.Type) throws(FormatError) -> T {
    guard remaining >= MemoryLayout<T>.size else { throw .damaged }
    defer { position += MemoryLayout<T>.size }
    return T(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: T.self))
  }

  mutating func slice(_ count: Int) throws(FormatError) -> UnsafeRawBufferPointer {
    guard count >= 0, count <= remaining else { throw .damaged }
    defer { position += count }
    return UnsafeRawBufferPointer(rebasing: bytes[position..<position + count])
  }

  /// Bytes behind their 16-bit count.
  mutating func shortBytes() throws(FormatError) -> [UInt8] {
    let count = try integer(UInt16.self)
    return [UInt8](try slice(Int(count)))
  }

  mutating func nonce() throws(FormatError) -> Nonce {
    Nonce(high: try integer(UInt64.self), low: try integer(UInt64.self))
  }

  mutating func queueID() throws(FormatError) -> QueueID {
    QueueID(
      microseconds: try integer(UInt64.self), sequence: try integer(UInt64.self))
  }
}

extension UnsafeMutableRawBufferPointer {
  /// Stores an integer in little-endian order; out of bounds is our bug.
  func put(_ value: some FixedWidthInteger, at offset: Int) {
    storeBytes(of: value.littleEndian, toByteOffset: offset, as: type(of: value).self)
  }

  func put(_ nonce: Nonce, at offset: Int) {
    put(nonce.high, at: offset)
    put(nonce.low, at: offset + 8)
  }

  func put(_ id: QueueID, at offset: Int) {
    put(id.microseconds, at: offset)
    put(id.sequence, at: offset + 8)
  }
}

extension [UInt8] {
  /// Appends an integer in little-endian order.
  mutating func append(integer value: some FixedWidthInteger) {
    Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
  }

  /// Appends bytes behind their 16-bit count, cut where the count ends.
  mutating func append(shortBytes bytes: [UInt8]) {
    let count = Swift.min(bytes.count, Int(UInt16.max))
    append(integer: UInt16(count))
    append(contentsOf: bytes[..<count])
  }

  mutating func append(nonce: Nonce) {
    append(integer: nonce.high)
    append(integer: nonce.low)
  }

  mutating func append(queueID id: QueueID) {
    append(integer: id.microseconds)
    append(integer: id.sequence)
  }
}
