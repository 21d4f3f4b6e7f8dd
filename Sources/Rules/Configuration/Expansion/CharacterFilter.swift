import Primitives

/// The characters that a filter such as `smtpd_expansion_filter` names, with the escapes of C.
package enum CharacterFilter {
  /// The bytes that a filter lets through.
  package static func bytes(_ text: String) -> [UInt8] {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "\\"), let letter = rest.first else {
        bytes.append(byte)
        continue
      }
      let octal = rest.prefix(3).prefix { (UInt8(ascii: "0")...UInt8(ascii: "7")).contains($0) }
      if octal.isEmpty {
        bytes.append(named[letter] ?? letter)
        rest.removeFirst()
      } else {
        let value = octal.reduce(0) { $0 * 8 + Int($1 - UInt8(ascii: "0")) }
        bytes.append(UInt8(truncatingIfNeeded: value))
        rest.removeFirst(octal.count)
      }
    }
    return bytes
  }

  private static let named: [UInt8: UInt8] = [
    UInt8(ascii: "a"): 7, UInt8(ascii: "b"): 8, UInt8(ascii: "f"): 12, UInt8(ascii: "n"): 10,
    UInt8(ascii: "r"): 13, UInt8(ascii: "t"): 9, UInt8(ascii: "v"): 11,
  ]
}
