/// Formatting of ASCII text straight into byte buffers, without `String`.
extension [UInt8] {
  /// Appends the UTF-8 bytes of a literal or string.
  @inline(__always)
  package mutating func append(text: StaticString) {
    append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  /// Appends the UTF-8 bytes of a string.
  package mutating func append(string: String) {
    append(contentsOf: string.utf8)
  }

  /// Appends a decimal number, left-padded with zeros to at least `width` digits.
  package mutating func append(decimal value: some BinaryInteger, width: Int = 1) {
    append(magnitude: UInt64(value.magnitude), isNegative: value < 0, width: width)
  }

  /// Appends a decimal number, left-padded with zeros to at least `width` digits.
  package mutating func append(decimal value: Int, width: Int = 1) {
    append(magnitude: UInt64(value.magnitude), isNegative: value < 0, width: width)
  }

  private mutating func append(magnitude value: UInt64, isNegative: Bool, width: Int) {
    var digits: (UInt64, UInt64, UInt64) = (0, 0, 0)
    var magnitude = value
    if isNegative { append(UInt8(ascii: "-")) }
    Swift.withUnsafeMutableBytes(of: &digits) { buffer in
      var at = buffer.count
      var written = 0
      repeat {
        at -= 1
        buffer[at] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: magnitude % 10)
        magnitude /= 10
        written += 1
      } while magnitude > 0 || written < Swift.min(width, 20)
      append(contentsOf: UnsafeRawBufferPointer(rebasing: buffer[at...]))
    }
  }

  /// Appends a number in lower-case hexadecimal, padded with zeros to `width` digits.
  package mutating func append(hex value: UInt64, width: Int = 1) {
    var shift = Swift.max(width, (64 - value.leadingZeroBitCount + 3) / 4) * 4
    while shift > 0 {
      shift -= 4
      let nibble = UInt8(truncatingIfNeeded: value >> UInt64(shift)) & 15
      append(nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") + nibble - 10)
    }
  }
}

/// ASCII classification and folding used by every parser of the house.
///
/// A use in another target is a call (the compiler inlines nothing that is `package` there), so
/// loops over every byte of a message keep these values in constants of their own.
package enum ASCII {
  /// Carriage return.
  package static var cr: UInt8 { 13 }
  /// Line feed.
  package static var lf: UInt8 { 10 }
  /// Horizontal tab.
  package static var tab: UInt8 { 9 }
  /// Space.
  package static var space: UInt8 { 32 }

  /// The byte with `A`–`Z` folded to lower case.
  package static func lowercased(_ byte: UInt8) -> UInt8 {
    byte &- UInt8(ascii: "A") < 26 ? byte | 0x20 : byte
  }

  /// Whether the byte is `0`–`9`.
  package static func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

  /// Whether the byte is an ASCII letter.
  package static func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) &- UInt8(ascii: "a") < 26 }

  /// Whether two byte sequences are equal but for ASCII case.
  ///
  /// Called from another target it is not made for their types: their bytes are asked for once,
  /// not one by one, where they stand in a row.
  package static func equalFolded(_ a: some Collection<UInt8>, _ b: some Collection<UInt8>) -> Bool
  {
    let inARow = a.withContiguousStorageIfAvailable { a in
      b.withContiguousStorageIfAvailable { b in equalFolded(bytes: a, b) }
    }
    if case .some(.some(let isEqual)) = inARow { return isEqual }
    return a.count == b.count && zip(a, b).allSatisfy { lowercased($0) == lowercased($1) }
  }

  private static func equalFolded(
    bytes a: UnsafeBufferPointer<UInt8>, _ b: UnsafeBufferPointer<UInt8>
  ) -> Bool {
    guard a.count == b.count else { return false }
    for index in 0..<a.count where lowercased(a[index]) != lowercased(b[index]) { return false }
    return true
  }

  /// Whether bytes are equal but for ASCII case to a text in lower case.
  package static func equalFolded(_ bytes: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
    guard bytes.count == text.utf8CodeUnitCount else { return false }
    for index in 0..<bytes.count where lowercased(bytes[index]) != text.utf8Start[index] {
      return false
    }
    return true
  }
}
