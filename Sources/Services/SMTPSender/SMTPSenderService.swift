import Configuration
package import LinuxSystem
import LookupTables
import MailTypes
package import Primitives
package import Reactor
import SASL
import SMTPClientCore
package import ServiceKit
import SystemPackage
import TLSPolicy

/// The `smtp` role: takes delivery requests from `qmgr` and speaks SMTP to next hops.
///
/// It has no path to the spool, only descriptors that `qmgr` passes.
@ReactorActor
package final class SMTPSenderService: RoleService {
  /// Deliveries that one process takes at once, if it may have that many connections.
  private static let capacityMax = 2000
  /// Descriptors for all but connections: segments, channels, the loop.
  private static let descriptorsKept = 64

  private let context: RoleContext
  private var link: AgentLink?
  private var settings: [String: SenderSettings] = [:]
  private var security: [String: TransportSecurity] = [:]
  /// What `master` has read of the files that transports name.
  private lazy var keys = Self.keys(context.keyMaterial)
  /// Opens the tables of policies and passwords.
  private lazy var opener = TableOpener.role(
    context.configuration, contents: keys?.contents ?? [:])
  private var pools: [DestinationKey: DestinationPool] = [:]
  private var connections: [ObjectIdentifier: OutboundConnection] = [:]
  /// Connections that wait for work, whatever their destination.
  private var idle: [ObjectIdentifier: OutboundConnection] = [:]
  /// Connections beyond which one that waits is closed for a new one.
  private let connectionsMax: Int
  private let connectionEnded = Gate()
  private let reader = ContentReader()
  private lazy var names = HostAddresses(
    depthMax: context.configuration[.lookupQueueLimit],
    timeout: context.configuration[.lookupTimeout])

  /// Makes the service.
  ///
  /// - Throws: when the system does not say how many descriptors there may be.
  package convenience init(_ context: RoleContext) throws(RoleFailure) {
    do throws(Errno) {
      self.init(context, descriptors: try ThisProcess.raiseDescriptorLimit())
    } catch {
      throw RoleFailure("cannot tell how many descriptors there may be: \(error)")
    }
  }

  /// - Parameter descriptors: what the process may have open.
  init(_ context: RoleContext, descriptors: Int) {
    self.context = context
    // A quarter is left to segments: that of each message in hand may be another one.
    connectionsMax = max((descriptors - Self.descriptorsKept) / 4 * 3, 1)
    link = AgentLink(
      agent: self, capacity: min(Self.capacityMax, connectionsMax), log: context.log, tag: "smtp")
  }

  package func start() async throws(RoleFailure) {
    for name in Set(context.transportNames + ["smtp"]) { _ = try security(of: name) }
  }

  /// TLS of a transport; `start` has made it for those of `master.cf`.
  func security(of transport: String) throws(RoleFailure) -> TransportSecurity {
    if let known = security[transport] { return known }
    let configuration = configuration(of: transport)
    guard let keys else { throw RoleFailure("the keys from master are damaged") }
    do throws(TLSPolicyError) {
      let tls = try ClientTLS(configuration, material: keys, opener: opener)
      let logins = try ClientLogins(configuration, opener: opener)
      if context.processRank == 0 {
        for warning in tls.warnings { context.log.warning("smtp", configuration.named(warning)) }
      }
      let fresh = TransportSecurity(
        tls, logins: logins, log: context.log, tag: settings(of: transport).tag,
        named: configuration.named)
      security[transport] = fresh
      return fresh
    } catch {
      throw RoleFailure("transport \(transport): \(configuration.named("\(error)"))")
    }
  }

  private static func keys(_ bytes: [UInt8]) -> KeyMaterial? {
    bytes.isEmpty ? KeyMaterial() : KeyMaterial(serialized: bytes)
  }

  package func attach(_ channel: MessageChannel, to peer: ProcessName, pid: Int32) {
    guard peer.role == .qmgr else { return channel.close() }
    link?.attach(channel)
  }

  package func keepResults(in file: SharedDescriptor) {
    link?.keepResults(in: ResultsFile(file, log: context.log, tag: "smtp"))
  }

  package func retire() {
    link?.beginRetirement()
    for connection in Array(connections.values) { connection.leaveWhenIdle() }
  }

  package func finishWork(deadline: MonotonicTime) async {
    await link?.finishRetirement(deadline: deadline)
    try? await connectionEnded.wait(deadline: deadline) { !connections.isEmpty }
  }

  package func drain(deadline: MonotonicTime) async {
    link?.beginDrain()
    for connection in Array(connections.values) { connection.leave() }
    await link?.finishDrain(deadline: deadline)
    do throws(WaitError) {
      try await connectionEnded.wait(deadline: deadline) { !connections.isEmpty }
    } catch {
      context.log.warning("smtp", "\(connections.count) connections did not end in time")
    }
  }

  private func open(
    _ job: DeliveryJob, _ key: DestinationKey, _ agreement: TransportSecurity.Agreement
  ) {
    let settings = settings(of: key.transport)
    guard
      let hops = NextHop.list(
        key.nextHop, defaultPort: settings.defaultPort, namesHosts: settings.client.speaksLMTP),
      let hop = hops.first
    else { return refuseNextHop(of: job) }
    if connections.count >= connectionsMax { closeIdleConnection() }
    let pool = pools[key] ?? DestinationPool()
    pools[key] = pool
    pool.opened()
    let connection = OutboundConnection(
      destination: key, hop: hop, settings: settings, agreement: agreement, log: context.log,
      reader: reader, names: names, owner: self)
    connections[ObjectIdentifier(connection)] = connection
    connection.open(for: job)
  }

  private func closeIdleConnection() {
    guard let connection = idle.values.first else { return }
    // It must get no job any more, though its task has not heard yet that it leaves.
    noLongerIdle(connection)
    connection.leave()
  }

  private func settings(of transport: String) -> SenderSettings {
    if let known = settings[transport] { return known }
    let fresh = SenderSettings(
      configuration(of: transport), transport: transport)
    settings[transport] = fresh
    return fresh
  }

  private func configuration(of transport: String) -> Configuration {
    let plain = context.configuration(ofTransport: transport)
    return SenderSettings.speaksLMTP(plain, transport: transport) ? plain.forLMTP : plain
  }

  private func refuseNextHop(of job: DeliveryJob) {
    refuse(
      job, EnhancedStatus(4, 3, 5),
      "mail system configuration error: bad next-hop: \(job.request.nextHop)")
  }

  /// Defers a message that cannot be sent for a reason of this host's.
  private func refuse(_ job: DeliveryJob, _ status: EnhancedStatus, _ text: String) {
    let verdicts = job.verdictForAll(.deferred, status, text)
    let delays = DeliveryDelays(job.request, connected: nil, now: Clocks.wallNow())
    for (recipient, verdict) in zip(job.request.recipients, verdicts) {
      context.log.delivery(
        tag: settings(of: job.request.transport).tag, queueID: job.request.queueID,
        recipient: recipient,
        verdict: verdict, delays: delays)
    }
    finished(job, connectionFailed: false, verdicts: verdicts)
  }
}

extension SMTPSenderService: DeliveryAgent {
  package func deliver(_ request: DeliveryRequest, segment: SharedDescriptor?) {
    let job = DeliveryJob(request, segment: segment)
    let finding = job.loadCached()
    guard finding == .onDisk else { return begin(job, finding) }
    reactorTask { self.begin(job, await job.load(by: self.reader)) }
  }

  private func begin(_ job: DeliveryJob, _ finding: DeliveryJob.Finding) {
    if case .refused(let reason) = finding {
      return refuse(job, EnhancedStatus(4, 3, 0), "mail system error: " + reason)
    }
    if link?.isDraining ?? true {
      return finished(job, connectionFailed: false, verdicts: [])
    }
    let transport = job.request.transport
    guard context.knowsTransport(transport) else {
      return refuse(
        job, EnhancedStatus(4, 3, 5),
        "mail system configuration error: this process knows no transport \(transport)")
    }
    let security: TransportSecurity
    do throws(RoleFailure) {
      security = try self.security(of: job.request.transport)
    } catch {
      return refuse(
        job, EnhancedStatus(4, 3, 5), "mail system configuration error: \(error.reason)")
    }
    if security.logins == nil, let agreement = security.agreementNow(for: job.request.nextHop) {
      return begin(job, agreement, login: nil)
    }
    reactorTask { await self.ask(security, for: job) }
  }

  /// Asks how TLS is to be spoken with the destination, and who this host is there.
  private func ask(_ security: TransportSecurity, for job: DeliveryJob) async {
    let myhostname = settings(of: job.request.transport).client.myhostname
    guard let first = AskedDestination(firstIn: job.request.nextHop, myhostname: myhostname) else {
      return refuseNextHop(of: job)
    }
    let agreement: TransportSecurity.Agreement
    do throws(ClientTLSProblem) {
      agreement = try await security.agreement(for: first)
    } catch {
      return refuse(job, EnhancedStatus(4, 7, 5), error.reason)
    }
    let login: SASLLogin?
    do throws(ClientLogins.Problem) {
      login = try await security.login(for: first, sender: job.request.sender)
    } catch {
      return refuse(
        job, EnhancedStatus(4, 3, 0),
        "local data error: the login for \(first.nextHop) is not known")
    }
    if link?.isDraining ?? true {
      return finished(job, connectionFailed: false, verdicts: [])
    }
    begin(job, agreement, login: login)
  }

  private func begin(
    _ job: DeliveryJob, _ agreement: TransportSecurity.Agreement, login: SASLLogin?
  ) {
    let key = DestinationKey(job.request, agreement, login: login)
    if let connection = pools[key]?.takeIdle() {
      idle[ObjectIdentifier(connection)] = nil
      return connection.assign(job)
    }
    open(job, key, agreement)
  }
}

extension SMTPSenderService: OutboundConnectionOwner {
  func finished(_ job: DeliveryJob, connectionFailed: Bool, verdicts: [RecipientVerdict]) {
    link?.finish(job.request, connectionFailed: connectionFailed, verdicts: verdicts)
  }

  func retry(
    _ job: DeliveryJob, to destination: DestinationKey, under agreement: TransportSecurity.Agreement
  ) {
    // A process that leaves opens no connections.
    if link?.isDraining ?? true {
      return finished(job, connectionFailed: false, verdicts: [])
    }
    open(job, destination, agreement)
  }

  func becameIdle(_ connection: OutboundConnection) {
    idle[ObjectIdentifier(connection)] = connection
    pools[connection.destination]?.park(connection)
  }

  func noLongerIdle(_ connection: OutboundConnection) {
    idle[ObjectIdentifier(connection)] = nil
    pools[connection.destination]?.unpark(connection)
  }

  func ended(_ connection: OutboundConnection) {
    connections[ObjectIdentifier(connection)] = nil
    idle[ObjectIdentifier(connection)] = nil
    if let pool = pools[connection.destination] {
      pool.unpark(connection)
      pool.closed()
      if pool.isEmpty { pools[connection.destination] = nil }
    }
    connectionEnded.pulse()
  }
}
