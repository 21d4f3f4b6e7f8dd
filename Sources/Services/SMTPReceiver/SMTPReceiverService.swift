import Configuration
import LinuxSystem
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

/// The `smtpd` role: listens, speaks SMTP with clients, and brings their mail to the spool.
///
/// It serves whether or not the queue manager lives: what it keeps lies on the disk, and a queue
/// manager that comes back is told how far (spool rules R11, R13, R36).
@ReactorActor
package final class SMTPReceiverService: RoleService {
  /// Descriptors for everything but sessions: log, channels, spool, tables.
  private static let descriptorReserve = 64
  /// The largest file of a table or list, in bytes.
  private nonisolated static let tableSizeMax = 256 << 20

  private let context: RoleContext
  private let spool: DiskSpool
  private let intake: Intake
  private let sessions: SessionTable
  private let queueManager: QueueManagerLink
  private var acceptors: [Acceptor] = []

  /// Opens the spool.
  package init(_ context: RoleContext) throws(RoleFailure) {
    self.context = context
    let configuration = context.configuration
    let link = QueueManagerLink(log: context.log)
    spool = try DiskSpool(
      configuration, name: "smtpd\(context.name.index)",
      onProgress: { link.report($0) },
      onLowSequences: { context.master.post(.needSequences) })
    let first = context.sequences.first
    spool.addSequences(first..<first + UInt64(context.sequences.count))
    var refused = RefusedClients(limit: configuration[.smtpdCrashRefusalLimit])
    for client in context.refusals { refused.add(client, now: Reactor.shared.now) }
    intake = Intake(
      spool: spool, log: context.log,
      memory: BodyMemory(
        limit: Int(clamping: configuration[.bodyMemoryLimit]),
        spillLimit: Int(clamping: configuration[.spoolSpillLimit])),
      page: context.page, refusedClients: refused,
      writeTimeout: configuration[.spoolWriteTimeout])
    sessions = SessionTable(intake: intake)
    queueManager = link
  }

  package func start() async throws(RoleFailure) {
    var rooms: [String: SessionRoom] = [:]
    for listener in context.listeners {
      let known = rooms[listener.service]
      let room = if let known { known } else { SessionRoom(limit: try sessionLimit(of: listener)) }
      rooms[listener.service] = room
      acceptors.append(try acceptor(listener, room))
    }
    for acceptor in acceptors { reactorTask { await acceptor.run() } }
  }

  private func acceptor(
    _ listener: RoleContext.Listener, _ room: SessionRoom
  ) throws(RoleFailure) -> Acceptor {
    let rules = try rules(of: listener)
    do throws(Errno) {
      let socket = try listener.descriptor.duplicate()
      // Sessions inherit it: a reply must not wait for the acknowledgement of the one before.
      if case .ip = try Sockets.localAddress(socket.raw) {
        try Sockets.setNoDelay(socket.raw, true)
      }
      return try Acceptor(socket, room: room, log: context.log) { [sessions] socket, peer in
        sessions.begin(socket, from: peer, rules: rules, room: room)
      }
    } catch {
      throw RoleFailure("cannot listen for service \(listener.service): \(error)")
    }
  }

  /// This process's share of `session_limit`, as far as there are descriptors for it.
  private func sessionLimit(of listener: RoleContext.Listener) throws(RoleFailure) -> Int {
    let wanted = listener.configuration[.sessionLimit] / context.processCount
    let descriptors: Int
    do throws(Errno) {
      descriptors = try ThisProcess.raiseDescriptorLimit()
    } catch {
      throw RoleFailure("cannot tell how many descriptors may be open: \(error)")
    }
    let possible = max(descriptors - Self.descriptorReserve, 1)
    if wanted > possible {
      context.log.warning(
        "smtpd",
        "service \(listener.service): \(possible) sessions at a time in this process, not "
          + "\(wanted): it may open only \(descriptors) descriptors")
    }
    return min(wanted, possible)
  }

  private func rules(of listener: RoleContext.Listener) throws(RoleFailure) -> ListenerRules {
    let site: MailSite
    do {
      site = try MailSite(
        listener.configuration, ownAddresses: try Interfaces.addresses().map(\.address)
      ) { path in try? Files.readWhole(path, limit: Self.tableSizeMax) }
    } catch {
      throw RoleFailure("service \(listener.service): \(error)")
    }
    return try ListenerRules(
      listener.configuration, logName: context.configuration[.syslogName], site: site)
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

  package func retire() {
    for acceptor in acceptors { acceptor.retire() }
    acceptors.removeAll()
    context.releaseListeners()
  }

  package func finishWork(deadline: MonotonicTime) async {
    await sessions.waitForEnd(until: deadline)
  }

  package func drain(deadline: MonotonicTime) async {
    for acceptor in acceptors { acceptor.close() }
    await sessions.drain(deadline: deadline)
    await spool.drain()
    queueManager.flush()
  }
}
