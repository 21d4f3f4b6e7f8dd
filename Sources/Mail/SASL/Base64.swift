import Primitives

/// Bytes as the letters that SASL sends over the wire (RFC 4648 4).
package enum Base64 {
  private static let alphabet = Array(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
  private static let padding = UInt8(ascii: "=")

  /// The letters for bytes, padded to whole groups of four.
  package static func encoded(_ bytes: some Collection<UInt8>) -> [UInt8] {
    var text: [UInt8] = []
    text.reserveCapacity((bytes.count + 2) / 3 * 4)
    var rest = bytes.makeIterator()
    while let first = rest.next() {
      let second = rest.next()
      let third = second == nil ? nil : rest.next()
      let group = UInt32(first) << 16 | UInt32(second ?? 0) << 8 | UInt32(third ?? 0)
      text.append(alphabet[Int(group >> 18)])
      text.append(alphabet[Int(group >> 12 & 63)])
      text.append(second == nil ? padding : alphabet[Int(group >> 6 & 63)])
      text.append(third == nil ? padding : alphabet[Int(group & 63)])
    }
    return text
  }

  /// Whether bytes are whole groups of four letters.
  package static func isText(_ bytes: some Collection<UInt8>) -> Bool {
    guard bytes.count % 4 == 0 else { return false }
    let letters = bytes.prefix { value(of: $0) != nil }
    let rest = bytes.dropFirst(letters.count)
    return rest.count <= 2 && rest.allSatisfy { $0 == padding }
  }

  /// The bytes that letters stand for; `nil` when they do not come in padded groups of four.
  package static func decoded(_ text: some Collection<UInt8>) -> [UInt8]? {
    guard text.count % 4 == 0 else { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count / 4 * 3)
    var group: UInt32 = 0
    var letters = 0
    var pads = 0
    for byte in text {
      if byte == padding {
        pads += 1
        // Only the last two letters of the last group may be missing.
        guard letters % 4 >= 2, pads <= 2 else { return nil }
        group <<= 6
      } else {
        guard pads == 0, let value = value(of: byte) else { return nil }
        group = group << 6 | value
      }
      letters += 1
      guard letters % 4 == 0 else { continue }
      bytes.append(UInt8(truncatingIfNeeded: group >> 16))
      if pads < 2 { bytes.append(UInt8(truncatingIfNeeded: group >> 8)) }
      if pads < 1 { bytes.append(UInt8(truncatingIfNeeded: group)) }
      group = 0
    }
    return bytes
  }

  private static func value(of letter: UInt8) -> UInt32? {
    switch letter {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(letter - UInt8(ascii: "A"))
    case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(letter - UInt8(ascii: "a")) + 26
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(letter - UInt8(ascii: "0")) + 52
    case UInt8(ascii: "+"): 62
    case UInt8(ascii: "/"): 63
    default: nil
    }
  }
}
