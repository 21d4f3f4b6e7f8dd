package import Configuration
package import LinuxSystem
import Primitives
import QueueStore
package import Reactor
package import ServiceKit
import ServiceManager
import SystemPackage
import TLSPolicy

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

  private let files: ConfigurationFiles
  private let listenerPlan: ListenerPlan
  let root: String
  let serviceManager: ServiceManager
  private let lock: InstanceLock

  private init(
    _ files: ConfigurationFiles, _ listenerPlan: ListenerPlan, root: String, lock: InstanceLock,
    serviceManager: ServiceManager
  ) {
    self.files = files
    self.listenerPlan = listenerPlan
    self.root = root
    self.lock = lock
    self.serviceManager = serviceManager
  }

  /// Runs the mail system in the foreground until it is told to stop.
  ///
  /// - Parameters:
  ///   - files: a configuration without errors.
  ///   - complain: shows a sentence to whoever started the program.
  /// - Returns: the exit status.
  package nonisolated static func run(
    _ files: ConfigurationFiles, complain: @escaping @Sendable (String) -> Void
  ) -> Int32 {
    let status = StatusBox()
    let serviceManager = ServiceManager.take()
    // Here, since names of hosts and ports may take long to look up.
    let plan = Result { () throws(Failure) in try listenerPlan(files) }
    Reactor.shared.run {
      do throws(Failure) {
        let master = try MasterProcess.prepare(files, try plan.get(), serviceManager)
        try await master.live(complain)
        status.value = 0
      } catch {
        complain("martinet: fatal: \(error)")
        status.value = 1
      }
    }
    return status.value
  }

  private static func prepare(
    _ files: ConfigurationFiles, _ listenerPlan: ListenerPlan, _ serviceManager: ServiceManager
  ) throws(Failure) -> MasterProcess {
    let root = files.configuration[.queueDirectory]
    let owner = try mailOwner(files.configuration)
    do throws(SpoolDirectories.Finding) {
      _ = try SpoolDirectories.format(root)
      try SpoolDirectories.prepare(root, owner: owner.map { ($0.uid, $0.gid) })
    } catch {
      throw Failure(description: "\(error)")
    }
    do throws(InstanceLock.Refusal) {
      return MasterProcess(
        files, listenerPlan, root: root, lock: try InstanceLock.take(root),
        serviceManager: serviceManager)
    } catch {
      throw Failure(description: "\(error)")
    }
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
  private nonisolated static func listenerPlan(
    _ files: ConfigurationFiles
  ) throws(Failure) -> ListenerPlan {
    do throws(ListenerPlan.Failure) {
      return try ListenerPlan(files)
    } catch {
      throw Failure(description: error.description)
    }
  }

  private func live(_ complain: @Sendable (String) -> Void) async throws(Failure) {
    ThisProcess.ignoreBrokenPipes()
    // Inherited as ignored it would have the kernel throw away how children ended.
    ThisProcess.watchChildren()
    let configuration = files.configuration
    let (log, target) = try openLog()
    for diagnostic in files.diagnostics where diagnostic.severity != .information {
      log.information("master", "\(diagnostic)")
    }
    if !Identity.isRoot {
      log.warning("master", "not running as root: every process runs as the caller")
    }
    let supervisor = try await makeSupervisor(log: log, target)
    let signals: SignalSource
    do {
      signals = try SignalSource([2, 15, 1])
    } catch {
      throw Failure(description: "cannot watch signals: \(error)")
    }
    log.line("master") {
      $0.append(text: "daemon started -- version ")
      $0.append(string: configuration[.mailVersion])
      $0.append(text: ", configuration ")
      $0.append(string: files.directory)
    }
    let report = ServiceReport(serviceManager, log: log)
    supervisor.allServe = { report.ready() }
    supervisor.startAll()
    var stopping = false
    while !stopping {
      guard let signal = try? await signals.next() else { break }
      if signal == 1 {
        log.warning("master", "SIGHUP: reload is not supported; stop and run again")
      } else {
        stopping = true
      }
    }
    log.information("master", "terminating on signal")
    report.stopping()
    await supervisor.stopAll(within: configuration[.drainTime])
    log.flush()
    await target.finish(deadline: Reactor.shared.now + Self.logPatience)
  }

  private func openLog() throws(Failure) -> (Log, LogTarget) {
    let configuration = files.configuration
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

extension MasterProcess {
  private func makeSupervisor(
    log: Log, _ target: LogTarget
  ) async throws(Failure) -> Supervisor {
    let configuration = files.configuration
    let bytes = configuration.serialized()
    let keys = try ServerKeys.read(for: files).serialized()
    let clientKeys = try ServerKeys.readClientKeys(for: files).serialized()
    let owner = try Self.mailOwner(configuration)
    let listeners = try await listeners(listenerPlan, owner: owner, log: log)
    let processors = (try? ThisProcess.processorCount()) ?? 1
    let plan = ServicePlan(
      processes: ServicePlan.processes(
        receivers: Self.count(configuration[.smtpdProcessCount], processors),
        senders: Self.count(configuration[.smtpProcessCount], processors)),
      user: owner.map { UserIdentity(name: $0.name, userID: $0.uid, groupID: $0.gid) },
      throttleTime: configuration[.serviceThrottleTime],
      watchdogTimeout: configuration[.serviceWatchdogTimeout],
      startTimeout: configuration[.serviceStartTimeout],
      crashRefusalTime: configuration[.smtpdCrashRefusalTime],
      crashRefusalLimit: configuration[.smtpdCrashRefusalLimit],
      configurationSize: UInt64(bytes.count),
      keyMaterialSize: UInt64(keys.count), clientKeysSize: UInt64(clientKeys.count),
      serviceSettings: listenerPlan.serviceSettings + [[]], listeners: listeners,
      transports: listenerPlan.transports)
    do {
      try SpoolFormat.ofThisBuild.prepare(try LinuxDisk(path: root))
      let file = try Files.sealedMemory("configuration", content: bytes)
      let helper = try HelperThread(name: "spool")
      return Supervisor(
        plan: plan, log: log, logDescriptor: target.descriptor, logKind: target.kind,
        sequences: SequenceSource(disk: try LinuxDisk(path: root), helper: helper),
        resultsFiles: ResultsFiles(
          folder: root + "/" + SpoolDirectories.results,
          owner: owner.map { ($0.uid, $0.gid) }, helper: helper),
        configurationFile: SharedDescriptor(file),
        recordMarks: try SharedPage.make("record-marks").descriptor,
        keyMaterialFile: SharedDescriptor(try Files.sealedMemory("keys", content: keys)),
        clientKeysFile: SharedDescriptor(
          try Files.sealedMemory("client-keys", content: clientKeys)),
        clients: try ClientTableRows(clients: configuration[.smtpdClientTableSize]),
        executable: try ThisProcess.executable(),
        environment: ["SWIFT_BACKTRACE=enable=no"])
    } catch {
      throw Failure(description: "cannot prepare the spool \(root): \(error)")
    }
  }

  /// 0 stands for one process a processor, at most 8.
  private static func count(_ configured: Int, _ processors: Int) -> Int {
    configured == 0 ? min(processors, 8) : configured
  }
}

/// Carries the exit status out of the loop.
private final class StatusBox: @unchecked Sendable {
  var value: Int32 = 1
}
