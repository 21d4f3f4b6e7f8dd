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
  private let sequences: SequenceSource
  private var policies: [ProcessName: RestartPolicy] = [:]
  private var pendingStarts: [ProcessName: Alarm] = [:]
  private(set) var children: [ProcessName: RoleChild] = [:]
  private var isStopping = false
  private let childEnded = Gate()

  init(
    plan: ServicePlan, log: Log, logDescriptor: SharedDescriptor, logKind: LogKind,
    sequences: SequenceSource, configurationFile: SharedDescriptor,
    keyMaterialFile: SharedDescriptor, executable: String, environment: [String]
  ) {
    self.plan = plan
    self.log = log
    self.logDescriptor = logDescriptor
    self.logKind = logKind
    self.sequences = sequences
    self.configurationFile = configurationFile
    self.keyMaterialFile = keyMaterialFile
    self.executable = executable
    self.environment = environment
  }

  /// Starts every role of the plan.
  func startAll() {
    for name in plan.processes { start(name) }
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
    // Only who speaks as a server sees the server's keys.
    let keys = role == .smtpd ? [keyMaterialFile.raw] : []
    let record = StartRecord(
      name: child.name, user: role == .local ? nil : plan.user, logKind: logKind,
      configurationSize: plan.configurationSize,
      keyMaterialSize: keys.isEmpty ? 0 : plan.keyMaterialSize,
      listeners: listeners.map { StartRecord.Listener(service: $0.service, settings: $0.settings) },
      transports: plan.transports(of: role), serviceSettings: plan.serviceSettings,
      sequenceFirst: sequences.lowerBound, sequenceCount: UInt32(sequences.count),
      processCount: UInt32(plan.processes.filter { $0.role == role }.count))
    child.channel.post(
      .start(record),
      descriptors: [configurationFile.raw, logDescriptor.raw] + keys + listeners.map(\.socket.raw))
    child.channel.flush()
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
        case .ready: child.isReady = true
        case .failed(let reason):
          log.error("master", "\(child.name.role.rawValue) cannot serve: \(reason)")
        case .needSequences where child.name.role.usesSequences: grantSequences(to: child)
        // Nobody else may have a process ended: `smtpd` reads what strangers send.
        case .mute(let peer) where child.name.role == .qmgr:
          guard let silent = children[peer] else { break }
          log.warning("master", "\(peer.role.rawValue) pid \(silent.pid) does not answer: killing")
          silent.kill()
        default:
          log.warning("master", "unexpected message from \(child.name.role.rawValue)")
        }
      }
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
    childEnded.pulse()
    if status != .exited(0) || !child.isDraining { report(child, status) }
    planRestart(of: child.name, hasServed: child.isReady)
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
