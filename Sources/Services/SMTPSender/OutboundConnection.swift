import LinuxSystem
import MailTypes
import Primitives
import QueueFormat
import Reactor
import SMTPClientCore
import ServiceKit
import Streams
import SystemPackage

/// What a connection tells its owner.
@ReactorActor
protocol OutboundConnectionOwner: AnyObject {
  /// A job has ended; no verdicts mean that it was given back unattempted.
  func finished(_ job: DeliveryJob, connectionFailed: Bool, verdicts: [RecipientVerdict])
  /// An open connection was gone before the job was attempted: it belongs on a new one.
  func retry(_ job: DeliveryJob, to destination: DestinationKey, under: TransportSecurity.Agreement)
  /// The connection waits for work.
  func becameIdle(_ connection: OutboundConnection)
  /// The connection does not wait any more.
  func noLongerIdle(_ connection: OutboundConnection)
  /// The connection is gone.
  func ended(_ connection: OutboundConnection)
}

/// One SMTP connection to a next hop: a task that does what the protocol core says.
@ReactorActor
final class OutboundConnection {
  let destination: DestinationKey
  let hop: NextHop
  let settings: SenderSettings
  let log: Log
  /// How TLS is spoken with the server.
  let agreement: TransportSecurity.Agreement
  /// What was agreed on, for the log.
  var securityText: (trust: StaticString, facts: String)?
  /// When the server showed its certificate, of a session that is worth keeping and is not kept
  /// yet: the server is who it should be.
  var sessionMadeAt: MonotonicTime?
  private let reader: ContentReader
  private let names: HostAddresses
  private unowned let owner: any OutboundConnectionOwner
  var core: SMTPClientCore
  private(set) var relay: [UInt8]
  private let assignments = Mailbox<DeliveryJob>(capacity: 1)
  /// Bytes of content that must go out within one time limit.
  private static let pieceSize: Int64 = 64 << 10
  private(set) var job: DeliveryJob?
  private(set) var stream: ByteStream?
  /// When the handshake was over; `nil` on a connection that was open before.
  private var handshakeAt: WallTime?
  /// The time limit of the reply that is being read, the `replyNumber`th.
  private var replyDeadline: MonotonicTime?
  private var replyNumber = 0
  private var openedAt: MonotonicTime
  private var uses = 0
  private var dotWasSent = false
  private var isSendingDot = false
  private var isLeaving = false
  private(set) var isAborting = false
  private var isQuitting = false
  /// Whether this host had not what a connection takes: that says nothing of the destination.
  private var lacksMeans = false
  private static let shortages: Set<Errno> = [
    .tooManyOpenFiles, .tooManyOpenFilesInSystem, .noMemory, .noBufferSpace, .addressNotAvailable,
    .resourceTemporarilyUnavailable,
  ]
  private var task: Task<Void, Never>?

  init(
    destination: DestinationKey, hop: NextHop, settings: SenderSettings,
    agreement: TransportSecurity.Agreement, log: Log, reader: ContentReader,
    names: HostAddresses, owner: any OutboundConnectionOwner
  ) {
    self.agreement = agreement
    self.destination = destination
    self.hop = hop
    self.settings = settings
    self.log = log
    self.reader = reader
    self.names = names
    self.owner = owner
    let peer = PeerName(
      hop, destination: destination.nextHop, myhostname: settings.client.myhostname)
    core = SMTPClientCore(
      settings: settings.client, peer: peer, security: agreement.demand,
      authentication: agreement.transport.authentication(with: destination.login))
    relay = peer.relay
    openedAt = Reactor.shared.now
  }

  /// Opens the connection for its first job.
  func open(for job: DeliveryJob) {
    task = reactorTask { await self.live(job) }
  }

  /// Gives an idle connection its next job.
  func assign(_ job: DeliveryJob) {
    let taken = assignments.push(job)
    precondition(taken, "only an idle connection is given a job")
  }

  /// Leaves when the job that it has is done.
  func leaveWhenIdle() {
    isLeaving = true
    assignments.close()
  }

  /// Leaves soon: idle at once, before the final dot without it, else after the reply (R20).
  ///
  /// Closing the stream ends what goes out at once. A cancellation would come late for a wait that
  /// has just ended, and would then keep the reply to a message that is out from being read.
  func leave() {
    isLeaving = true
    assignments.close()
    if job == nil {
      if isQuitting { stream?.close() }
      return
    }
    if dotIsOut { return }
    isAborting = true
    if let stream { stream.close() } else { task?.cancel() }
  }

  /// Whether the final dot has been handed to the system, also when the task does not know yet.
  private var dotIsOut: Bool {
    dotWasSent || isSendingDot && (stream?.fileBytesDue ?? 0) == 0
  }

  private func live(_ first: DeliveryJob) async {
    take(first)
    core.begin(first.transaction)
    if await connect() {
      core.start()
      await converse()
    } else if !isAborting {
      report(core.nextAction())
    }
    stream?.close()
    if let job {
      self.job = nil
      owner.finished(job, connectionFailed: false, verdicts: [])
    }
    owner.ended(self)
  }

  private func take(_ job: DeliveryJob) {
    self.job = job
    dotWasSent = false
    isSendingDot = false
    uses += 1
  }

  private func connect() async -> Bool {
    do throws(StreamError) {
      switch hop.host {
      case .address(let address): stream = try await connect(to: address)
      case .unix(let path):
        stream = try await ByteStream.connect(
          toPath: settings.socketPath(path),
          deadline: Reactor.shared.now + settings.connectTime)
      case .host(let name): return try await connect(toHost: name)
      case .domain(let name):
        guard settings.client.speaksLMTP else {
          core.connectFailed(
            reason: "mail exchangers of \(name) are not looked up yet; write [\(name)] for the host"
          )
          return false
        }
        return try await connect(toHost: name)
      }
      return true
    } catch {
      switch error {
      case .timedOut: core.connectFailed(reason: "Connection timed out")
      case .system(let errno):
        lacksMeans = Self.shortages.contains(errno)
        core.connectFailed(reason: "\(errno)")
      // Only our own leaving cancels a connection that is being made.
      default: break
      }
      return false
    }
  }

  private func connect(to address: IPAddress) async throws(StreamError) -> ByteStream {
    try await ByteStream.connect(
      to: address, port: hop.port, from: settings.source(for: address),
      deadline: Reactor.shared.now + settings.connectTime)
  }

  /// Tries the addresses of a host in turn. It is one in brackets, or any in LMTP, which knows no
  /// mail exchangers (RFC 2033 5).
  private func connect(toHost name: String) async throws(StreamError) -> Bool {
    let addresses: [IPAddress]
    do throws(HostAddresses.Failure) {
      let found = try await names.find(name, of: settings.families)
      addresses = settings.addressesMax > 0 ? Array(found.prefix(settings.addressesMax)) : found
    } catch {
      core.connectFailed(reason: error.reason)
      return false
    }
    for (place, address) in addresses.enumerated() where !isAborting {
      let peer = PeerName(
        hop, at: address, destination: destination.nextHop,
        myhostname: settings.client.myhostname)
      core.rename(peer)
      relay = peer.relay
      do throws(StreamError) {
        stream = try await connect(to: address)
        return true
      } catch {
        if place == addresses.count - 1 { throw error }
      }
    }
    return false
  }

  private func converse() async {
    while let stream, !isAborting {
      let action = core.nextAction()
      if case .awaitReply = action {} else { replyDeadline = nil }
      switch action {
      case .send:
        await attempt(.dataTransfer) { (deadline) throws(StreamError) in
          try await stream.write(self.core.output, deadline: deadline)
          self.core.sent()
        }
      case .sendContent: await sendContent(stream)
      // The server's goodbye is worth no wait.
      case .awaitReply(.quit) where isLeaving: return
      case .awaitReply(let kind):
        await attempt(kind, until: deadline(of: kind)) { (deadline) throws(StreamError) in
          let more: Bool? = try await stream.read(deadline: deadline) {
            self.core.receive($0)
            return true
          }
          if more == nil { self.core.connectionLost(.closed) }
        }
        if uses == 1, handshakeAt == nil, core.hasShakenHands {
          handshakeAt = Clocks.wallNow()
          noteOffer()
        }
      case .startTLS: await startTLS(stream)
      case .transactionDone(let end): report(.transactionDone(end))
      case .ready:
        guard let next = await nextJob() else {
          isQuitting = true
          core.quit()
          continue
        }
        take(next)
        if core.isSecure { logSecurity("reused") }
        handshakeAt = nil
        core.begin(next.transaction)
      case .close: return
      }
    }
  }

  /// A time limit is for a whole reply (RFC 5321 4.5.3.2): bytes that trickle in do not renew it.
  private func deadline(of kind: TimeoutKind) -> MonotonicTime {
    if let replyDeadline, replyNumber == core.repliesTaken { return replyDeadline }
    let deadline = Reactor.shared.now + settings.client.timeouts[kind]
    replyDeadline = deadline
    replyNumber = core.repliesTaken
    return deadline
  }

  /// Does one step under the time limit of `kind`; a failure becomes an event of the core.
  ///
  /// - Returns: whether the step was done.
  @discardableResult
  private func attempt(
    _ kind: TimeoutKind, until deadline: MonotonicTime? = nil, isContent: Bool = false,
    _ step: (MonotonicTime) async throws(StreamError) -> Void
  ) async -> Bool {
    do throws(StreamError) {
      try await step(deadline ?? Reactor.shared.now + settings.client.timeouts[kind])
      return true
    } catch {
      switch error {
      case .timedOut: core.connectionLost(.timedOut)
      case .shortFile: core.connectionLost(.localData)
      case .cancelled: break
      // Under TLS the library tells no reason.
      case .system where isContent, .closed where isContent: core.contentInterrupted()
      default: core.connectionLost(.closed)
      }
      return false
    }
  }

  /// Header, body and final dot straight from the segment; the dot lies behind the body.
  private func sendContent(_ stream: ByteStream) async {
    guard let job, let lead = job.lead, let file = job.file else {
      return core.connectionLost(.localData)
    }
    let header = Int64(lead.header.length)
    let rest = Int64(lead.body.length) + Int64(SpoolLayout.terminator.count)
    if lead.isContiguous {
      guard await send(file, Int64(lead.header.offset), header + rest, endsContent: true) else {
        return
      }
    } else {
      guard await send(file, Int64(lead.header.offset), header, endsContent: false),
        await send(file, Int64(lead.body.offset), rest, endsContent: true)
      else { return }
    }
    dotWasSent = true
    core.contentSent()
  }

  /// Sends a part of the content. The time limit is for a piece, not for the whole: a slow server
  /// that goes on taking a large message is not one that hangs.
  private func send(
    _ file: SharedDescriptor, _ offset: Int64, _ count: Int64, endsContent: Bool
  ) async -> Bool {
    var done: Int64 = 0
    while done < count {
      guard let stream, !isAborting else { return false }
      let piece = min(count - done, Self.pieceSize)
      let start = offset + done
      if !reader.hasCached(file, offset: start, count: piece) {
        await reader.fetch(file, offset: start, count: piece)
        if isAborting { return false }
      }
      isSendingDot = endsContent && done + piece == count
      let wasSent = await attempt(.dataTransfer, isContent: true) {
        (deadline) throws(StreamError) in
        try await stream.sendFile(file.raw, offset: start, count: piece, deadline: deadline)
      }
      guard wasSent else { return false }
      done += piece
    }
    return true
  }

  private func nextJob() async -> DeliveryJob? {
    guard !isLeaving, job == nil, mayBeReused else { return nil }
    owner.becameIdle(self)
    let next: DeliveryJob?
    do throws(WaitError) {
      next = try await assignments.next(deadline: Reactor.shared.now + settings.idleTime)
    } catch {
      owner.noLongerIdle(self)
      next = assignments.tryNext()
    }
    guard isLeaving, let next else { return next }
    owner.finished(next, connectionFailed: false, verdicts: [])
    return nil
  }

  private var mayBeReused: Bool {
    (settings.reuseCount == 0 || uses < settings.reuseCount)
      && Reactor.shared.now.since(openedAt) < settings.reuseTime
  }

  private func report(_ action: ClientAction) {
    guard case .transactionDone(let end) = action, let job else { return }
    self.job = nil
    if end.isStale { return owner.retry(job, to: destination, under: agreement) }
    if end.wantsPlaintext {
      let plaintext = agreement.transport.plaintext
      // Only where nobody logs in; and nobody does so on a connection that had TLS taken from it.
      return owner.retry(
        job, to: DestinationKey(job.request, plaintext, login: nil), under: plaintext)
    }
    keepSession()
    let now = Clocks.wallNow()
    // All the time that went into a handshake that failed was spent on it.
    let delays = DeliveryDelays(
      job.request, connected: end.connectionFailed ? now : handshakeAt, now: now)
    let verdicts = end.results.map { result in
      RecipientVerdict(
        index: job.request.recipients[result.recipientIndex].index, outcome: result.outcome.verdict,
        handover: end.passedDSN
          ? .relayedWithWishes : settings.deliversFinally ? .delivered : .relayed,
        status: result.status, text: result.text,
        relay: result.phase == .connect ? Array("none".utf8) : relay)
    }
    for (recipient, verdict) in zip(job.request.recipients, verdicts) {
      log.delivery(
        tag: settings.tag, queueID: job.request.queueID, recipient: recipient, verdict: verdict,
        delays: delays, connectionUse: uses)
    }
    owner.finished(
      job, connectionFailed: end.connectionFailed && !lacksMeans, verdicts: verdicts)
  }
}
