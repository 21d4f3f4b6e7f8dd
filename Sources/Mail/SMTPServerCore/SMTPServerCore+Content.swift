package import MailTypes
import Primitives
import SMTPGrammar

/// DATA, and the ends of replies and sessions.
extension SMTPServerCore {
  mutating func data(
    _ argument: Range<Int>, into out: inout [UInt8]
  ) -> SMTPServerStep {
    guard chunks.state == .none else {
      return fail("503 5.5.1 Error: DATA after BDAT\r\n", into: &out)
    }
    guard let transaction else {
      return fail("503 5.5.1 Error: need RCPT command\r\n", into: &out)
    }
    guard !transaction.recipients.isEmpty else {
      return fail("554 5.5.1 Error: no valid recipients\r\n", into: &out)
    }
    guard argument.isEmpty else {
      return fail("501 5.5.4 Syntax: DATA\r\n", into: &out)
    }
    pending = .admission
    return .admitContent
  }

  mutating func admitContent(into out: inout [UInt8]) -> SMTPServerStep {
    if current == .bdat { return admitChunk() }
    out.append(text: "354 End data with <CR><LF>.<CR><LF>\r\n")
    pending = .content
    return .receiveContent
  }

  /// Tells what became of the content that `receiveContent` or the last chunk asked for; the
  /// transaction ends. `size` is that of the content in bytes.
  package mutating func contentFinished(
    _ outcome: SMTPContentOutcome, size: Int, into out: inout [UInt8]
  ) -> SMTPServerStep {
    precondition(pending == .content || pending == .chunk && chunk?.isLast == true)
    let isChunked = pending == .chunk
    pending = .nothing
    dropTransaction()
    lastCommand = "END-OF-MESSAGE"
    switch outcome {
    case .queued(let id):
      errorCount = 0
      junkCount = 0
      counters.countAccepted(current)
      out.append(text: "250 2.0.0 Ok: ")
      if isChunked {
        out.append(decimal: size)
        out.append(text: " bytes ")
      }
      out.append(text: "queued as ")
      id.append(to: &out)
      out.append(text: "\r\n")
      return .next
    case .refused(let reply):
      return refuse(reply, into: &out)
    }
  }

  /// Ends the session from outside: time-out, shutdown, a refused connection. Whatever was under
  /// way is dropped.
  package mutating func end(with reply: SMTPReply, into out: inout [UInt8]) -> SMTPServerStep {
    reply.append(to: &out)
    return close()
  }

  /// Forgets the envelope and the chunks under way.
  mutating func dropTransaction() {
    transaction = nil
    chunks = Chunks()
  }

  mutating func close() -> SMTPServerStep {
    dropTransaction()
    pendingRecipient = nil
    pendingHelo = nil
    pendingETRN = nil
    recipientAtHand = nil
    attempt = nil
    pending = .closed
    return .close
  }

  /// RFC 2920 3.1: the client went on without waiting for the reply it had to wait for.
  mutating func refuseSynchronization(into out: inout [UInt8]) -> SMTPServerStep {
    out.append(text: "554 5.5.0 Error: SMTP protocol synchronization\r\n")
    return close()
  }

  mutating func succeed(
    _ reply: StaticString, junk: Bool, into out: inout [UInt8]
  ) -> SMTPServerStep {
    counters.countAccepted(current)
    out.append(text: reply)
    return afterReply(junk: junk, into: &out)
  }

  mutating func fail(
    _ reply: StaticString, junk: Bool = false, into out: inout [UInt8]
  ) -> SMTPServerStep {
    out.append(text: reply)
    errorCount += 1
    return afterReply(junk: junk, into: &out)
  }

  mutating func refuse(
    _ reply: SMTPReply, junk: Bool = false, into out: inout [UInt8]
  ) -> SMTPServerStep {
    reply.append(to: &out)
    if reply.code == 421 || reply.code == 521 { return close() }
    errorCount += 1
    return afterReply(junk: junk, into: &out)
  }

  /// Counts a command that brings no mail on, and ends the session of who made too many errors.
  mutating func afterReply(junk: Bool, into out: inout [UInt8]) -> SMTPServerStep {
    if junk {
      junkCount += 1
      if junkCount > rules.settings.junkCommandLimit + 1 { errorCount += 1 }
    }
    guard errorCount >= rules.settings.hardErrorLimit else { return .next }
    endedByErrors = true
    SMTPReply.tooManyErrors(myhostname: rules.settings.myhostname).append(to: &out)
    return close()
  }
}
