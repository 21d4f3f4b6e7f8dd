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

  /// What the processes serve with.
  var provision: Provision
  /// What those serve with that are to replace them, while a reload is under way.
  var candidate: Provision?
  /// Why a process of the candidate does not serve.
  var candidateFailure: String?
  /// What `qmgr` said to a new configuration.
  var queueAnswer: QueueAnswer?
  /// Processes of earlier configurations that finish what they have in hand, the oldest first.
  var leaving: [[RoleChild]] = []
  let log: Log
  private let executable: String
  private let environment: [String]
  /// Outlives every `qmgr`, so that the next one learns where the one before died.
  private let recordMarks: SharedDescriptor
  let clients: ClientTableRows
  private let sequences: SequenceSource
  private let resultsFiles: ResultsFiles
  private let rejoining = Rejoining()
  var policies: [ProcessName: RestartPolicy] = [:]
  var pendingStarts: [ProcessName: Alarm] = [:]
  private(set) var children: [ProcessName: RoleChild] = [:]
  private(set) var isStopping = false
  /// Pulses when a process has ended, serves, or has said something that a reload waits for.
  let change = Gate()
  var refusedClients: RefusedClients
  /// Who follows sessions now.
  var traces: [Trace] = []
  var watchAlarm: Alarm?
  /// Called once, when every process of the plan serves.
  var allServe: (() -> Void)?

  init(
    _ provision: Provision, log: Log, sequences: SequenceSource, resultsFiles: ResultsFiles,
    recordMarks: SharedDescriptor, clients: ClientTableRows, executable: String,
    environment: [String]
  ) {
    self.provision = provision
    self.clients = clients
    refusedClients = RefusedClients(limit: provision.plan.crashRefusalLimit)
    self.log = log
    self.sequences = sequences
    self.resultsFiles = resultsFiles
    self.recordMarks = recordMarks
    self.executable = executable
    self.environment = environment
  }

  var plan: ServicePlan { provision.plan }

  /// What a process is started with; `nil` when nobody wants one of this name any more.
  private func provision(for name: ProcessName) -> Provision? {
    if plan.processes.contains(name) { return provision }
    return candidate.flatMap { $0.plan.processes.contains(name) ? $0 : nil }
  }

  /// Starts every role of the plan.
  func startAll() {
    for name in plan.processes { start(name) }
    beginWatch()
  }

  func start(_ name: ProcessName) {
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
    guard !isStopping, children[name] == nil, let provision = provision(for: name) else { return }
    do throws(Errno) {
      let child = try RoleChild(name, executable: executable, environment: environment)
      children[name] = child
      sendStart(to: child, provision, sequences: sequences)
      connect(child)
      if name.role == .smtpd { passOnTraces(to: child) }
      if name.role.isAgent { reactorTask { await self.sendResultsFile(to: child) } }
      reactorTask { await self.listen(to: child) }
      reactorTask { await self.watch(child) }
    } catch {
      log.error("master", "cannot start \(name.role.rawValue): \(error)")
      planRestart(of: name)
    }
  }

  private func sendStart(
    to child: RoleChild, _ provision: Provision, sequences: Range<UInt64>
  ) {
    let role = child.name.role
    let plan = provision.plan
    let listeners = plan.listeners(of: role)
    var record = provision.record(for: child.name)
    record.listeners = listeners.map { .init(service: $0.service, settings: $0.settings) }
    record.sequenceFirst = sequences.lowerBound
    record.sequenceCount = UInt32(sequences.count)
    record.hasRecordMarks = role == .qmgr
    var behind = role == .qmgr ? [recordMarks.raw] : []
    if role == .smtpd {
      record.hasLoadBoard = true
      behind.append(provision.loadBoard.raw)
      record.refusals = refusedClients.entries(at: Reactor.shared.now)
      child.clientRow = clients.take()
      record.clientRow = child.clientRow.map { UInt32($0) }
      if child.clientRow != nil { behind.append(clients.descriptor.raw) }
    }
    // Only who speaks as a server sees the server's keys, and a client only its own.
    let keys: (file: SharedDescriptor, size: UInt64)? =
      switch role {
      case .smtpd: (provision.keyMaterialFile, plan.keyMaterialSize)
      case .smtp: (provision.clientKeysFile, plan.clientKeysSize)
      default: nil
      }
    if let keys {
      record.keyMaterialSize = keys.size
      behind.append(keys.file.raw)
    }
    child.channel.post(
      .start(record),
      descriptors: [
        provision.configurationFile.raw, provision.logDescriptor.raw, child.pageDescriptor.raw,
      ] + listeners.map(\.socket.raw) + behind)
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
          noteFailure(of: child.name, reason)
        case .retired: noteRetired(child)
        case .reconfigured where child.name.role == .qmgr: noteAnswer(.taken)
        case .notReconfigured(let reason) where child.name.role == .qmgr:
          noteAnswer(.refused(reason))
        case .needSequences where child.name.role.usesSequences: grantSequences(to: child)
        // Nobody else may have a process ended: `smtpd` reads what strangers send.
        case .mute(let peer) where child.name.role == .qmgr:
          guard let silent = children[peer] else { break }
          log.warning("master", "\(peer.role.rawValue) pid \(silent.pid) does not answer: killing")
          silent.kill()
        case .trace(let filter) where child.name.role == .control:
          guard let socket = received.descriptors.first else { break }
          follow(filter, socket)
        case .channelEnded(let peer, let pid) where child.name.role == .qmgr:
          rejoin(peer, pid: pid, with: child)
        default:
          log.warning("master", "unexpected message from \(child.name.role.rawValue)")
        }
      }
    }
    // One that leaves ends the channel when it has nothing more to do, or shall not have.
    if child.isLeaving { child.isDraining = true }
  }

  private func noteReady(_ child: RoleChild) {
    child.isReady = true
    change.pulse()
    tellIfAllServe()
  }

  /// Says so once when every process of the plan serves.
  func tellIfAllServe() {
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
    forgetLeaving(child)
    forgetClients(of: child)
    change.pulse()
    if status != .exited(0) || !(child.isDraining || child.isLeaving) { report(child, status) }
    blame(for: child, status)
    noteFailure(of: child.name, "a process that was just started has ended")
    planRestart(of: child.name, hasServed: child.isReady)
  }

  /// The sessions of a process that has ended are over, however it ended.
  private func forgetClients(of child: RoleChild) {
    clearBoard(of: child)
    guard let row = child.clientRow else { return }
    do throws(Errno) {
      try clients.free(row)
    } catch {
      // The row is not given out again: what it holds would count for its next process.
      log.error("master", "the sessions of smtpd pid \(child.pid) stay counted: \(error)")
    }
  }

  /// Its fellows must not take a process that has ended for one with room and time.
  private func clearBoard(of child: RoleChild) {
    guard child.name.role == .smtpd, let provision = provision(for: child.name) else { return }
    do throws(Errno) {
      try LoadBoard.clear(
        provision.loadBoard.raw, rank: Int(provision.record(for: child.name).processRank),
        services: provision.plan.services(of: .smtpd).count)
    } catch {
      log.warning("master", "smtpd pid \(child.pid) seems to live on to the others: \(error)")
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
    guard !isStopping, plan.processes.contains(name) else { return }
    let isLast = !plan.processes.contains { $0.role == name.role && children[$0] != nil }
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
    change.pulse()
    // The kernel refuses who comes from now on, so that it goes elsewhere instead of waiting for a
    // greeting; a socket of the service manager stays open there.
    provision.plan.listeners.removeAll { $0.role != .control }
    for alarm in pendingStarts.values { alarm.cancel() }
    pendingStarts.removeAll()
    let begin = Reactor.shared.now
    await stop([.smtpd, .smtp, .local], deadline: begin + time * 9 / 10)
    await stop([.qmgr, .control], deadline: begin + time)
  }

  /// Ends every process at once: for somebody who does not want to wait for `stopAll`.
  func abort() {
    for child in children.values { child.kill() }
  }

  private func stop(_ roles: [Role], deadline: MonotonicTime) async {
    var deadline = deadline
    var isKilled = false
    for child in children.values where roles.contains(child.name.role) { child.drain() }
    while true {
      do throws(WaitError) {
        return try await change.wait(deadline: deadline) {
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
