import MailTypes
package import Primitives

/// The header fields that final delivery puts in front of a message.
package enum DeliveryFields {
  /// Appends what a style wants of: the `From ` line, `Return-Path:` (RFC 5321 4.4),
  /// `X-Original-To:` unless the original is empty, and `Delivered-To:`.
  package static func append(
    _ style: CopyStyle, of message: LocalMessage, at time: WallTime, to text: inout [UInt8]
  ) {
    let sender = message.sender.bytes
    if style.contains(.fromLine) {
      text.append(text: "From ")
      text += sender.isEmpty ? Array("MAILER-DAEMON".utf8) : sender
      text.append(text: "  ")
      text += MailboxDate.text(time)
      text += message.lineEnd
    }
    if style.contains(.returnPath) { append("Return-Path: <", sender, ">", message, &text) }
    if style.contains(.originalTo), !message.original.isEmpty {
      append("X-Original-To: ", message.original, "", message, &text)
    }
    if style.contains(.deliveredTo) {
      append("Delivered-To: ", message.recipient.bytes, "", message, &text)
    }
  }

  private static func append(
    _ name: StaticString, _ value: [UInt8], _ end: StaticString, _ message: LocalMessage,
    _ text: inout [UInt8]
  ) {
    text.append(text: name)
    text += value
    text.append(text: end)
    text += message.lineEnd
  }
}
