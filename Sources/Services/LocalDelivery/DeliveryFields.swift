package import MailTypes
import Primitives

/// The header fields that final delivery puts in front of a message, and those it looks for.
package enum DeliveryFields {
  /// Appends `Return-Path:` (RFC 5321 4.4), `X-Original-To:` unless `original` is empty, and
  /// `Delivered-To:`, with LF line ends.
  package static func append(
    sender: MailAddress, original: [UInt8], recipient: MailAddress, to text: inout [UInt8]
  ) {
    text.append(text: "Return-Path: <")
    text.append(contentsOf: sender.bytes)
    text.append(text: ">\n")
    if !original.isEmpty {
      text.append(text: "X-Original-To: ")
      text.append(contentsOf: original)
      text.append(ASCII.lf)
    }
    text.append(text: "Delivered-To: ")
    text.append(contentsOf: recipient.bytes)
    text.append(ASCII.lf)
  }

  /// Whether a `Delivered-To:` field of the header names the recipient already, but for case: then
  /// this host has delivered the message to that address before.
  package static func isLoop(header: UnsafeRawBufferPointer, recipient: MailAddress) -> Bool {
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
