package import Configuration
package import LinuxSystem
import Primitives
import QueueStore
package import Reactor
package import ServiceKit
import ServiceManager
import SystemPackage

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

  /// Judges a configuration as the roles would; sentences about what is wrong. Blocks.
  package typealias Judge = @Sendable (ConfigurationFiles) -> [String]

  var files: ConfigurationFiles
  let judge: Judge
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
    _ files: ConfigurationFiles, judge: @escaping Judge, root: String, lock: InstanceLock,
    serviceManager: ServiceManager
  ) throws(Failure) {
    self.files = files
    self.judge = judge
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
    Reactor.shared.run {
      do throws(Failure) {
        let master = try MasterProcess.prepare(files, judge, serviceManager)
        try await master.live(served)
        status.value = 0
      } catch {
        complain("martinet: fatal: \(error)")
        status.value = 1
      }
    }
    return status.value
  }

  private static func prepare(
    _ files: ConfigurationFiles, _ judge: @escaping Judge, _ serviceManager: ServiceManager
  ) throws(Failure) -> MasterProcess {
    let root = files.configuration[.queueDirectory]
    let owner = try mailOwner(files.configuration)
    do throws(SpoolDirectories.Finding) {
      _ = try SpoolDirectories.format(root)
      try SpoolDirectories.prepare(root, owner: owner.map { ($0.uid, $0.gid) })
    } catch {
      throw Failure(description: "\(error)")
    }
    let taken: InstanceLock?
    let holder: Int32?
    do throws(Errno) {
      taken = try InstanceLock.take(root)
      holder = try InstanceLock.holder(root)
    } catch {
      throw Failure(description: "cannot lock \(root): \(error)")
    }
    guard let lock = taken else {
      let process = holder.map { " as process \($0)" } ?? ""
      throw Failure(description: "the mail system is already running\(process)")
    }
    return try MasterProcess(
      files, judge: judge, root: root, lock: lock, serviceManager: serviceManager)
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
      throw Failure(description: "mail_owner: no such user: \(name)")
    }
  }

  /// Whether the services of `master.cf` make sense.
  package nonisolated static func checkServices(_ files: ConfigurationFiles) throws(Failure) {
    do throws(ListenerPlan.Failure) {
      _ = try ListenerPlan(files)
    } catch {
      throw Failure(description: error.description)
    }
  }

  private func live(_ served: @escaping @Sendable () -> Void) async throws(Failure) {
    ThisProcess.ignoreBrokenPipes()
    // Inherited as ignored it would have the kernel throw away how children ended.
    ThisProcess.watchChildren()
    for diagnostic in files.diagnostics { log.information("master", "\(diagnostic)") }
    if !Identity.isRoot {
      log.warning("master", "not running as root: every process runs as the caller")
    }
    let supervisor = try await makeSupervisor()
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

extension MasterProcess {
  private func makeSupervisor() async throws(Failure) -> Supervisor {
    let owner = try Self.mailOwner(files.configuration)
    let (provision, sockets) = try await provision(
      files, logTarget, try firstSockets(owner), namesInUse: [], patience: Self.bindPatience)
    self.sockets = sockets
    do {
      try SpoolFormat.ofThisBuild.prepare(try LinuxDisk(path: root))
      let helper = try HelperThread(name: "spool")
      return Supervisor(
        provision, log: log,
        sequences: SequenceSource(disk: try LinuxDisk(path: root), helper: helper),
        resultsFiles: ResultsFiles(
          folder: root + "/" + SpoolDirectories.results,
          owner: owner.map { ($0.uid, $0.gid) }, helper: helper),
        recordMarks: try SharedPage.make("record-marks").descriptor,
        executable: try ThisProcess.executable(),
        environment: ["SWIFT_BACKTRACE=enable=no"])
    } catch {
      throw Failure(description: "cannot prepare the spool \(root): \(error)")
    }
  }

  /// Reads and opens everything that the roles get; nothing that is in use is changed.
  ///
  /// - Parameters:
  ///   - sockets: what listens now.
  ///   - namesInUse: names that other processes have.
  ///   - patience: how long an address may be in use by somebody else.
  /// - Returns: what the roles get, and the sockets to hold from then on.
  func provision(
    _ files: ConfigurationFiles, _ target: LogTarget, _ sockets: ListeningSockets,
    namesInUse: Set<ProcessName>, patience: Duration
  ) async throws(Failure) -> (Provision, ListeningSockets) {
    let configuration = files.configuration
    let owner = try Self.mailOwner(configuration)
    let listenerPlan: ListenerPlan
    do throws(ListenerPlan.Failure) {
      listenerPlan = try ListenerPlan(files)
    } catch {
      throw Failure(description: "\(error)")
    }
    let bytes = configuration.serialized()
    let file: SharedDescriptor
    do throws(Errno) {
      file = SharedDescriptor(try Files.sealedMemory("configuration", content: bytes))
    } catch {
      throw Failure(description: "cannot keep the configuration in memory: \(error)")
    }
    let (listeners, held) = try await listeners(
      listenerPlan, sockets, patience: patience, log: log)
    let processors = (try? ThisProcess.processorCount()) ?? 1
    let plan = ServicePlan(
      processes: ServicePlan.processes(
        receivers: Self.count(configuration[.smtpdProcessCount], processors),
        senders: Self.count(configuration[.smtpProcessCount], processors), taken: namesInUse),
      user: owner.map { UserIdentity(name: $0.name, userID: $0.uid, groupID: $0.gid) },
      throttleTime: configuration[.serviceThrottleTime],
      drainTime: configuration[.drainTime], reloadDrainTime: configuration[.reloadDrainTime],
      reloadGenerationLimit: configuration[.reloadGenerationLimit],
      watchdogTimeout: configuration[.serviceWatchdogTimeout],
      startTimeout: configuration[.serviceStartTimeout],
      crashRefusalTime: configuration[.smtpdCrashRefusalTime],
      crashRefusalLimit: configuration[.smtpdCrashRefusalLimit],
      configurationSize: UInt64(bytes.count),
      serviceSettings: listenerPlan.serviceSettings + [[]], listeners: listeners,
      transports: listenerPlan.transports)
    let provision = Provision(
      plan: plan, configurationFile: file, logDescriptor: target.descriptor, logKind: target.kind)
    return (provision, held)
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
