package import MailTypes
import Primitives

/// The `Delivered-To:` fields of a message.
package enum DeliveredTo {
  /// Whether a field of the header names the recipient already, but for case: then this host has
  /// delivered the message to that address before.
  package static func names(
    _ recipient: MailAddress, in header: UnsafeRawBufferPointer
  ) -> Bool {
    let name = Array("delivered-to:".utf8)
    return header.split(separator: ASCII.lf).contains { line in
      guard line.count > name.count, ASCII.equalFolded(line.prefix(name.count), name) else {
        return false
      }
      var value = line.dropFirst(name.count).drop(while: isBlank)
      while let last = value.last, isBlank(last) { value.removeLast() }
      return ASCII.equalFolded(value, recipient.bytes)
    }
  }

  private static func isBlank(_ byte: UInt8) -> Bool {
    byte == ASCII.space || byte == ASCII.tab || byte == ASCII.cr
  }
}
