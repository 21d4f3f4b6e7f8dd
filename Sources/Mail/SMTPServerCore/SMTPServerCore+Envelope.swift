import MailTypes
import Primitives
import SMTPGrammar

/// MAIL and RCPT (RFC 5321 4.1.1.2, 4.1.1.3).
extension SMTPServerCore {
  mutating func mail(
    _ line: UnsafeRawBufferPointer, _ argument: Range<Int>, into out: inout [UInt8]
  ) -> SMTPServerStep {
    if rules.settings.heloRequired, helo == nil {
      return fail("503 5.5.1 Error: send HELO/EHLO first\r\n", into: &out)
    }
    guard transaction == nil else {
      return fail("503 5.5.1 Error: nested MAIL command\r\n", into: &out)
    }
    guard chunks.state == .none else {
      return fail("503 5.5.1 Error: MAIL after BDAT\r\n", into: &out)
    }
    guard let parts = EnvelopeArgument(line, argument, keyword: "from:") else {
      return fail("501 5.5.4 Syntax: MAIL FROM:<address>\r\n", into: &out)
    }
    countedEvent = .message
    let isInternational =
      offersSMTPUTF8 && parts.parameters.contains { Self.isSMTPUTF8(line[$0]) }
    guard let sender = address(line, parts.path, isInternational: isInternational) else {
      warnOfSyntax(line[parts.path])
      return fail("501 5.1.7 Bad sender address syntax\r\n", into: &out)
    }
    var envelope = SMTPTransaction(sender: sender)
    for parameter in parts.parameters {
      if let reply = apply(line[parameter], to: &envelope) {
        return refuse(reply, into: &out)
      }
    }
    transaction = envelope
    pending = .sender
    return .authorizeSender
  }

  mutating func rcpt(
    _ line: UnsafeRawBufferPointer, _ argument: Range<Int>, into out: inout [UInt8]
  ) -> SMTPServerStep {
    guard let transaction else {
      return fail("503 5.5.1 Error: need MAIL command\r\n", into: &out)
    }
    guard chunks.state == .none else {
      return fail("503 5.5.1 Error: RCPT after BDAT\r\n", into: &out)
    }
    guard let parts = EnvelopeArgument(line, argument, keyword: "to:") else {
      return fail("501 5.5.4 Syntax: RCPT TO:<address>\r\n", into: &out)
    }
    countedEvent = .recipient
    let isInternational = transaction.isInternational
    guard let path = address(line, parts.path, isInternational: isInternational),
      !Self.isEmpty(path)
    else {
      warnOfSyntax(line[parts.path])
      return fail("501 5.1.3 Bad recipient address syntax\r\n", into: &out)
    }
    var recipient = SMTPRecipient(address: path)
    for parameter in parts.parameters {
      if let reply = apply(line[parameter], to: &recipient) { return refuse(reply, into: &out) }
    }
    if transaction.recipients.count >= rules.settings.recipientLimit {
      return refuseOvershoot(into: &out)
    }
    pendingRecipient = path
    recipientAtHand = recipient
    pending = .recipient
    return .authorizeRecipient
  }

  private mutating func refuseOvershoot(into out: inout [UInt8]) -> SMTPServerStep {
    let overshoot = (transaction?.overshoot ?? 0) + 1
    transaction?.overshoot = overshoot
    out.append(text: "452 4.5.3 Error: too many recipients\r\n")
    if overshoot > rules.settings.recipientOvershootLimit {
      errorCount += 1
    } else {
      // In Postfix's line at the end of a session they count as accepted.
      counters.countAccepted(current)
    }
    return afterReply(junk: false, into: &out)
  }

  /// Bytes that the recipient in question takes, with what RCPT said about it.
  package var pendingRecipientSize: Int {
    guard let recipientAtHand else { return 0 }
    return MemoryLayout<SMTPRecipient>.stride + recipientAtHand.address.bytes.count
      + recipientAtHand.original.count
  }

  /// Whether the open question is about the address of VRFY.
  package var isVerifying: Bool { pending == .verification }

  /// Answers the question that the last step asked.
  package mutating func decide(
    _ verdict: SMTPVerdict, into out: inout [UInt8]
  ) -> SMTPServerStep {
    let question = pending
    pending = .nothing
    if question == .etrn { return decideETRN(verdict, into: &out) }
    if question == .helo { return decideHelo(verdict, into: &out) }
    if question == .security { return decideTLS(verdict, into: &out) }
    pendingRecipient = nil
    let recipient = recipientAtHand
    recipientAtHand = nil
    if case .refuse(let reply) = verdict {
      if question == .sender { transaction = nil }
      if question == .admission, current == .bdat { return drop(reply) }
      return refuse(reply, into: &out)
    }
    switch question {
    case .sender: return succeed("250 2.1.0 Ok\r\n", junk: false, into: &out)
    case .admission: return admitContent(into: &out)
    case .verification:
      counters.countAccepted(.vrfy)
      SMTPReply(252, EnhancedStatus(2, 0, 0), String(decoding: verified, as: UTF8.self))
        .append(to: &out)
      verified = []
      return afterReply(junk: true, into: &out)
    case .recipient:
      if let recipient { transaction?.recipients.append(recipient) }
      return succeed("250 2.1.5 Ok\r\n", junk: false, into: &out)
    default: preconditionFailure("nothing was asked")
    }
  }

  /// Reads a path. Names of hosts outside ASCII are for clients that said so (RFC 6531 3.1).
  func address(
    _ line: UnsafeRawBufferPointer, _ path: Range<Int>, isInternational: Bool
  ) -> MailAddress? {
    let bytes = UnsafeRawBufferPointer(rebasing: line[path])
    do {
      let address = try PathParser.parse(bytes, strict: rules.settings.strictEnvelopes)
      return isInternational || address.domain.allSatisfy { $0 < 0x80 } ? address : nil
    } catch {
      // Every fault of a path has the one reply that its command gives.
      return nil
    }
  }

  mutating func warnOfSyntax(_ path: Slice<UnsafeRawBufferPointer>) {
    warn("Illegal address syntax from \(client.logName) in \(lastCommand) command", path)
  }

  /// Whether a path names nobody.
  static func isEmpty(_ address: MailAddress) -> Bool {
    address.isNull || address.bytes == Array("\"\"".utf8)
  }
}
