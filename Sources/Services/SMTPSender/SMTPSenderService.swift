import LinuxSystem
import MailTypes
import Primitives
import Reactor
package import ServiceKit

/// The `smtp` role: takes delivery requests from `qmgr` and speaks SMTP to next hops.
///
/// It has no path to the spool, only descriptors that `qmgr` passes. Every result is kept until
/// `qmgr` says that it is in the journal (spool rule R13).
@ReactorActor
package final class SMTPSenderService: RoleService {
  /// Deliveries that one process takes at once; each needs a descriptor.
  private static let capacity: UInt32 = 2000

  private let context: RoleContext
  private var settings: [String: SenderSettings] = [:]
  private var queue: MessageChannel?
  private var segments: [Nonce: SharedDescriptor] = [:]
  private var jobs: [UInt64: DeliveryJob] = [:]
  private var unacknowledged: [UInt64: DeliveryResult] = [:]
  private var pools: [DestinationKey: DestinationPool] = [:]
  private var connections: [ObjectIdentifier: OutboundConnection] = [:]
  private var isDraining = false
  private let connectionEnded = Gate()

  /// Makes the service.
  package init(_ context: RoleContext) {
    self.context = context
  }

  package func start() async throws(RoleFailure) {}

  package func attach(_ channel: MessageChannel, to peer: ProcessName, pid: Int32) {
    guard peer.role == .qmgr else { return channel.close() }
    queue?.close()
    queue = channel
    // A new queue manager passes the descriptors that it wants used.
    segments.removeAll()
    channel.post(
      .agentHello(
        inHand: jobs.values.map { DeliveryReference($0.request) },
        results: Array(unacknowledged.values), capacity: Self.capacity))
    reactorTask { await self.listen(to: channel) }
  }

  private func listen(to channel: MessageChannel) async {
    while let received = try? await channel.receive() {
      var descriptors = received.descriptors[...]
      for message in received.messages {
        switch message {
        case .segment(let nonce): segments[nonce] = descriptors.popFirst()
        case .deliver(let request): begin(request)
        case .acknowledge(let ids): for id in ids { unacknowledged[id] = nil }
        case .forget(let nonce): segments[nonce] = nil
        default: context.log.warning("smtp", "unexpected message from qmgr")
        }
      }
    }
    if queue === channel { queue = nil }
  }

  private func begin(_ request: DeliveryRequest) {
    let job = DeliveryJob(request, segment: segments[request.nonce])
    jobs[request.id] = job
    if isDraining { return finished(job, connectionFailed: false, verdicts: []) }
    if let reason = job.load() {
      return refuse(job, .deferred, EnhancedStatus(4, 3, 0), "mail system error: " + reason)
    }
    let key = DestinationKey(request)
    if let connection = pools[key]?.takeIdle() { return connection.assign(job) }
    open(job, key)
  }

  private func open(_ job: DeliveryJob, _ key: DestinationKey) {
    guard let hops = NextHop.list(key.nextHop), let hop = hops.first else {
      return refuse(
        job, .deferred, EnhancedStatus(4, 3, 5),
        "mail system configuration error: bad next-hop: \(key.nextHop)")
    }
    let pool = pools[key] ?? DestinationPool()
    pools[key] = pool
    pool.opened()
    let connection = OutboundConnection(
      destination: key, hop: hop, settings: settings(of: key.transport), log: context.log,
      owner: self)
    connections[ObjectIdentifier(connection)] = connection
    connection.open(for: job)
  }

  private func settings(of transport: String) -> SenderSettings {
    if let known = settings[transport] { return known }
    let fresh = SenderSettings(
      context.configuration(ofTransport: transport), transport: transport)
    settings[transport] = fresh
    return fresh
  }

  private func refuse(
    _ job: DeliveryJob, _ outcome: RecipientVerdict.Outcome, _ status: EnhancedStatus,
    _ text: String
  ) {
    let verdicts = job.verdictForAll(outcome, status, text)
    let delays = DeliveryDelays(job.request, connected: nil, now: Clocks.wallNow())
    for (recipient, verdict) in zip(job.request.recipients, verdicts) {
      context.log.delivery(
        tag: Array("smtp".utf8), queueID: job.request.queueID, recipient: recipient,
        verdict: verdict, delays: delays)
    }
    finished(job, connectionFailed: false, verdicts: verdicts)
  }

  package func drain(deadline: MonotonicTime) async {
    isDraining = true
    for connection in Array(connections.values) { connection.leave() }
    while !connections.isEmpty {
      guard (try? await connectionEnded.wait(deadline: deadline)) != nil else { break }
    }
    queue?.flush()
  }
}

extension SMTPSenderService: OutboundConnectionOwner {
  func finished(_ job: DeliveryJob, connectionFailed: Bool, verdicts: [RecipientVerdict]) {
    let result = DeliveryResult(
      answering: job.request, connectionFailed: connectionFailed, verdicts: verdicts)
    jobs[job.request.id] = nil
    unacknowledged[job.request.id] = result
    queue?.post(.result(result))
  }

  func retry(_ job: DeliveryJob) {
    open(job, DestinationKey(job.request))
  }

  func becameIdle(_ connection: OutboundConnection) {
    pools[connection.destination]?.park(connection)
  }

  func noLongerIdle(_ connection: OutboundConnection) {
    pools[connection.destination]?.unpark(connection)
  }

  func ended(_ connection: OutboundConnection) {
    connections[ObjectIdentifier(connection)] = nil
    if let pool = pools[connection.destination] {
      pool.unpark(connection)
      pool.closed()
      if pool.isEmpty { pools[connection.destination] = nil }
    }
    connectionEnded.pulse()
  }
}
