import MailTypes
import Primitives
import SMTPGrammar

/// Commands that bring no mail: VRFY, ETRN, and those that are none.
extension SMTPServerCore {
  /// VRFY (RFC 5321 3.5): an address that RCPT would take is good, and nobody is told more.
  mutating func vrfy(
    _ line: UnsafeRawBufferPointer, _ argument: Range<Int>, into out: inout [UInt8]
  ) -> SMTPServerStep {
    if rules.settings.vrfyDisabled {
      return fail("502 5.5.1 VRFY command is disabled\r\n", junk: true, into: &out)
    }
    let (path, isInternational) = verifiedPath(line, argument)
    guard !path.isEmpty else {
      return fail("501 5.5.4 Syntax: VRFY address [SMTPUTF8]\r\n", junk: true, into: &out)
    }
    countedEvent = .recipient
    guard let address = address(line, path, isInternational: isInternational),
      !Self.isEmpty(address)
    else {
      warnOfSyntax(line[path])
      return fail("501 5.1.3 Bad recipient address syntax\r\n", junk: true, into: &out)
    }
    pendingRecipient = address
    verified = Array(line[path])
    pending = .verification
    return .authorizeRecipient
  }

  /// The argument of VRFY without the parameter SMTPUTF8 (RFC 6531 3.7.4.2).
  private func verifiedPath(
    _ line: UnsafeRawBufferPointer, _ argument: Range<Int>
  ) -> (Range<Int>, isInternational: Bool) {
    let name: StaticString = "smtputf8"
    let start = argument.upperBound - name.utf8CodeUnitCount
    guard offersSMTPUTF8, start >= argument.lowerBound,
      start == argument.lowerBound || SMTPCommand.isSpace(line[start - 1]),
      ASCII.equalFolded(.init(rebasing: line[start..<argument.upperBound]), name)
    else { return (argument, false) }
    var end = start
    while end > argument.lowerBound, SMTPCommand.isSpace(line[end - 1]) { end -= 1 }
    return (argument.lowerBound..<end, true)
  }

  /// ETRN (RFC 1985): no queue is kept for clients that are not always there.
  mutating func etrn(
    _ line: UnsafeRawBufferPointer, _ argument: Range<Int>, into out: inout [UInt8]
  ) -> SMTPServerStep {
    if rules.settings.heloRequired, helo == nil {
      return fail("503 Error: send HELO/EHLO first\r\n", junk: true, into: &out)
    }
    if transaction != nil {
      return fail("503 Error: MAIL transaction in progress\r\n", junk: true, into: &out)
    }
    let words = line[argument].split(whereSeparator: SMTPCommand.isSpace)
    guard words.count == 1 else {
      return fail("500 Syntax: ETRN domain\r\n", junk: true, into: &out)
    }
    let isMarked = "@#".utf8.contains(words[0][words[0].startIndex])
    let domain = isMarked ? words[0].dropFirst() : words[0]
    guard HostSyntax.isHostname(domain) || HostSyntax.address(ofLiteral: domain) != nil else {
      return fail("501 Error: invalid parameter syntax\r\n", junk: true, into: &out)
    }
    pendingETRN = String(decoding: domain, as: UTF8.self)
    pending = .etrn
    return .authorizeETRN
  }

  mutating func decideETRN(_ verdict: SMTPVerdict, into out: inout [UInt8]) -> SMTPServerStep {
    guard let name = pendingETRN else { preconditionFailure("no ETRN is in question") }
    pendingETRN = nil
    if case .refuse(let reply) = verdict { return refuse(reply, junk: true, into: &out) }
    return refuse(
      SMTPReply(459, nil, "<\(name)>: service unavailable"), junk: true, into: &out)
  }

  mutating func unknown(
    _ line: UnsafeRawBufferPointer, _ command: SMTPCommand, into out: inout [UInt8]
  ) -> SMTPServerStep {
    let verb = line[command.verbRange]
    let startsOddly = verb.first.map { !ASCII.isLetter($0) } ?? false
    let isHeaderField = verb.dropFirst().contains(UInt8(ascii: ":"))
    if rules.forbidden.contains(word(line, command))
      || rules.settings.forbidsNonLetters && startsOddly || isHeaderField
    {
      // A client that did not wait for the refusal of its AUTH goes on with its password.
      let shown = mayHearSecrets ? UnsafeRawBufferPointer(rebasing: line[..<0]) : line
      warn("non-SMTP command from \(client.logName)", shown)
      out.append(text: "221 2.7.0 Error: I can break rules, too. Goodbye.\r\n")
      return close()
    }
    return fail("500 5.5.2 Error: command not recognized\r\n", into: &out)
  }

  /// The verb in lower case.
  func word(_ line: UnsafeRawBufferPointer, _ command: SMTPCommand) -> String {
    String(decoding: line[command.verbRange].map(ASCII.lowercased), as: UTF8.self)
  }
}
