import Configuration
import LinuxSystem
import Primitives
import QueueStore
import Reactor
import ServiceKit
import SystemPackage

/// Starts the roles, joins them by channels, and starts again what died.
@ReactorActor
final class Supervisor {
  /// How many segment numbers a writer gets at a time.
  static let sequencesPerGrant: UInt64 = 1000
  /// How long a killed process may take to be gone.
  private static let killTime: Duration = .seconds(2)

  let plan: ServicePlan
  let log: Log
  private let executable: String
  private let environment: [String]
  private let logDescriptor: SharedDescriptor
  private let logKind: LogKind
  private let configurationFile: SharedDescriptor
  private let keyMaterialFile: SharedDescriptor
  private let clientKeysFile: SharedDescriptor
  /// Outlives every `qmgr`, so that the next one learns where the one before died.
  private let recordMarks: SharedDescriptor
  private let clients: ClientTableRows
  private let sequences: SequenceSource
  private let resultsFiles: ResultsFiles
  private let rejoining = Rejoining()
  private var policies: [ProcessName: RestartPolicy] = [:]
  private var pendingStarts: [ProcessName: Alarm] = [:]
  private(set) var children: [ProcessName: RoleChild] = [:]
  private var isStopping = false
  private let childEnded = Gate()
  var refusedClients: RefusedClients
  var watchAlarm: Alarm?
  /// Called once, when every process of the plan serves.
  var allServe: (() -> Void)?

  init(
    plan: ServicePlan, log: Log, logDescriptor: SharedDescriptor, logKind: LogKind,
    sequences: SequenceSource, resultsFiles: ResultsFiles, configurationFile: SharedDescriptor,
    recordMarks: SharedDescriptor, keyMaterialFile: SharedDescriptor,
    clientKeysFile: SharedDescriptor,
    clients: ClientTableRows, executable: String,
    environment: [String]
  ) {
    self.clients = clients
    self.plan = plan
    refusedClients = RefusedClients(limit: plan.crashRefusalLimit)
    self.log = log
    self.logDescriptor = logDescriptor
    self.logKind = logKind
    self.sequences = sequences
    self.resultsFiles = resultsFiles
    self.configurationFile = configurationFile
    self.keyMaterialFile = keyMaterialFile
    self.clientKeysFile = clientKeysFile
    self.recordMarks = recordMarks
    self.executable = executable
    self.environment = environment
  }

  /// Starts every role of the plan.
  func startAll() {
    for name in plan.processes { start(name) }
    beginWatch()
  }

  private func start(_ name: ProcessName) {
    guard !isStopping, children[name] == nil else { return }
    pendingStarts[name] = nil
    guard name.role.usesSequences else { return launch(name, sequences: 0..<0) }
    reactorTask {
      do throws(SpoolError) {
        let granted = try await self.sequences.take(Self.sequencesPerGrant)
        self.launch(name, sequences: granted)
      } catch {
        self.log.error("master", "cannot reserve segment numbers: \(error)")
        self.planRestart(of: name)
      }
    }
  }

  private func launch(_ name: ProcessName, sequences: Range<UInt64>) {
    guard !isStopping, children[name] == nil else { return }
    do throws(Errno) {
      let child = try RoleChild(name, executable: executable, environment: environment)
      children[name] = child
      sendStart(to: child, sequences: sequences)
      connect(child)
      if name.role.isAgent { reactorTask { await self.sendResultsFile(to: child) } }
      reactorTask { await self.listen(to: child) }
      reactorTask { await self.watch(child) }
    } catch {
      log.error("master", "cannot start \(name.role.rawValue): \(error)")
      planRestart(of: name)
    }
  }

  private func sendStart(to child: RoleChild, sequences: Range<UInt64>) {
    let role = child.name.role
    let listeners = plan.listeners(of: role)
    // Only who speaks as a server sees the server's keys, and a client only its own.
    let keys: (file: SharedDescriptor, size: UInt64)? =
      switch role {
      case .smtpd: (keyMaterialFile, plan.keyMaterialSize)
      case .smtp: (clientKeysFile, plan.clientKeysSize)
      default: nil
      }
    if role == .smtpd { child.clientRow = clients.take() }
    let record = StartRecord(
      name: child.name, user: role == .local ? nil : plan.user, logKind: logKind,
      configurationSize: plan.configurationSize,
      keyMaterialSize: keys?.size ?? 0,
      listeners: listeners.map { StartRecord.Listener(service: $0.service, settings: $0.settings) },
      transports: plan.transports(of: role), serviceSettings: plan.serviceSettings,
      sequenceFirst: sequences.lowerBound, sequenceCount: UInt32(sequences.count),
      processCount: UInt32(plan.processes.filter { $0.role == role }.count),
      hasRecordMarks: role == .qmgr,
      refusals: role == .smtpd ? refusedClients.entries(at: Reactor.shared.now) : [],
      clientRow: child.clientRow.map { UInt32($0) })
    child.channel.post(
      .start(record),
      descriptors: [configurationFile.raw, logDescriptor.raw, child.pageDescriptor.raw]
        + listeners.map(\.socket.raw) + (role == .qmgr ? [recordMarks.raw] : [])
        + (child.clientRow == nil ? [] : [clients.descriptor.raw])
        + (keys.map { [$0.file.raw] } ?? []))
    child.channel.flush()
  }

  /// An agent can do without: only the death of all who know its results would then cost them.
  private func sendResultsFile(to child: RoleChild) async {
    do throws(Errno) {
      let file = try await resultsFiles.make(for: child.name, pid: child.pid)
      child.channel.post(.resultsFile, descriptors: [file.raw])
      // This copy of the descriptor keeps the lock too, and goes.
      child.channel.flush()
    } catch {
      log.warning(
        "master",
        "no file for the results of \(child.name.role.rawValue) in "
          + "\(resultsFiles.folder): \(error)")
    }
  }

  /// Every process talks to `qmgr` and to nobody else.
  private func connect(_ child: RoleChild) {
    if child.name.role == .qmgr {
      for peer in children.values where peer.name.role != .qmgr { join(peer, child) }
      child.channel.post(.channelsComplete)
    } else if let queue = children.values.first(where: { $0.name.role == .qmgr }) {
      join(child, queue)
    }
  }

  private func join(_ a: RoleChild, _ b: RoleChild) {
    do throws(Errno) {
      var pair = try Sockets.packetPair()
      let first = pair.takeFirst()
      let second = pair.takeSecond()
      a.channel.post(.channel(b.name, pid: b.pid), descriptors: [first.raw])
      b.channel.post(.channel(a.name, pid: a.pid), descriptors: [second.raw])
      a.channel.flush()
      b.channel.flush()
    } catch {
      log.error("master", "no channel between \(a.name.role) and \(b.name.role): \(error)")
      a.kill()
    }
  }

  private func listen(to child: RoleChild) async {
    while let received = try? await child.channel.receive() {
      for message in received.messages {
        switch message {
        case .ready: noteReady(child)
        case .failed(let reason):
          log.error("master", "\(child.name.role.rawValue) cannot serve: \(reason)")
        case .needSequences where child.name.role.usesSequences: grantSequences(to: child)
        // Nobody else may have a process ended: `smtpd` reads what strangers send.
        case .mute(let peer) where child.name.role == .qmgr:
          guard let silent = children[peer] else { break }
          log.warning("master", "\(peer.role.rawValue) pid \(silent.pid) does not answer: killing")
          silent.kill()
        case .trace(let filter) where child.name.role == .control:
          guard let socket = received.descriptors.first else { break }
          passOn(filter, socket)
        case .channelEnded(let peer, let pid) where child.name.role == .qmgr:
          rejoin(peer, pid: pid, with: child)
        default:
          log.warning("master", "unexpected message from \(child.name.role.rawValue)")
        }
      }
    }
  }

  /// Has those that serve now show their sessions; one that is started later does not.
  private func passOn(_ filter: TraceFilter, _ socket: SharedDescriptor) {
    for peer in children.values where peer.name.role == .smtpd {
      peer.channel.post(.trace(filter), descriptors: [socket.raw])
      peer.channel.flush()
    }
  }

  private func noteReady(_ child: RoleChild) {
    child.isReady = true
    guard plan.processes.allSatisfy({ children[$0]?.isReady ?? false }) else { return }
    allServe?()
    allServe = nil
  }

  /// A channel broke though both ends live, as one of them says: they get another.
  private func rejoin(_ peer: ProcessName, pid: Int32, with queue: RoleChild) {
    rejoining.plan(pid: pid, ceiling: plan.throttleTime) {
      // Mostly the channel ended since the process did.
      guard !self.isStopping, let other = self.children[peer], other.pid == pid,
        self.children[queue.name] === queue
      else { return false }
      self.log.warning("master", "\(peer.role.rawValue) pid \(pid) gets a new channel to qmgr")
      self.join(other, queue)
      return true
    }
  }

  private func grantSequences(to child: RoleChild) {
    reactorTask {
      do throws(SpoolError) {
        let granted = try await self.sequences.take(Self.sequencesPerGrant)
        child.channel.post(
          .sequences(first: granted.lowerBound, count: UInt32(granted.count)))
      } catch {
        self.log.error("master", "cannot reserve segment numbers: \(error)")
      }
    }
  }

  private func watch(_ child: RoleChild) async {
    let status = await child.end()
    children[child.name] = nil
    forgetClients(of: child)
    childEnded.pulse()
    if status != .exited(0) || !child.isDraining { report(child, status) }
    blame(for: child, status)
    planRestart(of: child.name, hasServed: child.isReady)
  }

  /// The sessions of a process that has ended are over, however it ended.
  private func forgetClients(of child: RoleChild) {
    guard let row = child.clientRow else { return }
    do throws(Errno) {
      try clients.free(row)
    } catch {
      // The row is not given out again: what it holds would count for its next process.
      log.error("master", "the sessions of smtpd pid \(child.pid) stay counted: \(error)")
    }
  }

  private func report(_ child: RoleChild, _ status: ExitStatus) {
    let what =
      switch status {
      case .exited(let code): "exit status \(code)"
      case .signalled(let number): "killed by signal \(number)"
      }
    log.warning("master", "process \(child.name.role.rawValue) pid \(child.pid) \(what)")
  }

  private func planRestart(of name: ProcessName, hasServed: Bool = false) {
    guard !isStopping else { return }
    let isLast = !children.keys.contains { $0.role == name.role }
    let fresh = RestartPolicy(ceiling: plan.throttleTime, isWriter: name.role.isWriter)
    let wait = policies[name, default: fresh].died(
      now: Reactor.shared.now, isLast: isLast, hasServed: hasServed)
    if wait == .zero { return start(name) }
    log.warning("master", "\(name.role.rawValue) is started again in \(wait)")
    let alarm = Alarm { self.start(name) }
    alarm.schedule(at: Reactor.shared.now + wait)
    pendingStarts[name] = alarm
  }

  /// Ends every role: first those that take mail in and out, then the queue.
  ///
  /// What still lives when the time of its phase is over is killed; the queue keeps a part of the
  /// time for itself, so that what the others did at the last moment is written down.
  func stopAll(within time: Duration) async {
    isStopping = true
    for alarm in pendingStarts.values { alarm.cancel() }
    pendingStarts.removeAll()
    let begin = Reactor.shared.now
    await stop([.smtpd, .smtp, .local], deadline: begin + time * 9 / 10)
    await stop([.qmgr, .control], deadline: begin + time)
  }

  private func stop(_ roles: [Role], deadline: MonotonicTime) async {
    var deadline = deadline
    var isKilled = false
    for child in children.values where roles.contains(child.name.role) { child.drain() }
    while true {
      do throws(WaitError) {
        return try await childEnded.wait(deadline: deadline) {
          children.keys.contains { roles.contains($0.role) }
        }
      } catch {
        let left = children.values.filter { roles.contains($0.name.role) }
        for child in left {
          log.warning("master", "\(child.name.role.rawValue) pid \(child.pid) does not end")
        }
        // A process that outlives SIGKILL is held by the kernel: no wait helps.
        if isKilled { return }
        isKilled = true
        for child in left { child.kill() }
        deadline = Reactor.shared.now + Self.killTime
      }
    }
  }
}
