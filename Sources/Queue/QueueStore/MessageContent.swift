import MailTypes
import Primitives
import QueueFormat

/// Takes the stuffed dots out of content in wire form (RFC 5321 4.5.2), part by part.
package struct DotUnstuffer: Sendable {
  /// What lines end with in the result.
  package enum LineEnd: Sendable {
    /// CRLF, as on the wire and in RFC 5322.
    case crlf
    /// LF alone, as files of this host have it.
    case lf
  }

  private let lineEnd: LineEnd
  private var isAtLineStart = true
  private var hasCR = false

  /// An unstuffer at the start of a message.
  package init(lineEnd: LineEnd) {
    self.lineEnd = lineEnd
  }

  /// Appends the next part of the content to `text`.
  package mutating func append(_ part: UnsafeRawBufferPointer, to text: inout [UInt8]) {
    for byte in part {
      if hasCR {
        hasCR = false
        if byte != ASCII.lf { text.append(ASCII.cr) }
      }
      if isAtLineStart {
        isAtLineStart = false
        if byte == UInt8(ascii: ".") { continue }
      }
      if byte == ASCII.lf {
        if lineEnd == .crlf { text.append(ASCII.cr) }
        isAtLineStart = true
      } else if byte == ASCII.cr {
        hasCR = true
        continue
      }
      text.append(byte)
    }
  }
}

extension SpoolInspection {
  /// Shows a message's header and body without dot-stuffing, in parts of bounded size.
  ///
  /// - Throws: `.damaged` when the segment ends within the message; what the disk or `body` says.
  package func readContent(
    of message: InspectedMessage, lineEnd: DotUnstuffer.LineEnd,
    _ body: ([UInt8]) throws(SpoolError) -> Void
  ) throws(SpoolError) {
    let file = try disk.open(message.segment.segmentFile, in: .segments, writable: false)
    var unstuffer = DotUnstuffer(lineEnd: lineEnd)
    for extent in [message.lead.header, message.lead.body] {
      var at = extent.offset
      while at < extent.end {
        let wanted = Int(min(256 << 10, extent.end - at))
        let part = try disk.read(wanted, from: file, at: at)
        guard part.count == wanted else { throw .damaged }
        var text: [UInt8] = []
        text.reserveCapacity(wanted)
        part.withUnsafeBytes { unstuffer.append($0, to: &text) }
        try body(text)
        at += UInt64(wanted)
      }
    }
  }
}

extension InspectedMessage {
  /// The envelope as text, one `name: value` a line, addresses in angle brackets: what is needed
  /// to send the message by hand. Only recipients with something left to do are named.
  package var envelopeText: [UInt8] {
    var text: [UInt8] = []
    text.append(field: "queue-id", Array(lead.id.description.utf8))
    text.append(field: "state", Array(state.rawValue.utf8))
    guard let envelope else { return text }
    text.append(field: "arrival", Array(String(envelope.arrival.seconds).utf8))
    text.append(field: "sender", [0x3c] + envelope.sender.bytes + [0x3e])
    for recipient in openRecipients {
      text.append(field: "recipient", [0x3c] + recipient.address.bytes + [0x3e])
    }
    text.append(field: "client-name", envelope.client.name)
    text.append(field: "client-address", envelope.client.address)
    text.append(field: "helo", envelope.client.helo)
    text.append(field: "protocol", envelope.client.protocolName)
    text.append(field: "envid", envelope.envelopeID)
    text.append(field: "sasl-user", envelope.sasl?.user ?? [])
    if lead.flags.contains(.body8Bit) { text.append(field: "body", Array("8BITMIME".utf8)) }
    if lead.flags.contains(.needsSMTPUTF8) { text.append(field: "smtputf8", [0x31]) }
    return text
  }
}

extension [UInt8] {
  /// Appends `name: value` with control characters as `?`, and nothing for an empty value.
  fileprivate mutating func append(field name: StaticString, _ value: [UInt8]) {
    guard !value.isEmpty else { return }
    append(text: name)
    append(text: ": ")
    for byte in value { append(byte < 32 || byte == 127 ? UInt8(ascii: "?") : byte) }
    append(ASCII.lf)
  }
}
