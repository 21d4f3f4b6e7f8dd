import LinuxSystem
import Primitives
import QueueFormat
import QueueScheduler
import QueueStore
import Reactor
import ServiceKit

/// The processes at the other ends of the queue manager's channels.
///
/// No delivery is asked for before all that lived at the start have introduced themselves: what
/// they have in hand must not go out twice (spool rule R13). Who keeps silent is ended.
@ReactorActor
final class Peers {
  private static let greetingTime = Duration.seconds(5)
  /// How long an earlier queue manager may take to leave.
  private static let lockPatience = Duration.seconds(60)

  let queue: MailQueue
  private let mute: @ReactorActor (ProcessName) -> Void
  /// The lock of the spool, while this process serves it.
  var lock: QueueLock?
  private var channels: [ProcessName: MessageChannel] = [:]
  private var pids: [ProcessName: Int32] = [:]
  private var silent: Set<ProcessName> = []
  private var areComplete = false
  private lazy var patience = Alarm { self.loseTheSilent() }
  private var isDraining = false

  /// - Parameter mute: asks `master` to end a process that does not answer.
  init(_ queue: MailQueue, mute: @escaping @ReactorActor (ProcessName) -> Void) {
    self.queue = queue
    self.mute = mute
  }

  /// A channel to a process, new or in place of an older one.
  func attach(_ channel: MessageChannel, to peer: ProcessName, pid: Int32 = 0) {
    pids[peer] = pid
    if let former = channels[peer] {
      former.close()
      if peer.role.isWriter { queue.orphans.lose(peer) }
    }
    channels[peer] = channel
    if peer.role.isWriter || peer.role.isAgent {
      silent.insert(peer)
      patience.schedule(at: Reactor.shared.now + Self.greetingTime)
    }
    reactorTask {
      if peer.role.isWriter {
        await self.serveWriter(peer, channel)
      } else if peer.role.isAgent {
        await self.serveAgent(peer, channel)
      } else if peer.role == .control {
        await Commands(self.queue, channel) { self.processes }.serve()
      }
      if self.channels[peer] === channel {
        self.channels[peer] = nil
        self.pids[peer] = nil
        self.greeted(peer)
      }
      channel.close()
    }
  }

  /// The processes that are there, for people.
  private var processes: [QueueStatus.Process] {
    let busy = Dictionary(
      queue.peers.map { ($0.name, $0.inFlight.count) }, uniquingKeysWith: { $0 + $1 })
    let own = ProcessName(role: .qmgr, index: 0)
    let all = pids.merging([own: ThisProcess.pid]) { first, _ in first }
    return all.map {
      QueueStatus.Process(name: $0.key, pid: $0.value, deliveries: UInt32(busy[$0.key] ?? 0))
    }.sorted { ($0.name.role.rawValue, $0.name.index) < ($1.name.role.rawValue, $1.name.index) }
  }

  /// All channels of processes that lived at the start are attached.
  func channelsComplete() {
    areComplete = true
    openIfComplete()
  }

  private func greeted(_ peer: ProcessName) {
    silent.remove(peer)
    openIfComplete()
  }

  private func openIfComplete() {
    guard areComplete, silent.isEmpty, !queue.isOpen, !isDraining else { return }
    queue.isOpen = true
    queue.settling.pulse()
    queue.plan()
  }

  private func loseTheSilent() {
    for peer in silent {
      queue.log.warning("qmgr", "\(peer.role.rawValue) \(peer.index) does not answer")
      mute(peer)
    }
  }

  private func serveWriter(_ peer: ProcessName, _ channel: MessageChannel) async {
    queue.pressure.add(channel)
    while let delivery = try? await channel.receive() {
      for message in delivery.messages {
        switch message {
        case .writerHello(let marks):
          for mark in marks { queue.intake.announce(mark, by: peer) }
          greeted(peer)
        case .watermark(let mark): queue.intake.announce(mark, by: peer)
        default: queue.log.warning("qmgr", "unexpected message from \(peer.role.rawValue)")
        }
      }
    }
    queue.pressure.remove(channel)
    guard channels[peer] === channel else { return }
    queue.orphans.lose(peer)
  }

  private func serveAgent(_ peer: ProcessName, _ channel: MessageChannel) async {
    let agent = Agent(name: peer, channel: channel)
    queue.peers.append(agent)
    while let delivery = try? await channel.receive() {
      for message in delivery.messages {
        switch message {
        case .result(let result): queue.take(result, from: agent)
        case .agentHolds(let inHand, let results):
          agent.holds.append((inHand, results))
        case .agentHello(let inHand, let results, let capacity):
          queue.greet(agent, inHand: inHand, results: results, capacity: capacity)
          greeted(peer)
        default: queue.log.warning("qmgr", "unexpected message from \(peer.role.rawValue)")
        }
      }
    }
    queue.lose(agent)
  }

  /// Takes more numbers for segments of reports.
  func addSequences(first: UInt64, count: UInt32) {
    queue.bouncer.addSequences(first: first, count: count)
  }

  /// Takes the spool's lock and begins to serve.
  func start() async throws(RoleFailure) {
    let directory = queue.settings.directory
    lock = try await QueueLock.take(
      in: directory, deadline: Reactor.shared.now + Self.lockPatience)
    do throws(SpoolError) {
      let names = try await queue.scanner.list()
      reactorTask { await self.scan(names) }
    } catch {
      throw RoleFailure(Self.reason(error, directory))
    }
    queue.pressure.start()
  }

  private func scan(_ names: [SegmentName]) async {
    await queue.scanner.scan(names)
    do throws(WaitError) {
      try await queue.settling.wait { !queue.isOpen || !queue.intake.isIdle }
    } catch {
      return
    }
    queue.isSettled = true
    queue.settling.pulse()
    queue.adoption.settle()
  }

  private static func reason(_ error: SpoolError, _ directory: String) -> String {
    if case .newerVersion(let version) = error {
      return
        "\(directory) has been written by a newer build (format \(version)): nothing is touched"
    }
    return "cannot read the spool in \(directory): \(error)"
  }

  /// Asks for no more deliveries, waits for those under way, and makes everything last.
  func drain(deadline: MonotonicTime) async {
    isDraining = true
    queue.isOpen = false
    await queue.drain(deadline: deadline)
  }
}
