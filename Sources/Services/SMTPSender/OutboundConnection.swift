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
  func retry(_ job: DeliveryJob)
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
  private let hop: NextHop
  private let settings: SenderSettings
  private let log: Log
  private unowned let owner: any OutboundConnectionOwner
  private var core: SMTPClientCore
  private let relay: [UInt8]
  private let assignments = Mailbox<DeliveryJob>(capacity: 1)
  private var job: DeliveryJob?
  private var stream: ByteStream?
  private var connectedAt: WallTime?
  private var openedAt: MonotonicTime
  private var uses = 0
  private var dotWasSent = false
  private var isLeaving = false
  private var task: Task<Void, Never>?

  init(
    destination: DestinationKey, hop: NextHop, settings: SenderSettings, log: Log,
    owner: any OutboundConnectionOwner
  ) {
    self.destination = destination
    self.hop = hop
    self.settings = settings
    self.log = log
    self.owner = owner
    let peer = PeerName(hop, destination: destination.nextHop)
    core = SMTPClientCore(settings: settings.client, peer: peer)
    relay = Array(hop.port == 0 ? peer.label.utf8 : "\(peer.label):\(hop.port)".utf8)
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

  /// Leaves soon: idle at once, before the final dot without it, else after the reply (R20).
  func leave() {
    isLeaving = true
    assignments.close()
    if job != nil, !dotWasSent { task?.cancel() }
  }

  private func live(_ first: DeliveryJob) async {
    take(first)
    core.begin(first.transaction)
    if await connect() {
      core.start()
      await converse()
    } else if !Task.isCancelled {
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
    uses += 1
  }

  private func connect() async -> Bool {
    let deadline = Reactor.shared.now + settings.client.timeouts.connect
    do throws(StreamError) {
      switch hop.host {
      case .address(let address):
        stream = try await ByteStream.connect(
          to: address, port: hop.port, from: settings.source(for: address), deadline: deadline)
      case .unix(let path): stream = try connectUnix(path)
      case .domain(let name), .host(let name):
        core.connectFailed(reason: "name service is not available for \(name)")
        return false
      }
      connectedAt = Clocks.wallNow()
      return true
    } catch {
      switch error {
      case .timedOut: core.connectFailed(reason: "Connection timed out")
      case .system(let errno): core.connectFailed(reason: "\(errno)")
      // Only our own leaving cancels a connection that is being made.
      default: break
      }
      return false
    }
  }

  private func connectUnix(_ path: String) throws(StreamError) -> ByteStream {
    do throws(Errno) {
      return try ByteStream(try Sockets.connectUnix(path))
    } catch {
      throw .system(error)
    }
  }

  private func converse() async {
    while let stream {
      switch core.nextAction() {
      case .send:
        await attempt(.dataTransfer) { (deadline) throws(StreamError) in
          try await stream.write(self.core.output, deadline: deadline)
          self.core.sent()
        }
      case .sendContent: await sendContent(stream)
      case .awaitReply(let kind):
        await attempt(kind) { (deadline) throws(StreamError) in
          let more: Bool? = try await stream.read(deadline: deadline) {
            self.core.receive($0)
            return true
          }
          if more == nil { self.core.connectionLost(.closed) }
        }
      case .transactionDone(let end): report(.transactionDone(end))
      case .ready:
        guard let next = await nextJob() else {
          core.quit()
          continue
        }
        take(next)
        connectedAt = nil
        core.begin(next.transaction)
      case .close: return
      }
      if Task.isCancelled, !dotWasSent { return }
    }
  }

  /// Does one step under the time limit of `kind`; a failure becomes an event of the core.
  private func attempt(
    _ kind: TimeoutKind, _ step: (MonotonicTime) async throws(StreamError) -> Void
  ) async {
    do throws(StreamError) {
      try await step(Reactor.shared.now + settings.client.timeouts[kind])
    } catch {
      switch error {
      case .timedOut: core.connectionLost(.timedOut)
      case .shortFile: core.connectionLost(.localData)
      case .cancelled: break
      default: core.connectionLost(.closed)
      }
    }
  }

  /// Header, body and final dot straight from the segment; the dot lies behind the body.
  private func sendContent(_ stream: ByteStream) async {
    guard let job, let lead = job.lead, let file = job.file else {
      return core.connectionLost(.localData)
    }
    let terminator = UInt64(SpoolLayout.terminator.count)
    await attempt(.dataTransfer) { (_) throws(StreamError) in
      if lead.isContiguous {
        let length = lead.header.length + lead.body.length + terminator
        try await send(Extent(offset: lead.header.offset, length: length), of: file, to: stream)
      } else {
        try await send(lead.header, of: file, to: stream)
        let length = lead.body.length + terminator
        try await send(Extent(offset: lead.body.offset, length: length), of: file, to: stream)
      }
      self.dotWasSent = true
      self.core.contentSent()
    }
  }

  /// Sends a part of a file. The time limit is one for standing still: each piece has its own.
  private func send(
    _ extent: Extent, of file: Int32, to stream: ByteStream
  ) async throws(StreamError) {
    var at = extent.offset
    while at < extent.end {
      let length = min(Self.pieceLength, extent.end - at)
      try await stream.sendFile(
        file, offset: Int64(at), count: Int64(length),
        deadline: Reactor.shared.now + settings.client.timeouts.dataTransfer)
      at += length
    }
  }

  /// Bytes of content that must go out within `smtp_data_xfer_timeout`.
  private static let pieceLength: UInt64 = 256 << 10

  private func nextJob() async -> DeliveryJob? {
    guard !isLeaving, job == nil, mayBeReused else { return nil }
    owner.becameIdle(self)
    var next: DeliveryJob?
    do throws(WaitError) {
      next = try await assignments.next(deadline: Reactor.shared.now + settings.idleTime)
    } catch {
      owner.noLongerIdle(self)
      next = assignments.tryNext()
    }
    guard isLeaving, let unattempted = next else { return next }
    owner.finished(unattempted, connectionFailed: false, verdicts: [])
    return nil
  }

  private var mayBeReused: Bool {
    (settings.reuseCount == 0 || uses < settings.reuseCount)
      && Reactor.shared.now.since(openedAt) < settings.reuseTime
  }

  private func report(_ action: ClientAction) {
    guard case .transactionDone(let end) = action, let job else { return }
    self.job = nil
    if end.isStale { return owner.retry(job) }
    let now = Clocks.wallNow()
    let delays = DeliveryDelays(job.request, connected: connectedAt, now: now)
    let verdicts = end.results.map { result in
      RecipientVerdict(
        index: job.request.recipients[result.recipientIndex].index, outcome: result.outcome.verdict,
        status: result.status, text: result.text,
        relay: result.phase == .connect ? Array("none".utf8) : relay)
    }
    for (recipient, verdict) in zip(job.request.recipients, verdicts) {
      log.delivery(
        tag: settings.tag, queueID: job.request.queueID, recipient: recipient, verdict: verdict,
        delays: delays, connectionUse: uses)
    }
    owner.finished(job, connectionFailed: end.connectionFailed, verdicts: verdicts)
  }
}
