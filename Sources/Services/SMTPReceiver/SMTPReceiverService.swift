import AccessPolicy
import Configuration
package import LinuxSystem
import LookupTables
import MailSite
import MailTypes
package import Primitives
import QueueFormat
import QueueStore
package import Reactor
import SMTPServerCore
package import ServiceKit
import Streams
import SystemPackage
import TLSPolicy

/// The `smtpd` role: listens, speaks SMTP with clients, and brings their mail to the spool.
///
/// It serves whether or not the queue manager lives: what it keeps lies on the disk, and a queue
/// manager that comes back is told how far (spool rules R11, R13, R36).
@ReactorActor
package final class SMTPReceiverService: RoleService {
  /// Descriptors for everything but sessions: log, channels, spool, tables.
  private static let descriptorReserve = 64

  private let context: RoleContext
  private let spool: DiskSpool
  private let intake: Intake
  private let sessions: SessionTable
  private let queueManager: QueueManagerLink
  private let tables: TableOpener
  private var acceptors: [Acceptor] = []
  private var warned: Set<String> = []

  /// Opens the spool.
  package init(_ context: RoleContext) throws(RoleFailure) {
    self.context = context
    let configuration = context.configuration
    tables = .role(configuration)
    let link = QueueManagerLink(
      log: context.log, interval: configuration[.queueNoticeInterval])
    spool = try DiskSpool(
      configuration, name: context.name.spoolName,
      onProgress: { link.report($0) },
      onLowSequences: { context.master.post(.needSequences) })
    let first = context.sequences.first
    spool.addSequences(first..<first + UInt64(context.sequences.count))
    var refused = RefusedClients(limit: configuration[.smtpdCrashRefusalLimit])
    for client in context.refusals { refused.add(client, now: Reactor.shared.now) }
    let clients = context.clients.map {
      ClientLedger(
        $0, log: context.log, unit: configuration[.anvilRateTimeUnit],
        reportInterval: configuration[.anvilStatusUpdateTime])
    }
    intake = Intake(
      spool: spool, log: context.log,
      memory: BodyMemory(
        limit: Int(clamping: configuration[.bodyMemoryLimit]),
        spillLimit: Int(clamping: configuration[.spoolSpillLimit])),
      page: context.page, refusedClients: refused, clients: clients,
      writeTimeout: configuration[.spoolWriteTimeout],
      names: LookupThread(
        name: "hosts", depthMax: configuration[.lookupQueueLimit],
        timeout: configuration[.lookupTimeout]))
    sessions = SessionTable(intake: intake)
    queueManager = link
  }

  package func start() async throws(RoleFailure) {
    let services = LoadBoard.services(of: context.listeners.map(\.service))
    var rooms: [String: SessionRoom] = [:]
    for listener in context.listeners {
      guard let number = services.firstIndex(of: listener.service) else {
        preconditionFailure("a listener without a service")
      }
      let known = rooms[listener.service]
      let room = if let known { known } else { try makeRoom(for: listener, number) }
      rooms[listener.service] = room
      acceptors.append(try acceptor(listener, room, reserve: reserve(of: number)))
    }
    intake.clients?.start()
    for acceptor in acceptors { reactorTask { await acceptor.run() } }
  }

  /// What tells a process in reserve when it is to take connections of a service.
  private func reserve(of service: Int) -> Reserve? {
    guard let board = context.loadBoard else { return nil }
    let configuration = context.configuration
    let rule = ReserveRule(
      base: board.processCount - board.processCount * configuration[.smtpdReservePercent] / 100,
      rank: board.rank, load: configuration[.smtpdReserveLoad])
    guard !rule.isFirst else { return nil }
    return Reserve(
      board, service: service, rule: rule,
      times: .init(
        delay: configuration[.smtpdReserveDelay], call: configuration[.smtpdReserveTime]))
  }

  private func acceptor(
    _ listener: RoleContext.Listener, _ room: SessionRoom, reserve: Reserve?
  ) throws(RoleFailure) -> Acceptor {
    let rules = try ListenerRuleSets(
      listener.configuration, service: listener.service,
      logName: context.configuration[.syslogName], opener: tables,
      tls: try security(of: listener))
    warn(rules.usual, rules.warnings)
    if rules.usual.tls.context != nil, rules.usual.tls.logLevel >= 2 {
      context.log.line(tag: rules.usual.tag) {
        $0.append(text: "initializing the server-side TLS engine")
      }
    }
    do throws(Errno) {
      let socket = try listener.descriptor.duplicate()
      // Sessions inherit it: a reply must not wait for the acknowledgement of the one before.
      if case .ip = try Sockets.localAddress(socket.raw) {
        try Sockets.setNoDelay(socket.raw, true)
      }
      return try Acceptor(
        socket, room: room, log: context.log, reserve: reserve
      ) { [sessions] socket, peer in
        sessions.begin(socket, from: peer, rules: rules.current(in: room), room: room)
      }
    } catch {
      throw RoleFailure("cannot listen for service \(listener.service): \(error)")
    }
  }

  /// A process's share of the sessions of a service; the first processes take what is left over.
  nonisolated static func share(of limit: Int, process: Int, of processes: Int) -> Int {
    limit / processes + (process < limit % processes ? 1 : 0)
  }

  private func makeRoom(
    for listener: RoleContext.Listener, _ number: Int
  ) throws(RoleFailure) -> SessionRoom {
    let limit = try sessionLimit(of: listener)
    // Of the listener only its name: a session, which has the room, must not keep the socket open.
    return SessionRoom(limit: limit, board: context.loadBoard.map { ($0, number) }) {
      [log = context.log, service = listener.service] isStressed, all in
      let now = isStressed ? "near" : "well below"
      log.line("smtpd", severity: isStressed ? .warning : .information) {
        if isStressed { $0.append(text: "warning: ") }
        $0.append(
          string: "service \(service) is \(now) its limit of \(all) sessions: new clients get "
            + "the settings with stress=\(isStressed ? "yes" : "")")
      }
    }
  }

  /// This process's share of `session_limit`, as far as there are descriptors for it.
  private func sessionLimit(of listener: RoleContext.Listener) throws(RoleFailure) -> Int {
    let wanted = Self.share(
      of: listener.configuration[.sessionLimit], process: context.processRank,
      of: context.processCount)
    let descriptors: Int
    do throws(Errno) {
      descriptors = try ThisProcess.raiseDescriptorLimit()
    } catch {
      throw RoleFailure("cannot tell how many descriptors may be open: \(error)")
    }
    // Each session has a connection to each milter.
    let each = 1 + SiteMilters.countMax(listener.configuration)
    let possible = max((descriptors - Self.descriptorReserve) / each, 1)
    if wanted > possible {
      context.log.warning(
        "smtpd",
        "service \(listener.service): \(possible) sessions at a time in this process, not "
          + "\(wanted): it may open only \(descriptors) descriptors")
    }
    return min(wanted, possible)
  }

  /// Says what of the restrictions is not used; one process of the role speaks for all.
  private func warn(_ rules: ListenerRules, _ more: [String]) {
    guard context.processRank == 0 else { return }
    for warning in more + rules.access.warnings.map(\.description)
    where warned.insert(warning).inserted {
      context.log.warning("smtpd", warning)
    }
  }

  private func security(of listener: RoleContext.Listener) throws(RoleFailure) -> ServerTLS {
    guard let material = KeyMaterial(serialized: context.keyMaterial) else {
      throw RoleFailure("service \(listener.service): the keys from master are damaged")
    }
    do throws(TLSPolicyError) {
      let tls = try ServerTLS(
        listener.configuration, service: listener.service, material: material)
      for warning in ServerTLS.warnings(of: listener.configuration)
      where context.processRank == 0 && warned.insert(warning).inserted {
        context.log.warning("smtpd", warning)
      }
      if tls.level == .may, tls.context == nil {
        context.log.warning("smtpd", "No server certs available. TLS won't be enabled")
      }
      return tls
    } catch {
      throw RoleFailure("service \(listener.service): \(error)")
    }
  }

  package func attach(_ channel: MessageChannel, to peer: ProcessName, pid: Int32) {
    guard peer.role == .qmgr else { return channel.close() }
    queueManager.attach(channel, progress: spool.progress) { [intake, spool] in
      intake.queueRefusal = $0
      if $0 != nil { spool.sealEarly() } else { spool.probeNow() }
    }
  }

  package func addSequences(first: UInt64, count: UInt32) {
    spool.addSequences(first..<first + UInt64(count))
  }

  package func refuse(_ client: RefusedClients.Entry) {
    intake.refusedClients.add(client, now: Reactor.shared.now)
  }

  package func follow(_ filter: TraceFilter, writingTo socket: SharedDescriptor) {
    do throws(Errno) {
      sessions.follow(try DialogFollower(filter, try socket.duplicate()))
    } catch {
      context.log.warning("smtpd", "sessions cannot be followed: \(error)")
    }
  }

  package func retire() {
    for acceptor in acceptors { acceptor.retire() }
    acceptors.removeAll()
    context.releaseListeners()
    intake.clients?.stopLookingAfterTable()
  }

  package func finishWork(deadline: MonotonicTime) async {
    await sessions.waitForEnd(until: deadline)
  }

  package func drain(deadline: MonotonicTime) async {
    for acceptor in acceptors { acceptor.close() }
    await sessions.drain(deadline: deadline)
    intake.clients?.report()
    await spool.drain()
    queueManager.flush()
  }
}
