package import MailTypes
import Primitives

/// A message to the postmaster about trouble of this host's with somebody: plain text, in wire
/// form.
package struct PostmasterNotice: Sendable {
  /// The header with the empty line behind it.
  package let header: [UInt8]
  /// The body.
  package let body: [UInt8]
  /// The value of `Message-Id:`.
  package let messageID: [UInt8]
  /// Whether there is a byte over 127 in the body.
  package let isEightBit: Bool
  /// Whether there is one in the header.
  package let hasEightBitHeader: Bool
  /// Bytes of header and body without dot-stuffing.
  package let size: Int

  /// Whether a line begins with a dot that was stuffed.
  package var hasStuffedLines: Bool { size != header.count + body.count }

  /// Writes a notice.
  ///
  /// - Parameters:
  ///   - transcript: what happened, in lines that end in LF.
  ///   - reason: why it ended; `nil` for the usual end.
  ///   - id: the notice's queue id.
  ///   - date: as of RFC 5322 3.3.
  package init(
    to recipient: MailAddress, subject: String, transcript: [UInt8], reason: String?,
    as id: QueueID, date: [UInt8], by reporter: DeliveryReport.Reporter
  ) {
    let host = reporter.hostname
    messageID = Array("<\(id)@\(host)>".utf8)
    var header = WireText()
    header.writeLine("Received: by \(host) (\(reporter.mailName))")
    header.writeLine(Array("\tid \(id); ".utf8) + date)
    header.writeLine(Array("Date: ".utf8) + date)
    header.writeLine("From: Mail Delivery System <MAILER-DAEMON@\(host)>")
    header.writeLine(Array("To: Postmaster <".utf8) + recipient.bytes + Array(">".utf8))
    header.writeLine("Subject: \(subject)")
    header.writeLine(Array("Message-Id: ".utf8) + messageID)
    header.writeLine("Auto-Submitted: auto-generated")
    header.writeLine("")
    var body = WireText()
    body.writeLine("Transcript of session follows.")
    body.writeLine("")
    var rest = transcript[...]
    while let end = rest.firstIndex(of: ASCII.lf) {
      body.writeLine(rest[..<end])
      rest = rest[(end + 1)...]
    }
    body.writeLine("")
    if let reason {
      body.writeLine("Session aborted, reason: \(reason)")
      body.writeLine("")
    }
    body.writeLine("For other details, see the local mail logfile")
    self.header = header.bytes
    self.body = body.bytes
    isEightBit = body.isEightBit
    hasEightBitHeader = header.isEightBit
    size = header.plainSize + body.plainSize
  }
}
