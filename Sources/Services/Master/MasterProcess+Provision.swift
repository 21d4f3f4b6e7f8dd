import Configuration
import LinuxSystem
import Primitives
import QueueStore
import Reactor
import ServiceKit
import SystemPackage

/// What the roles get from `master`.
extension MasterProcess {
  /// What the C library of a role's process is told.
  ///
  /// A handshake takes some thousand small pieces of memory and gives them back together: lists of
  /// the usual 7 a size send most of them to the shared heap and back. With 64 at most 2 MiB stay
  /// with a thread.
  private static let roleEnvironment = [
    "SWIFT_BACKTRACE=enable=no",
    "GLIBC_TUNABLES=glibc.malloc.tcache_count=64:glibc.malloc.mxfast=0",
  ]

  func makeSupervisor(_ groundwork: Groundwork) async throws(Failure) -> Supervisor {
    let owner = groundwork.owner
    let (provision, sockets) = try await provision(
      files, groundwork, logTarget, try firstSockets(owner), namesInUse: [],
      patience: Self.bindPatience)
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
        clients: try ClientTableRows(clients: files.configuration[.smtpdClientTableSize]),
        executable: try ThisProcess.executable(),
        environment: Self.roleEnvironment)
    } catch {
      throw Failure(description: "cannot prepare the spool \(root): \(error)")
    }
  }

  /// Opens everything that the roles get; nothing that is in use is changed.
  ///
  /// - Parameters:
  ///   - groundwork: what was found out about `files`.
  ///   - sockets: what listens now.
  ///   - namesInUse: names that other processes have.
  ///   - patience: how long an address may be in use by somebody else.
  /// - Returns: what the roles get, and the sockets to hold from then on.
  func provision(
    _ files: ConfigurationFiles, _ groundwork: Groundwork, _ target: LogTarget,
    _ sockets: ListeningSockets, namesInUse: Set<ProcessName>, patience: Duration
  ) async throws(Failure) -> (Provision, ListeningSockets) {
    let configuration = files.configuration
    let listenerPlan = groundwork.listenerPlan
    let bytes = configuration.serialized()
    let file: SharedDescriptor
    let keys: SharedDescriptor
    let clientKeys: SharedDescriptor
    do throws(Errno) {
      file = SharedDescriptor(try Files.sealedMemory("configuration", content: bytes))
      keys = SharedDescriptor(try Files.sealedMemory("keys", content: groundwork.keys))
      clientKeys = SharedDescriptor(
        try Files.sealedMemory("client-keys", content: groundwork.clientKeys))
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
      user: groundwork.owner.map { UserIdentity(name: $0.name, userID: $0.uid, groupID: $0.gid) },
      throttleTime: configuration[.serviceThrottleTime],
      drainTime: configuration[.drainTime], reloadDrainTime: configuration[.reloadDrainTime],
      reloadGenerationLimit: configuration[.reloadGenerationLimit],
      watchdogTimeout: configuration[.serviceWatchdogTimeout],
      startTimeout: configuration[.serviceStartTimeout],
      crashRefusalTime: configuration[.smtpdCrashRefusalTime],
      crashRefusalLimit: configuration[.smtpdCrashRefusalLimit],
      configurationSize: UInt64(bytes.count),
      keyMaterialSize: UInt64(groundwork.keys.count),
      clientKeysSize: UInt64(groundwork.clientKeys.count),
      serviceSettings: listenerPlan.serviceSettings + [[]], listeners: listeners,
      transports: listenerPlan.transports)
    let board: SharedDescriptor
    do throws(Errno) {
      board = try LoadBoard.make(
        processes: plan.receiverCount, services: plan.services(of: .smtpd).count)
    } catch {
      throw Failure(description: "no memory to share between the server processes: \(error)")
    }
    let provision = Provision(
      plan: plan, configurationFile: file, keyMaterialFile: keys, clientKeysFile: clientKeys,
      loadBoard: board,
      logDescriptor: target.descriptor, logKind: target.kind)
    return (provision, held)
  }

  /// 0 stands for one process a processor, at most 8.
  private static func count(_ configured: Int, _ processors: Int) -> Int {
    configured == 0 ? min(processors, 8) : configured
  }
}
