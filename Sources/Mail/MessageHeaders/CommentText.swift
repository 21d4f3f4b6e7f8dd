import Primitives

/// Text that others chose, within a comment of a header field (RFC 5322 3.2.2).
package enum CommentText {
  /// The text with `?` for what is not printable ASCII or ends the comment early; brackets that it
  /// leaves open are closed.
  package static func harmless(_ text: String) -> [UInt8] {
    var depth = 0
    var bytes: [UInt8] = []
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "("):
        depth += 1
        bytes.append(byte)
      case UInt8(ascii: ")") where depth > 0:
        depth -= 1
        bytes.append(byte)
      case UInt8(ascii: ")"), UInt8(ascii: "\\"): bytes.append(UInt8(ascii: "?"))
      default: bytes.append((0x20..<0x7f).contains(byte) ? byte : UInt8(ascii: "?"))
      }
    }
    return bytes + [UInt8](repeating: UInt8(ascii: ")"), count: depth)
  }
}
