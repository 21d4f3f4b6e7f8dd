import Glibc
import MailTypes
import Primitives
package import ServiceKit

/// Prints queue entries as `postqueue -p` and `mailq` do, for long queue ids.
package struct QueueListText {
  /// The column in which the closing parenthesis of a reason ends.
  private static let reasonWidth = 76

  private var messages = 0
  private var bytes: UInt64 = 0
  /// The reason above the last recipient, for a message that is told in pieces.
  private var lastReason: [UInt8] = []

  /// Starts an empty listing.
  package init() {}

  /// The lines of one message or of a piece of it, and before the first the heading.
  package mutating func lines(for entry: QueueListEntry) -> [UInt8] {
    var out: [UInt8] = []
    if entry.piece.begins { appendHead(of: entry, to: &out) }
    for recipient in entry.recipients {
      if recipient.reason != lastReason, !recipient.reason.isEmpty {
        let padding = max(0, Self.reasonWidth - recipient.reason.count)
        out.append(contentsOf: repeatElement(ASCII.space, count: padding))
        out.append(text: "(")
        out.append(peerText: recipient.reason)
        out.append(text: ")\n")
      }
      lastReason = recipient.reason
      out.append(contentsOf: repeatElement(ASCII.space, count: 17 + 1 + 8 + 1 + 19 + 1))
      out.append(peerText: recipient.address.bytes)
      out.append(ASCII.lf)
    }
    if entry.piece.ends { out.append(ASCII.lf) }
    return out
  }

  private mutating func appendHead(of entry: QueueListEntry, to out: inout [UInt8]) {
    lastReason = []
    if messages == 0 {
      out.append(
        text: "----Queue ID----- --Size-- ---Arrival Time---- --Sender/Recipient------\n")
    }
    messages += 1
    bytes += entry.size
    var id: [UInt8] = []
    entry.id.append(to: &id)
    if entry.state == .active { id.append(UInt8(ascii: "*")) }
    if entry.state == .hold { id.append(UInt8(ascii: "!")) }
    if entry.isToExpire { id.append(UInt8(ascii: "#")) }
    out.append(padded: id, width: 17)
    out.append(ASCII.space)
    var size: [UInt8] = []
    size.append(decimal: entry.size)
    out.append(contentsOf: repeatElement(ASCII.space, count: max(0, 8 - size.count)))
    out.append(contentsOf: size)
    out.append(ASCII.space)
    out.append(string: Self.arrivalText(entry.arrival))
    out.append(ASCII.space)
    out.append(text: "")
    out.append(
      peerText: entry.sender.isNull ? Array("MAILER-DAEMON".utf8) : entry.sender.bytes)
    out.append(ASCII.lf)
  }

  /// The closing line.
  package func summary() -> String {
    guard messages > 0 else { return "Mail queue is empty\n" }
    return "-- \(bytes / 1024) Kbytes in \(messages) Request\(messages == 1 ? "" : "s").\n"
  }

  /// `Mon Nov 23 17:41:00` in local time.
  static func arrivalText(_ time: WallTime) -> String {
    var seconds = time_t(time.seconds)
    var parts = tm()
    localtime_r(&seconds, &parts)
    var buffer = [CChar](repeating: 0, count: 64)
    let count = strftime(&buffer, buffer.count, "%a %b %e %H:%M:%S", &parts)
    return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}

extension [UInt8] {
  /// Appends bytes and fills up with spaces to `width`.
  mutating func append(padded bytes: [UInt8], width: Int) {
    append(contentsOf: bytes)
    append(contentsOf: repeatElement(ASCII.space, count: Swift.max(0, width - bytes.count)))
  }
}
