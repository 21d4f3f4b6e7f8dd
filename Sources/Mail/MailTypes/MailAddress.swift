import Primitives

/// A mailbox of the envelope as bytes, in the form that goes on the wire without angle brackets.
///
/// Empty is the null reverse-path `<>`. A local part that needs quotes carries them.
package struct MailAddress: Hashable, Sendable {
  /// The whole address.
  package let bytes: [UInt8]
  /// Where the `@` stands that parts local part and domain; `nil` without a domain.
  package let atIndex: Int?

  /// The null reverse-path (RFC 5321 4.5.5).
  package static let null = MailAddress([])

  /// Wraps address bytes; the last `@` outside quotes parts local part and domain.
  package init(_ bytes: [UInt8]) {
    self.bytes = bytes
    var quoted = false
    var escaped = false
    var found: Int?
    for (index, byte) in bytes.enumerated() {
      if escaped {
        escaped = false
      } else if byte == UInt8(ascii: "\\") {
        escaped = true
      } else if byte == UInt8(ascii: "\"") {
        quoted.toggle()
      } else if byte == UInt8(ascii: "@"), !quoted {
        found = index
      }
    }
    atIndex = found
  }

  /// Wraps the UTF-8 bytes of a string.
  package init(_ text: String) {
    self.init(Array(text.utf8))
  }

  /// Whether this is the null reverse-path.
  package var isNull: Bool { bytes.isEmpty }

  /// The bytes before the `@`, or all of them.
  package var localPart: ArraySlice<UInt8> { bytes[..<(atIndex ?? bytes.count)] }

  /// The bytes after the `@`; empty without one.
  package var domain: ArraySlice<UInt8> {
    guard let atIndex else { return [] }
    return bytes[(atIndex + 1)...]
  }

  /// The domain in lower case, as look-ups and comparisons use it.
  package var foldedDomain: String {
    String(decoding: domain.map(ASCII.lowercased), as: UTF8.self)
  }
}

extension MailAddress: CustomStringConvertible {
  /// The address as text, with invalid UTF-8 replaced; for people, not for the wire.
  package var description: String { String(decoding: bytes, as: UTF8.self) }
}
