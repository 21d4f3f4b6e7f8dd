import MailTypes
import MessageHeaders
import Primitives
import QueueFormat
import QueueStore
import Reactor
import SMTPGrammar
import SMTPServerCore
import Streams

/// DATA: from the 354 to what became of the message.
extension SMTPSession {
  func receiveContent() async throws(SessionEnd) -> SMTPServerStep {
    guard let queueID, let transaction = core.transaction else {
      preconditionFailure("content without an envelope")
    }
    let message = InboundMessage(
      trace: traceField(queueID, transaction), sizeMax: rules.settings.messageSizeLimit,
      bareNewlines: rules.bareNewlines, intake: intake)
    let pass = intake.spool.enterData()
    do throws(SessionEnd) {
      try await receive(message)
    } catch {
      intake.spool.leaveData(pass)
      message.abandon()
      throw error
    }
    intake.spool.leaveData(pass)
    defer { message.abandon() }
    let outcome = try await keep(message, queueID, transaction)
    contentSize = nil
    if out.capacity == 0 { out = intake.replies.take() }
    return core.contentFinished(outcome, into: &out)
  }

  /// Reads up to the end of the content.
  private func receive(_ message: InboundMessage) async throws(SessionEnd) {
    contentSize = 0
    try await flush()
    if !lines.isEmpty { lines.takeBytes { message.take($0) } }
    var deadline = ContentDeadline(
      from: Reactor.shared.now, timeout: rules.timeout, rateMin: rules.dataRateMin)
    do throws(StreamError) {
      while !message.scanner.isFinished {
        if message.needsRoom { await message.writeOut() }
        var count = 0
        switch try stream.readNow({
          count = $0.count
          take($0, into: message)
        }) {
        case .bytes:
          contentSize = message.scanner.contentSize
          deadline.receive(count, at: Reactor.shared.now)
        case .nothing: try await stream.readable(deadline: deadline.time)
        case .shareUsed: await Reactor.shared.yieldTurn()
        case .ended: throw .closed
        }
      }
    } catch {
      throw SessionEnd(error)
    }
  }

  /// Takes what belongs to the content and keeps what follows it.
  @inline(never)
  private func take(_ bytes: UnsafeRawBufferPointer, into message: InboundMessage) {
    let used = message.take(bytes)
    if used < bytes.count { lines.append(UnsafeRawBufferPointer(rebasing: bytes[used...])) }
  }

  /// Judges a message that has come whole and brings it to the disk.
  private func keep(
    _ message: InboundMessage, _ id: QueueID, _ transaction: SMTPTransaction
  ) async throws(SessionEnd) -> SMTPContentOutcome {
    let header = message.finishHeader()
    logMessageID(id, message.messageID(header))
    if let refusal = refusal(of: message, hops: header.receivedCount) {
      logReject("END-OF-MESSAGE", refusal)
      return .refused(refusal)
    }
    do throws(SpoolError) {
      try await message.commit(id: id, envelope: envelope(transaction))
    } catch {
      if error == .uncertain { throw .uncertain }
      let reply = SMTPReply(refusing: error)
      logReject("END-OF-MESSAGE", reply)
      return .refused(reply)
    }
    return .queued(id)
  }

  @inline(never)
  private func refusal(of message: InboundMessage, hops: Int) -> SMTPReply? {
    if message.isOversized { return .messageTooBig }
    if let code = rules.settings.bareNewlineRejectCode,
      message.scanner.traits.contains(.bareNewline)
    {
      return .bareNewline(code: code, myhostname: rules.settings.myhostname)
    }
    return hops >= rules.hopCountMax ? .tooManyHops : nil
  }

  @inline(never)
  private func traceField(_ id: QueueID, _ transaction: SMTPTransaction) -> [UInt8] {
    let recipients = transaction.recipients
    var field = ReceivedField(
      helo: core.helo ?? client.name, clientName: client.name, clientAddress: client.address,
      myhostname: rules.settings.myhostname, mailName: rules.mailName,
      protocolName: core.traceProtocolName, queueID: id,
      recipient: recipients.count == 1 ? recipients.first : nil, time: arrival,
      offset: intake.clock.offset(at: arrival))
    field.security = securityTrace
    var bytes = intake.contents.take()
    field.append(to: &bytes)
    return bytes
  }

  @inline(never)
  private func envelope(_ transaction: SMTPTransaction) -> Envelope {
    var envelope = Envelope(
      sender: transaction.sender, recipients: transaction.recipients.map { EnvelopeRecipient($0) },
      arrival: arrival)
    envelope.client.name = Array(client.name.utf8)
    envelope.client.address = Array(client.address.description.utf8)
    envelope.client.port = client.port
    if let helo = core.helo { envelope.client.helo = Array(helo.utf8) }
    envelope.client.protocolName.append(text: core.protocolName)
    return envelope
  }
}

extension SMTPReply {
  /// The reply to content that the spool did not take; the client shall come back.
  init(refusing error: SpoolError) {
    switch error {
    case .noSpace, .refusing: self = .insufficientStorage
    default: self = .writeError
    }
  }
}
