package import Configuration
package import LinuxSystem
import Primitives
import QueueStore
package import Reactor
package import ServiceKit
import ServiceManager
import SystemPackage
import TLSEngine

/// The `master` role: reads the configuration, opens what the roles share, and supervises them.
///
/// It never reads a byte from the network. The caller is told why it does not start; the exit
/// status is 0 after an orderly stop.
@ReactorActor
package final class MasterProcess {
  /// Why the mail system does not start; the text is for the administrator.
  package struct Failure: Error, CustomStringConvertible {
    /// The sentence to print.
    package let description: String
  }

  /// How long a reader may take for the last lines of the log.
  private static let logPatience: Duration = .seconds(2)
  /// Ends the system without finishing anything: SIGQUIT.
  nonisolated static let abortSignal: Int32 = 3

  /// Judges a configuration as the roles would. Blocks.
  package typealias Judge = @Sendable (ConfigurationFiles) -> Verdict

  /// What a `Judge` finds, in sentences.
  package struct Verdict: Sendable {
    let errors: [String]
    let warnings: [String]

    /// - Parameters:
    ///   - errors: why the configuration cannot be used.
    ///   - warnings: what of it is not used as it stands; the roles log it themselves.
    package init(errors: [String], warnings: [String]) {
      self.errors = errors
      self.warnings = warnings
    }
  }

  var files: ConfigurationFiles
  let judge: Judge
  /// What session tickets are sealed with as long as this process lives.
  let ticketSecret: TicketSecret?
  let root: String
  let serviceManager: ServiceManager
  private let lock: InstanceLock
  /// The sockets in use, once there are some.
  var sockets: ListeningSockets?
  /// Where the log goes.
  var logTarget: LogTarget
  let log: Log
  /// Whether the system is on its way out.
  private(set) var isStopping = false
  var reloadIsWanted = false
  var isReloading = false

  private init(
    _ files: ConfigurationFiles, judge: @escaping Judge, ticketSecret: TicketSecret?,
    root: String, lock: InstanceLock, serviceManager: ServiceManager
  ) throws(Failure) {
    self.files = files
    self.judge = judge
    self.ticketSecret = ticketSecret
    (log, logTarget) = try Self.openLog(files.configuration)
    self.root = root
    self.lock = lock
    self.serviceManager = serviceManager
  }

  /// Runs the mail system in the foreground until it is told to stop.
  ///
  /// - Parameters:
  ///   - files: a configuration without errors, judged already.
  ///   - judge: judges the configuration of a reload.
  ///   - served: called once, when every process serves.
  ///   - complain: shows a sentence to whoever started the program.
  /// - Returns: the exit status.
  package nonisolated static func run(
    _ files: ConfigurationFiles, judge: @escaping Judge,
    served: @escaping @Sendable () -> Void = {},
    complain: @escaping @Sendable (String) -> Void
  ) -> Int32 {
    let status = StatusBox()
    let serviceManager = ServiceManager.take()
    let ticketSecret = TicketSecret.random(now: Clocks.wallNow())
    // Here, since names of hosts and ports may take long to look up.
    let groundwork = Result { () throws(Failure) in
      try Groundwork(files, ticketSecret: ticketSecret)
    }
    Reactor.shared.run {
      do throws(Failure) {
        let groundwork = try groundwork.get()
        let master = try MasterProcess.prepare(
          files, groundwork.owner, judge, ticketSecret, serviceManager)
        try await master.live(groundwork, served)
        status.value = 0
      } catch {
        complain("martinet: fatal: \(error)")
        status.value = 1
      }
    }
    return status.value
  }

  private static func prepare(
    _ files: ConfigurationFiles, _ owner: Account?, _ judge: @escaping Judge,
    _ ticketSecret: TicketSecret?, _ serviceManager: ServiceManager
  ) throws(Failure) -> MasterProcess {
    let root = files.configuration[.queueDirectory]
    do throws(SpoolDirectories.Finding) {
      _ = try SpoolDirectories.format(root)
      try SpoolDirectories.prepare(root, owner: owner.map { ($0.uid, $0.gid) })
    } catch {
      throw Failure(description: "\(error)")
    }
    let lock: InstanceLock
    do throws(InstanceLock.Refusal) {
      lock = try InstanceLock.take(root)
    } catch {
      throw Failure(description: "\(error)")
    }
    return try MasterProcess(
      files, judge: judge, ticketSecret: ticketSecret, root: root, lock: lock,
      serviceManager: serviceManager)
  }

  /// `mail_owner`, or `nil` when the caller is not root and everything runs as the caller.
  package nonisolated static func mailOwner(
    _ configuration: Configuration
  ) throws(Failure) -> Account? {
    guard Identity.isRoot else { return nil }
    let name = configuration[.mailOwner]
    do throws(Errno) {
      guard let account = try Identity.account(named: name) else {
        throw Errno.noSuchFileOrDirectory
      }
      guard account.uid != 0 else {
        throw Errno.notPermitted
      }
      return account
    } catch .notPermitted {
      throw Failure(description: "mail_owner: \(name) is the superuser; name another user")
    } catch {
      throw Failure(description: "mail_owner: no such user: \(name); make it, or name another one")
    }
  }

  /// Whether the services of `master.cf` make sense.
  package nonisolated static func checkServices(_ files: ConfigurationFiles) throws(Failure) {
    _ = try listenerPlan(files)
  }

  /// Looks up names, which may block: not on a reactor.
  nonisolated static func listenerPlan(
    _ files: ConfigurationFiles
  ) throws(Failure) -> ListenerPlan {
    do throws(ListenerPlan.Failure) {
      return try ListenerPlan(files)
    } catch {
      throw Failure(description: error.description)
    }
  }

  private func live(
    _ groundwork: Groundwork, _ served: @escaping @Sendable () -> Void
  ) async throws(Failure) {
    ThisProcess.ignoreBrokenPipes()
    // Inherited as ignored it would have the kernel throw away how children ended.
    ThisProcess.watchChildren()
    for diagnostic in files.diagnostics where diagnostic.severity != .information {
      log.information("master", "\(diagnostic.withoutValue)")
    }
    if !Identity.isRoot {
      log.warning("master", "not running as root: every process runs as the caller")
    }
    let supervisor = try await makeSupervisor(groundwork)
    let signals: SignalSource
    do {
      signals = try SignalSource([2, 15, Self.reloadSignal, Self.abortSignal])
    } catch {
      throw Failure(description: "cannot watch signals: \(error)")
    }
    logBegin("daemon started")
    let report = ServiceReport(serviceManager, log: log)
    supervisor.allServe = {
      report.ready()
      served()
    }
    supervisor.startAll()
    var signal = try? await signals.next()
    while signal == Self.reloadSignal {
      askForReload(supervisor, report)
      signal = try? await signals.next()
    }
    isStopping = true
    let patience = signal == Self.abortSignal ? .zero : files.configuration[.drainTime]
    reactorTask {
      while let signal = try? await signals.next() {
        if signal == Self.abortSignal { supervisor.abort() }
      }
    }
    log.information("master", "terminating on signal")
    report.stopping()
    sockets = nil
    await supervisor.stopAll(within: patience)
    signals.close()
    log.flush()
    await logTarget.finish(deadline: Reactor.shared.now + Self.logPatience)
  }

  /// Logs that the files are in force from now on.
  func logBegin(_ what: String) {
    log.line("master") {
      $0.append(string: what)
      $0.append(text: " -- version ")
      $0.append(string: files.configuration[.mailVersion])
      $0.append(text: ", configuration ")
      $0.append(string: files.directory)
    }
  }

  private static func openLog(
    _ configuration: Configuration
  ) throws(Failure) -> (Log, LogTarget) {
    let file = configuration[.maillogFile]
    do throws(Errno) {
      let target = try LogTarget.open(configuration)
      let log = Log(
        try target.descriptor.duplicate(), kind: target.kind,
        capacity: Int(configuration[.logBufferSize]),
        hostName: configuration[.myhostname], syslogName: configuration[.syslogName], facility: 2)
      if let remark = target.remark { log.warning("master", remark) }
      return (log, target)
    } catch {
      throw Failure(
        description: "cannot open the log \(file.isEmpty ? "(syslog)" : file): \(error)")
    }
  }
}

/// Carries the exit status out of the loop.
private final class StatusBox: @unchecked Sendable {
  var value: Int32 = 1
}
