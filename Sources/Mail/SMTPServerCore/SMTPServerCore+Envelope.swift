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
    guard let parts = EnvelopeArgument(line, argument, keyword: "from:") else {
      return fail("501 5.5.4 Syntax: MAIL FROM:<address>\r\n", into: &out)
    }
    guard let sender = address(line, parts.path) else {
      return fail("501 5.1.7 Bad sender address syntax\r\n", into: &out)
    }
    var envelope = SMTPTransaction(sender: completed(sender), given: sender)
    for parameter in parts.parameters {
      if let reply = Self.apply(line[parameter], to: &envelope, rules: rules) {
        return refuse(reply, into: &out)
      }
    }
    transaction = envelope
    pending = .sender
    return .authorizeSender
  }

  /// Takes one parameter of MAIL; the reply that refuses it, or `nil`.
  private static func apply(
    _ parameter: Slice<UnsafeRawBufferPointer>, to envelope: inout SMTPTransaction,
    rules: SMTPServerRules
  ) -> SMTPReply? {
    if let value = value(of: parameter, "size=") {
      guard !value.isEmpty, value.allSatisfy(ASCII.isDigit) else {
        return SMTPReply(501, EnhancedStatus(5, 5, 4), "Bad message size syntax")
      }
      guard let size = Int(String(decoding: value, as: UTF8.self)) else {
        return SMTPReply(
          552, EnhancedStatus(5, 3, 4), "Message size exceeds file system imposed limit")
      }
      if rules.settings.messageSizeLimit > 0, size > rules.settings.messageSizeLimit {
        return SMTPReply(552, EnhancedStatus(5, 3, 4), "Message size exceeds fixed limit")
      }
      envelope.announcedSize = size
      return nil
    }
    if let value = value(of: parameter, "body=") {
      if ASCII.equalFolded(value, "8bitmime".utf8) {
        envelope.isEightBit = true
        return nil
      }
      if ASCII.equalFolded(value, "7bit".utf8) {
        envelope.isEightBit = false
        return nil
      }
    }
    // RFC 4954 5: a server must take AUTH= from a client that it does not trust, and ignore it.
    if value(of: parameter, "auth=") != nil { return nil }
    return unsupported(parameter)
  }

  private static func value(
    of parameter: Slice<UnsafeRawBufferPointer>, _ name: StaticString
  ) -> Slice<UnsafeRawBufferPointer>? {
    let length = name.utf8CodeUnitCount
    guard parameter.count >= length,
      ASCII.equalFolded(UnsafeRawBufferPointer(rebasing: parameter.prefix(length)), name)
    else { return nil }
    return parameter.dropFirst(length)
  }

  private static func unsupported(_ parameter: Slice<UnsafeRawBufferPointer>) -> SMTPReply {
    let text = String(decoding: parameter, as: UTF8.self)
    return SMTPReply(555, EnhancedStatus(5, 5, 4), "Unsupported option: \(text)")
  }

  mutating func rcpt(
    _ line: UnsafeRawBufferPointer, _ argument: Range<Int>, into out: inout [UInt8]
  ) -> SMTPServerStep {
    guard transaction != nil else {
      return fail("503 5.5.1 Error: need MAIL command\r\n", into: &out)
    }
    guard let parts = EnvelopeArgument(line, argument, keyword: "to:") else {
      return fail("501 5.5.4 Syntax: RCPT TO:<address>\r\n", into: &out)
    }
    guard let recipient = address(line, parts.path), !recipient.isNull,
      recipient.bytes != Array("\"\"".utf8)
    else {
      return fail("501 5.1.3 Bad recipient address syntax\r\n", into: &out)
    }
    if let parameter = parts.parameters.first {
      return refuse(Self.unsupported(line[parameter]), into: &out)
    }
    if transaction!.recipients.count >= rules.settings.recipientLimit {
      transaction!.overshoot += 1
      out.append(text: "452 4.5.3 Error: too many recipients\r\n")
      if transaction!.overshoot > rules.settings.recipientOvershootLimit { errorCount += 1 }
      return afterReply(junk: false, into: &out)
    }
    pendingRecipient = recipient
    pending = .recipient
    return .authorizeRecipient
  }

  /// Answers the question that the last step asked.
  package mutating func decide(
    _ verdict: SMTPVerdict, into out: inout [UInt8]
  ) -> SMTPServerStep {
    let question = pending
    precondition(
      question == .helo || question == .sender || question == .recipient || question == .admission)
    pending = .nothing
    if question == .helo { return decideHelo(verdict, into: &out) }
    let recipient = pendingRecipient
    pendingRecipient = nil
    if case .refuse(let reply) = verdict {
      if question == .sender { transaction = nil }
      return refuse(reply, into: &out)
    }
    if question == .admission { return admitContent(into: &out) }
    if let recipient {
      transaction!.recipients.append(completed(recipient))
      return succeed("250 2.1.5 Ok\r\n", junk: false, into: &out)
    }
    return succeed("250 2.1.0 Ok\r\n", junk: false, into: &out)
  }

  private func address(_ line: UnsafeRawBufferPointer, _ path: Range<Int>) -> MailAddress? {
    let bytes = UnsafeRawBufferPointer(rebasing: line[path])
    do {
      return try PathParser.parse(bytes, strict: rules.settings.strictEnvelopes)
    } catch {
      // Every fault of a path has the one reply that its command gives.
      return nil
    }
  }

  /// `append_at_myorigin`: an address without a domain is one of ours; a route names its domain.
  private func completed(_ address: MailAddress) -> MailAddress {
    guard address.atIndex == nil, !address.isNull, !rules.settings.myorigin.isEmpty,
      !address.bytes.contains(where: { "@!%".utf8.contains($0) })
    else { return address }
    return MailAddress(address.bytes + Array("@\(rules.settings.myorigin)".utf8))
  }
}
