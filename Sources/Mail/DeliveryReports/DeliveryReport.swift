package import MailTypes
import Primitives

/// The message that tells a sender, or the postmaster, what became of mail: a multipart/report of
/// RFC 3464 with a part for people, one for programs, and what was sent, each in the shape that
/// Postfix gives it.
///
/// It is in wire form: CRLF, dots stuffed. Its own sender is the null reverse-path, so that it is
/// never answered by another report (RFC 5321 4.5.5, 6.1).
package struct DeliveryReport: Sendable {
  /// What a report is about.
  package enum Kind: Sendable {
    /// Recipients that will not get the message.
    case failure
    /// Recipients that have it, or to which it went on, whose delivery the sender wanted to know.
    case success
    /// Recipients that have not got it yet and are tried again.
    case delay
  }

  /// Who is told.
  package enum Audience: Sendable {
    /// The sender of the message.
    case sender
    /// Whom `notify_classes` has told of it, at this address.
    case postmaster(MailAddress)
  }

  /// What a report is made from.
  package struct Source: Sendable {
    /// The queue id of the message.
    package var queueID: QueueID
    /// Its sender; null only where the postmaster is told.
    package var sender: MailAddress
    /// ENVID (RFC 3461 4.4), as it was meant; empty for none.
    package var envelopeID: [UInt8]
    /// When it arrived, as an RFC 5322 3.3 date.
    package var arrivalDate: [UInt8]
    /// Until when delayed mail is tried, as an RFC 5322 3.3 date; empty where nothing is.
    package var retryUntil: [UInt8]
    /// The recipients; at least one.
    package var recipients: [ReportedRecipient]
    /// What is given back of it.
    package var returned: ReturnedMessage
    /// Whether the message may go only where SMTPUTF8 is offered: then so its report.
    package var needsSMTPUTF8: Bool

    /// Gathers what is known of a message.
    package init(
      queueID: QueueID, sender: MailAddress, envelopeID: [UInt8] = [], arrivalDate: [UInt8],
      retryUntil: [UInt8] = [], recipients: [ReportedRecipient], returned: ReturnedMessage,
      needsSMTPUTF8: Bool = false
    ) {
      self.queueID = queueID
      self.sender = sender
      self.envelopeID = envelopeID
      self.arrivalDate = arrivalDate
      self.retryUntil = retryUntil
      self.recipients = recipients
      self.returned = returned
      self.needsSMTPUTF8 = needsSMTPUTF8
    }
  }

  /// What the reporting host says of itself.
  package struct Reporter: Sendable {
    /// `myhostname`.
    package var hostname: String
    /// `mail_name`.
    package var mailName: String

    /// Describes the reporting host.
    package init(hostname: String, mailName: String) {
      self.hostname = hostname
      self.mailName = mailName
    }
  }

  /// The header with the empty line behind it.
  package let header: [UInt8]
  /// The body.
  package let body: [UInt8]
  /// The value of `Message-Id:`.
  package let messageID: [UInt8]
  /// Who gets it: the sender of the message.
  package let recipient: MailAddress
  /// Whether the header has bytes over 127, which a sender's address may bring in (RFC 6531).
  package let hasEightBitHeader: Bool
  /// Whether the body has bytes over 127.
  package let isEightBit: Bool
  /// Whether there is a NUL byte.
  package let hasNUL: Bool
  /// Whether a line is longer than 998 bytes.
  package let hasLongLine: Bool
  /// Whether it may go only where SMTPUTF8 is offered.
  package let needsSMTPUTF8: Bool
  /// Bytes of header and body without dot-stuffing.
  package let size: Int

  /// Writes a report with the queue id `reportID`, dated `date` (RFC 5322 3.3).
  package init(
    _ kind: Kind, about source: Source, as reportID: QueueID, date: [UInt8], by reporter: Reporter,
    to audience: Audience = .sender
  ) {
    var source = source
    switch audience {
    case .sender:
      precondition(!source.sender.isNull, "a report goes to somebody")
      recipient = source.sender
    case .postmaster(let address):
      recipient = address
      // Nobody could answer the null sender.
      if source.sender.isNull { source.sender = MailAddress("MAILER-DAEMON@\(reporter.hostname)") }
    }
    precondition(!source.recipients.isEmpty, "a report tells of somebody")
    let boundary = source.boundary(reportID, reporter)
    var body = WireText()
    body.writeLine("This is a MIME-encapsulated message.")
    let notification = kind.notification(of: source, by: reporter, to: audience)
    body.writePart("Notification", boundary, notification) {
      "text/plain; charset=\($0 ? "utf-8" : "us-ascii")"
    }
    body.writePart("Delivery report", boundary, source.fields(by: reporter)) { _ in
      source.needsSMTPUTF8 ? "message/global-delivery-status" : "message/delivery-status"
    }
    let returned = source.returned
    let type = returned.contentType(isGlobal: source.needsSMTPUTF8)
    body.writePart(
      returned.description(kind), boundary, returned.text(sender: source.sender)
    ) { _ in type }
    body.writeLine("")
    body.writeLine("--\(boundary)--")
    messageID = Array("<\(reportID)@\(reporter.hostname)>".utf8)
    var header = WireText()
    header.writeReportHeader(
      kind, to: recipient, audience, id: reportID, messageID: messageID, date: date, by: reporter,
      boundary: boundary, isEightBit: body.isEightBit)
    self.header = header.bytes
    self.body = body.bytes
    hasEightBitHeader = header.isEightBit
    isEightBit = body.isEightBit
    hasNUL = body.hasNUL
    hasLongLine = header.hasLongLine || body.hasLongLine
    needsSMTPUTF8 = source.needsSMTPUTF8 || header.isEightBit
    size = header.plainSize + body.plainSize
  }
}

extension DeliveryReport.Source {
  /// A line that parts the report and that nothing in it can be taken for.
  fileprivate func boundary(_ report: QueueID, _ reporter: DeliveryReport.Reporter) -> String {
    // RFC 2046 5.1.1: at most 70 characters.
    var boundary = "\(queueID).\(report)/\(reporter.hostname.prefix(24))"
    while returned.hasLine(startingWith: Array("--\(boundary)".utf8)) { boundary += "=" }
    return boundary
  }

  /// The part for programs (RFC 3464 2.2).
  fileprivate func fields(by reporter: DeliveryReport.Reporter) -> WireText {
    var text = WireText()
    text.writeLine("Reporting-MTA: dns; \(reporter.hostname)")
    if !envelopeID.isEmpty { text.writeLine(Array("Original-Envelope-Id: ".utf8) + envelopeID) }
    text.writeLine("X-Postfix-Queue-ID: \(queueID)")
    text.writeField("X-Postfix-Sender: ", address: sender.bytes)
    text.writeLine(Array("Arrival-Date: ".utf8) + arrivalDate)
    for recipient in recipients {
      recipient.writeFields(to: &text)
      if !retryUntil.isEmpty { text.writeLine(Array("Will-Retry-Until: ".utf8) + retryUntil) }
    }
    return text
  }
}

extension DeliveryReport.Kind {
  fileprivate func subject(to audience: DeliveryReport.Audience) -> StaticString {
    if case .postmaster = audience {
      return self == .delay
        ? "Postmaster Warning: Delayed Mail" : "Postmaster Copy: Undelivered Mail"
    }
    return switch self {
    case .failure: "Undelivered Mail Returned to Sender"
    case .success: "Successful Mail Delivery Report"
    case .delay: "Delayed Mail (still being retried)"
    }
  }

  private var explanation: [String] {
    switch self {
    case .failure:
      [
        "Your message has not reached the recipients below, and it will not",
        "be tried again. The reason stands beside each of them.", "",
        "If you need help, write to postmaster and include this report. Your",
        "own message, which is attached, you may leave out.",
      ]
    case .success:
      [
        "Your message has left this system as is said below. What went into",
        "a mailbox has arrived. Where it went on to another system, that",
        "system may still tell you that it could not be delivered.",
      ]
    case .delay:
      [
        "This is only a warning: there is no need to send your message again.", "",
        "It has not reached the recipients below so far. The reason stands",
        "beside each of them. This system goes on trying; if it has to give up,",
        "you will be told.",
      ]
    }
  }

  /// The part for people; the postmaster needs no explanation.
  fileprivate func notification(
    of source: DeliveryReport.Source, by reporter: DeliveryReport.Reporter,
    to audience: DeliveryReport.Audience
  ) -> WireText {
    var text = WireText()
    if case .sender = audience {
      text.writeLine("This is the mail system at host \(reporter.hostname).")
      text.writeLine("")
      for line in explanation { text.writeLine(line) }
      text.writeLine("")
      text.writeLine("                   The mail system")
    }
    for recipient in source.recipients { recipient.writeParagraph(to: &text) }
    return text
  }
}

extension WireText {
  fileprivate mutating func writeReportHeader(
    _ kind: DeliveryReport.Kind, to recipient: MailAddress, _ audience: DeliveryReport.Audience,
    id: QueueID, messageID: [UInt8], date: [UInt8], by reporter: DeliveryReport.Reporter,
    boundary: String, isEightBit: Bool
  ) {
    let host = reporter.hostname
    writeLine("Received: by \(host) (\(reporter.mailName))")
    writeLine(Array("\tid \(id); ".utf8) + date)
    writeLine(Array("Date: ".utf8) + date)
    writeLine("From: Mail Delivery System <MAILER-DAEMON@\(host)>")
    writeLine("Subject: \(kind.subject(to: audience))")
    writeLine(Array("To: ".utf8) + recipient.bytes)
    if case .sender = audience {
      writeLine("Auto-Submitted: auto-replied")
    } else {
      writeLine("Auto-Submitted: auto-generated")
    }
    writeLine("MIME-Version: 1.0")
    writeLine("Content-Type: multipart/report; report-type=delivery-status;")
    writeLine("\tboundary=\"\(boundary)\"")
    writeLine("Content-Transfer-Encoding: \(isEightBit ? "8bit" : "7bit")")
    writeLine(Array("Message-Id: ".utf8) + messageID)
    writeLine("")
  }

  /// Writes one part; `type` makes its type, told whether it has bytes over 127.
  fileprivate mutating func writePart(
    _ description: String, _ boundary: String, _ text: WireText, type: (Bool) -> String
  ) {
    writeLine("")
    writeLine("--\(boundary)")
    writeLine("Content-Description: \(description)")
    writeLine("Content-Type: \(type(text.isEightBit))")
    if text.isEightBit { writeLine("Content-Transfer-Encoding: 8bit") }
    writeLine("")
    write(text)
  }
}
