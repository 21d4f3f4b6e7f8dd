import Configuration
import LinuxSystem
import LookupTables
import MailSite
import MailTypes
package import Primitives
import QueueStore
package import Reactor
package import ServiceKit
import SystemPackage

/// The `qmgr` role: the only owner of message state.
@ReactorActor
package final class QueueManagerService: RoleService {
  private let context: RoleContext
  private let peers: Peers

  /// Makes the service.
  ///
  /// - Throws: when the configuration names tables that cannot be opened, or there is no spool.
  package init(_ context: RoleContext) throws(RoleFailure) {
    self.context = context
    let settings = QueueSettings(context.configuration)
    do {
      let site = try Self.site(context.configuration, .role(context.configuration))
      let queue = try MailQueue(
        settings: settings, log: context.log, disk: try LinuxDisk(path: settings.directory),
        router: site.router, rewriting: site.rewriting(), services: Self.services(context),
        marks: try context.recordMarks.map { try RecordMarks($0.raw) },
        needSequences: { context.master.post(.needSequences) })
      queue.setDeliverers(Set(context.agents))
      peers = Peers(
        queue, mute: { context.master.post(.mute($0)) },
        ended: { context.master.post(.channelEnded($0, pid: $1)) })
    } catch {
      throw RoleFailure("cannot serve the queue in \(settings.directory): \(error)")
    }
    addSequences(first: context.sequences.first, count: context.sequences.count)
  }

  /// Opens the lists and tables of a configuration. Blocks.
  private nonisolated static func site(
    _ configuration: Configuration, _ tables: TableOpener
  ) throws -> MailSite {
    try MailSite(
      configuration, ownAddresses: try Interfaces.addresses().map(\.address), tables: tables)
  }

  /// Which role runs each delivery service of `master.cf`.
  private static func services(_ context: RoleContext) -> [String: Role] {
    var services: [String: Role] = [:]
    for name in context.transportNames {
      let command = context.configuration(ofTransport: name)[.processName]
      if let role = Role.agent(running: command) { services[name] = role }
    }
    return services
  }

  package func start() async throws(RoleFailure) {
    try await peers.start()
  }

  package func reconfigure(_ context: RoleContext) async throws(RoleFailure) {
    let configuration = context.configuration
    do {
      // Tables may be large: no work for the loop, and seldom enough for a thread of its own.
      let helper = try HelperThread(name: "tables")
      defer { helper.stopLater() }
      let tables = TableOpener.role(configuration)
      let site: Result<MailSite, any Error> = await helper.perform {
        Result { try Self.site(configuration, tables) }
      }
      let opened = try site.get()
      peers.queue.reconfigure(
        QueueSettings(configuration), router: opened.router, rewriting: opened.rewriting(),
        services: Self.services(context), deliverers: Set(context.agents))
    } catch {
      throw RoleFailure("\(error)")
    }
  }

  package func attach(_ channel: MessageChannel, to peer: ProcessName, pid: Int32) {
    peers.attach(channel, to: peer, pid: pid)
  }

  package func channelsComplete() { peers.channelsComplete() }

  package func addSequences(first: UInt64, count: UInt32) {
    peers.addSequences(first: first, count: count)
  }

  package func drain(deadline: MonotonicTime) async {
    await peers.drain(deadline: deadline)
  }
}
