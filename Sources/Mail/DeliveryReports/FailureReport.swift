package import MailTypes
import Primitives

/// A recipient that will not get the message, and why.
package struct FailedRecipient: Sendable {
  /// The recipient as the transport had it.
  package let address: MailAddress
  /// The recipient as the sender wrote it, when that was another.
  package let originalAddress: MailAddress?
  /// The enhanced status of the failure.
  package let status: EnhancedStatus
  /// The reason as the log has it.
  package let reason: [UInt8]

  /// Names a failed recipient.
  package init(
    address: MailAddress, originalAddress: MailAddress? = nil, status: EnhancedStatus,
    reason: [UInt8]
  ) {
    self.address = address
    self.originalAddress = originalAddress
    self.status = status
    self.reason = reason
  }
}

/// The message that tells a sender which recipients will not get the mail, as plain text.
///
/// It is in wire form: CRLF, dots stuffed. Its own sender is the null reverse-path, so that it is
/// never answered by another report (RFC 5321 4.5.5, 6.1).
package struct FailureReport: Sendable {
  /// The header with the empty line behind it.
  package let header: [UInt8]
  /// The body.
  package let body: [UInt8]
  /// Whether the header has bytes over 127, which a sender's address may bring in (RFC 6531).
  package let hasEightBitHeader: Bool
  /// Whether the body has bytes over 127.
  package let isEightBit: Bool
  /// Who gets it: the sender of the message that failed.
  package let recipient: MailAddress
  /// Bytes of header and body without dot-stuffing.
  package let size: Int

  /// What a report is made from.
  package struct Source: Sendable {
    /// The queue id of the message that failed.
    package var queueID: QueueID
    /// Its sender.
    package var sender: MailAddress
    /// When it arrived, as an RFC 5322 3.3 date.
    package var arrivalDate: [UInt8]
    /// The recipients that failed; at least one.
    package var recipients: [FailedRecipient]
    /// Its header in wire form, with or without the empty line behind it.
    package var header: [UInt8]

    /// Gathers what is known of a message that failed.
    package init(
      queueID: QueueID, sender: MailAddress, arrivalDate: [UInt8], recipients: [FailedRecipient],
      header: [UInt8]
    ) {
      self.queueID = queueID
      self.sender = sender
      self.arrivalDate = arrivalDate
      self.recipients = recipients
      self.header = header
    }
  }

  /// What the reporting host says of itself.
  package struct Reporter: Sendable {
    /// `myhostname`.
    package var hostname: String
    /// `mail_name`.
    package var mailName: String
    /// `bounce_size_limit`: how much of the message is returned, in bytes.
    package var returnedSizeLimit: Int

    /// Describes the reporting host.
    package init(hostname: String, mailName: String, returnedSizeLimit: Int = 50_000) {
      self.hostname = hostname
      self.mailName = mailName
      self.returnedSizeLimit = returnedSizeLimit
    }
  }

  /// Writes a report with the queue id `reportID`, dated `date` (RFC 5322 3.3); `nil` when the
  /// message has no sender to tell.
  package init?(about source: Source, as reportID: QueueID, date: [UInt8], by reporter: Reporter) {
    guard !source.sender.isNull else { return nil }
    precondition(!source.recipients.isEmpty, "a failure has a recipient")
    var body = WireText()
    body.writeFailures(of: source, by: reporter)
    body.writeReturnedHeader(source.header, limit: reporter.returnedSizeLimit)
    isEightBit = body.isEightBit
    var header = WireText()
    header.writeReportHeader(
      to: source.sender, id: reportID, date: date, by: reporter, isEightBit: isEightBit)
    self.header = header.bytes
    hasEightBitHeader = header.isEightBit
    self.body = body.bytes
    recipient = source.sender
    size = header.plainSize + body.plainSize
  }
}

extension WireText {
  fileprivate mutating func writeReportHeader(
    to sender: MailAddress, id: QueueID, date: [UInt8], by reporter: FailureReport.Reporter,
    isEightBit: Bool
  ) {
    let host = reporter.hostname
    writeLine("Received: by \(host) (\(reporter.mailName))")
    writeLine(Array("\tid \(id); ".utf8) + date)
    writeLine(Array("Date: ".utf8) + date)
    writeLine("From: MAILER-DAEMON@\(host) (Mail Delivery System)")
    writeLine("Subject: Undelivered Mail Returned to Sender")
    writeLine(Array("To: ".utf8) + sender.bytes)
    writeLine("Auto-Submitted: auto-replied")
    writeLine("Message-Id: <\(id)@\(host)>")
    writeLine("MIME-Version: 1.0")
    writeLine("Content-Type: text/plain; charset=\(isEightBit ? "utf-8" : "us-ascii")")
    writeLine("Content-Transfer-Encoding: \(isEightBit ? "8bit" : "7bit")")
    writeLine("")
  }

  fileprivate mutating func writeFailures(
    of source: FailureReport.Source, by reporter: FailureReport.Reporter
  ) {
    writeLine("This report comes from the mail system at \(reporter.hostname).")
    writeLine("")
    writeLine("Your message has not reached the recipients below, and it will not be")
    writeLine("tried again. The reason stands beside each of them.")
    writeLine("")
    writeLine("If you need help, write to postmaster and include this report.")
    writeLine("")
    writeLine(Array("Message \(source.queueID) arrived on ".utf8) + source.arrivalDate)
    for recipient in source.recipients {
      writeLine("")
      var text: [UInt8] = [UInt8(ascii: "<")] + recipient.address.bytes
      if let original = recipient.originalAddress, original != recipient.address {
        text.append(text: "> (expanded from <")
        text += original.bytes
        text.append(text: ">): ")
      } else {
        text.append(text: ">: ")
      }
      text += recipient.reason
      writeFolded(text)
      writeLine("    Status: \(recipient.status)")
    }
  }

  /// Returns the header of the message: whole lines, as many as the limit allows.
  fileprivate mutating func writeReturnedHeader(_ header: [UInt8], limit: Int) {
    writeLine("")
    writeLine("---- The header of your message ----")
    var lines = header.split(separator: ASCII.lf, omittingEmptySubsequences: false)
    if lines.last?.isEmpty == true { lines.removeLast() }
    if let last = lines.last, last.isEmpty || last.elementsEqual([ASCII.cr]) { lines.removeLast() }
    var room = limit
    for line in lines {
      room -= line.count + 1
      guard room >= 0 else {
        writeLine("---- The rest is left out ----")
        return
      }
      writeStuffedLine(line.last == ASCII.cr ? line.dropLast() : line)
    }
  }
}
