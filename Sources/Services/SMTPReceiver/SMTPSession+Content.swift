import AccessPolicy
import MailTypes
import MessageHeaders
import Primitives
import QueueFormat
import QueueStore
import Reactor
import SMTPGrammar
import SMTPServerCore
import ServiceKit
import Streams

/// DATA and BDAT: from the first byte of content to what became of the message.
extension SMTPSession {
  func receiveContent() async throws(SessionEnd) -> SMTPServerStep {
    let message = beginMessage(isChunked: false)
    try await flush()
    try await receive(message, count: nil)
    return try await finish(message)
  }

  /// Takes the chunk at hand. What stays between chunks is in `chunked`.
  func receiveChunk() async throws(SessionEnd) -> SMTPServerStep {
    guard let chunk = core.chunk else { preconditionFailure("no chunk is at hand") }
    let message = chunked ?? beginMessage(isChunked: true)
    chunked = message
    try await receive(message, count: chunk.count)
    // A chunk that came with its command was never waited for.
    if message.needsRoom { await message.writeOut() }
    if chunk.isLast {
      message.finishChunks()
      return try await finish(message)
    }
    contentSize = message.scanner.contentSize
    let refusal = bareNewlineRefusal(of: message)
    if let refusal { logReject("BDAT", refusal) }
    return core.chunkFinished(refusal, into: &out)
  }

  /// Reads the chunk at hand, which is refused: what follows it are commands.
  func dropChunk() async throws(SessionEnd) -> SMTPServerStep {
    guard let chunk = core.chunk else { preconditionFailure("no chunk is at hand") }
    try await receive(nil, count: chunk.count)
    return core.chunkDropped(into: &out)
  }

  private func beginMessage(isChunked: Bool) -> InboundMessage {
    guard let queueID, let transaction = core.transaction else {
      preconditionFailure("content without an envelope")
    }
    contentSize = 0
    return InboundMessage(
      trace: traceField(queueID, transaction), sizeMax: rules.settings.messageSizeLimit,
      bareNewlines: core.allowsBareNewlines ? .no : rules.bareNewlines, isChunked: isChunked,
      intake: intake)
  }

  private func finish(_ message: InboundMessage) async throws(SessionEnd) -> SMTPServerStep {
    guard let queueID, let transaction = core.transaction else {
      preconditionFailure("content without an envelope")
    }
    defer { message.abandon() }
    let outcome = try await keep(message, queueID, transaction)
    contentSize = nil
    chunked = nil
    if out.capacity == 0 { out = intake.replies.take() }
    return core.contentFinished(outcome, size: message.scanner.contentSize, into: &out)
  }

  /// Reads up to the end of the content, or `count` bytes of it; commits of others wait for it
  /// a little (spool rule R32).
  private func receive(_ message: InboundMessage?, count: Int?) async throws(SessionEnd) {
    let pass = intake.spool.enterData()
    do throws(SessionEnd) {
      try await read(message, count: count)
    } catch {
      intake.spool.leaveData(pass)
      message?.abandon()
      throw error
    }
    intake.spool.leaveData(pass)
  }

  private func read(_ message: InboundMessage?, count: Int?) async throws(SessionEnd) {
    var due = count ?? .max
    if !lines.isEmpty { lines.takeBytes { take($0, into: message, &due) } }
    var deadline = ContentDeadline(
      from: Reactor.shared.now, timeout: rules.timeout, rateMin: rules.dataRateMin,
      isForRequest: rules.hasRequestDeadline)
    do throws(StreamError) {
      while due > 0, message?.scanner.isFinished != true {
        if let message, message.needsRoom {
          let start = Reactor.shared.now
          await message.writeOut()
          deadline.postpone(by: Reactor.shared.now.since(start))
        }
        var size = 0
        intake.page.serve(client.address)
        switch try stream.readNow({
          size = $0.count
          let used = take($0, into: message, &due)
          if used < size { lines.append(UnsafeRawBufferPointer(rebasing: $0[used...])) }
        }) {
        case .bytes: deadline.receive(size, at: Reactor.shared.now)
        case .nothing:
          intake.page.rest()
          // The client may wait for the replies to what it sent before.
          if !out.isEmpty {
            if rules.footer != nil { await addFooters() }
            try await stream.write(takeReplies(), deadline: deadline.time)
          }
          try await stream.readable(deadline: deadline.time)
        case .shareUsed: await Reactor.shared.yieldTurn()
        case .ended: throw .closed
        }
      }
    } catch {
      throw SessionEnd(error)
    }
  }

  /// Takes what belongs to the content; gives its size.
  @inline(never)
  private func take(
    _ bytes: UnsafeRawBufferPointer, into message: InboundMessage?, _ due: inout Int
  ) -> Int {
    let own = UnsafeRawBufferPointer(rebasing: bytes.prefix(due))
    let used = message?.take(own) ?? own.count
    due -= used
    if let scanner = message?.scanner {
      contentSize = core.chunk == nil ? scanner.endedLinesSize : scanner.contentSize
    }
    return used
  }

  /// Judges a message that has come whole and brings it to the disk.
  private func keep(
    _ message: InboundMessage, _ id: QueueID, _ transaction: SMTPTransaction
  ) async throws(SessionEnd) -> SMTPContentOutcome {
    let header = message.finishHeader()
    logMessageID(id, message.messageID(header))
    if let refusal = refusal(of: message, hops: header.receivedCount + message.laterHops) {
      logReject("END-OF-MESSAGE", refusal)
      return .refused(refusal)
    }
    if let refusal = try await judge(.endOfData) { return .refused(refusal) }
    if orders?.discards == true { return .queued(id) }
    var envelope = envelope(transaction)
    if milters != nil {
      if let refusal = try await contentRefusal(message, &envelope) { return .refused(refusal) }
      if orders?.discards == true { return .queued(id) }
    }
    if let refusal = await rewrite(&envelope, id, redirectingTo: orders?.redirect) {
      return .refused(refusal)
    }
    do throws(SpoolError) {
      try await message.commit(
        id: id, envelope: envelope, isInternational: transaction.isInternational,
        entersOnHold: orders?.holds == true)
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
    if let refusal = bareNewlineRefusal(of: message) { return refusal }
    return hops >= rules.hopCountMax ? .tooManyHops : nil
  }

  private func bareNewlineRefusal(of message: InboundMessage) -> SMTPReply? {
    guard let code = core.bareNewlineRejectCode,
      message.scanner.traits.contains(.bareNewline)
    else { return nil }
    return .bareNewline(code: code, myhostname: rules.settings.myhostname)
  }

  @inline(never)
  private func traceField(_ id: QueueID, _ transaction: SMTPTransaction) -> [UInt8] {
    let recipients = transaction.recipients
    var field = ReceivedField(
      helo: core.helo ?? client.name, clientName: client.name, clientAddress: client.address,
      myhostname: rules.settings.myhostname, mailName: rules.mailName,
      protocolName: core.traceProtocolName, queueID: id,
      recipient: recipients.count == 1 ? recipients.first?.address : nil, time: arrival,
      offset: intake.clock.offset(at: arrival))
    if let security { field.security = security.trace }
    if core.login != nil { field.security += loginTrace }
    var bytes = intake.contents.take()
    if let fields = orders?.prependedFields {
      for field in fields {
        bytes += field
        bytes.append(text: "\r\n")
      }
    }
    field.append(to: &bytes)
    return bytes
  }

  @inline(never)
  private func envelope(_ transaction: SMTPTransaction) -> Envelope {
    var envelope = Envelope(
      sender: transaction.sender, recipients: transaction.recipients.map(EnvelopeRecipient.init),
      arrival: arrival)
    envelope.envelopeID = transaction.envelopeID
    envelope.sasl = loginAttributes(transaction)
    switch transaction.returned {
    case .full: envelope.returnContent = .full
    case .headers: envelope.returnContent = .headers
    case nil: break
    }
    envelope.client.name = Array(client.name.utf8)
    envelope.client.address = Array(client.address.description.utf8)
    envelope.client.port = client.port
    if let helo = core.helo { envelope.client.helo = Array(helo.utf8) }
    envelope.client.protocolName.append(text: core.protocolName)
    envelope.contentFilter = rules.contentFilter
    if let orders { envelope.apply(orders) }
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

extension SMTPSession {
  /// Gives up a message in chunks.
  func dropChunks() {
    chunked?.abandon()
    chunked = nil
  }
}

extension EnvelopeRecipient {
  init(_ recipient: SMTPRecipient) {
    self.init(
      recipient.address, notify: recipient.notify.map(DeliveryNotify.init),
      dsnOriginal: recipient.original)
  }
}

extension DeliveryNotify {
  init(_ notify: SMTPNotify) {
    self = .never
    if notify.contains(.success) { insert(.success) }
    if notify.contains(.failure) { insert(.failure) }
    if notify.contains(.delay) { insert(.delay) }
  }
}
