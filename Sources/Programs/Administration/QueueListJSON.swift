import MailTypes
import Primitives
package import ServiceKit

/// Prints queue entries as `postqueue -j` does: one JSON object in a line (RFC 8259), the pieces of
/// an entry one behind the other.
package enum QueueListJSON {
  /// The line of one message, or the part of the line that a piece makes.
  package static func line(for entry: QueueListEntry) -> [UInt8] {
    var out: [UInt8] = []
    if entry.piece.begins { appendHead(of: entry, to: &out) }
    for (index, recipient) in entry.recipients.enumerated() {
      if index > 0 || !entry.piece.begins { out.append(text: ", ") }
      out.append(text: "{\"address\": ")
      out.append(json: recipient.address.bytes)
      if !recipient.reason.isEmpty {
        out.append(text: ", \"delay_reason\": ")
        out.append(json: recipient.reason)
      }
      out.append(text: "}")
    }
    if entry.piece.ends { out.append(text: "]}\n") }
    return out
  }

  private static func appendHead(of entry: QueueListEntry, to out: inout [UInt8]) {
    out.append(text: "{\"queue_name\": ")
    out.append(json: Array(entry.state.queueName.utf8))
    out.append(text: ", \"queue_id\": ")
    out.append(json: Array(entry.id.description.utf8))
    out.append(text: ", \"arrival_time\": ")
    out.append(decimal: entry.arrival.seconds)
    out.append(text: ", \"message_size\": ")
    out.append(decimal: entry.size)
    out.append(text: ", \"forced_expire\": ")
    out.append(text: entry.isToExpire ? "true" : "false")
    out.append(text: ", \"sender\": ")
    out.append(json: entry.sender.isNull ? Array("MAILER-DAEMON".utf8) : entry.sender.bytes)
    out.append(text: ", \"recipients\": [")
  }
}

extension [UInt8] {
  /// Appends a JSON string; bytes that are no UTF-8 become U+FFFD.
  mutating func append(json bytes: [UInt8]) {
    append(UInt8(ascii: "\""))
    for byte in String(decoding: bytes, as: UTF8.self).utf8 {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"):
        append(UInt8(ascii: "\\"))
        append(byte)
      case 0..<32, 127:
        append(text: "\\u")
        append(hex: UInt64(byte), width: 4)
      default: append(byte)
      }
    }
    append(UInt8(ascii: "\""))
  }
}
