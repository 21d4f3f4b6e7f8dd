import Primitives

/// An enhanced mail system status code (RFC 3463), such as 5.7.1.
package struct EnhancedStatus: Hashable, Sendable {
  /// 2 success, 4 persistent transient failure, 5 permanent failure.
  package let statusClass: UInt8
  /// The subject: 1 addressing, 2 mailbox, 3 mail system, 4 network, 5 protocol, 6 content,
  /// 7 policy.
  package let subject: UInt16
  /// The detail within the subject.
  package let detail: UInt16

  /// Makes the code `statusClass.subject.detail`.
  package init(_ statusClass: UInt8, _ subject: UInt16, _ detail: UInt16) {
    self.statusClass = statusClass
    self.subject = subject
    self.detail = detail
  }

  /// Parses a code at the start of reply text (RFC 2034): its value and the bytes it takes,
  /// without the space behind it; `nil` when there is none.
  package static func parse(prefixOf text: some Collection<UInt8>) -> (EnhancedStatus, Int)? {
    // Byte by byte a generic collection allocates at each step where it is not specialised.
    text.withContiguousStorageIfAvailable { parse($0) } ?? parse(Array(text)[...])
  }

  private static func parse(_ text: ArraySlice<UInt8>) -> (EnhancedStatus, Int)? {
    text.withUnsafeBufferPointer { parse($0) }
  }

  private static func parse(_ text: UnsafeBufferPointer<UInt8>) -> (EnhancedStatus, Int)? {
    var first: UInt16 = 0
    var second: UInt16 = 0
    var dots = 0
    var digits = 0
    var value: UInt16 = 0
    var length = 0
    for byte in text {
      if ASCII.isDigit(byte) {
        digits += 1
        guard digits <= 3 else { return nil }
        value = value * 10 + UInt16(byte - UInt8(ascii: "0"))
      } else if byte == UInt8(ascii: "."), digits > 0, dots < 2 {
        if dots == 0 { first = value } else { second = value }
        dots += 1
        value = 0
        digits = 0
      } else {
        break
      }
      length += 1
    }
    guard dots == 2, digits > 0, first == 2 || first == 4 || first == 5 else { return nil }
    return (EnhancedStatus(UInt8(first), second, value), length)
  }

  /// Appends `c.s.d`.
  package func append(to text: inout [UInt8]) {
    text.append(decimal: Int(statusClass))
    text.append(UInt8(ascii: "."))
    text.append(decimal: Int(subject))
    text.append(UInt8(ascii: "."))
    text.append(decimal: Int(detail))
  }
}

extension EnhancedStatus: CustomStringConvertible {
  /// The code as text.
  package var description: String { "\(statusClass).\(subject).\(detail)" }
}

extension EnhancedStatus {
  /// The status under `soft_bounce`: temporary where it is permanent.
  package var softened: EnhancedStatus {
    statusClass == 5 ? EnhancedStatus(4, subject, detail) : self
  }
}
