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
  private let ended: @ReactorActor (ProcessName, Int32) -> Void
  private var channels: [ProcessName: MessageChannel] = [:]
  /// The agents that live, or whose end is being looked into.
  private var agents: [Int32: Agent] = [:]
  private var pids: [ProcessName: Int32] = [:]
  private var silent: Set<ProcessName> = []
  private var areComplete = false
  private lazy var patience = Alarm { self.loseTheSilent() }
  private var isDraining = false

  /// - Parameters:
  ///   - mute: asks `master` to end a process that does not answer.
  ///   - ended: tells `master` that a channel has ended, for a new one if its process lives.
  init(
    _ queue: MailQueue, mute: @escaping @ReactorActor (ProcessName) -> Void,
    ended: @escaping @ReactorActor (ProcessName, Int32) -> Void
  ) {
    self.queue = queue
    self.mute = mute
    self.ended = ended
  }

  /// A channel to a process, new or in place of an older one.
  func attach(_ channel: MessageChannel, to peer: ProcessName, pid: Int32) {
    pids[peer] = pid
    // What an agent that has ended had sent is read to its end.
    if let former = channels[peer], !peer.role.isAgent {
      former.close()
      if peer.role.isWriter { queue.orphans.lose(peer) }
    }
    channels[peer] = channel
    if peer.role.isWriter || peer.role.isAgent {
      silent.insert(peer)
      patience.schedule(at: Reactor.shared.now + Self.greetingTime)
    }
    let agent = peer.role.isAgent ? agent(peer, pid, channel) : nil
    reactorTask {
      if peer.role.isWriter {
        await self.serveWriter(peer, channel)
      } else if let agent {
        await self.serve(agent, channel)
      } else if peer.role == .control {
        await Commands(self.queue, channel) { self.processes }.serve()
      }
      channel.close()
      let isLast = self.channels[peer] === channel
      if isLast {
        self.channels[peer] = nil
        self.pids[peer] = nil
      }
      if let agent, agent.channel !== channel { return }
      if isLast, !self.isDraining { self.ended(peer, pid) }
      if let agent { await self.lose(agent) }
      if self.channels[peer] == nil { self.greeted(peer) }
      self.openIfComplete()
    }
  }

  /// The agent at a channel's other end, which may have had another channel before.
  private func agent(_ peer: ProcessName, _ pid: Int32, _ channel: MessageChannel) -> Agent {
    if let known = agents[pid], known.name == peer, !known.isGone {
      known.resume(channel)
      return known
    }
    let agent = Agent(name: peer, pid: pid, channel: channel)
    agents[pid] = agent
    queue.peers.append(agent)
    return agent
  }

  /// An agent's channel has ended: so has the agent, unless it comes back with another.
  private func lose(_ agent: Agent) async {
    queue.sever(agent)
    let hasEnded = await queue.leftResults.inherit(from: agent) {
      if agents[agent.pid] === agent { mute(agent.name) }
    }
    guard hasEnded else { return }
    queue.lose(agent)
    if agents[agent.pid] === agent { agents[agent.pid] = nil }
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
    guard areComplete, silent.isEmpty, queue.leftResults.areTaken, !queue.isOpen, !isDraining,
      // What one has left may say that mail is delivered.
      agents.values.allSatisfy({ $0.channel != nil })
    else { return }
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
          queue.orphans.writerGreeted(peer)
          greeted(peer)
          queue.settling.pulse()
        case .watermark(let mark): queue.intake.announce(mark, by: peer)
        default: queue.log.warning("qmgr", "unexpected message from \(peer.role.rawValue)")
        }
      }
    }
    queue.pressure.remove(channel)
    guard channels[peer] === channel else { return }
    queue.orphans.lose(peer)
  }

  private func serve(_ agent: Agent, _ channel: MessageChannel) async {
    while let delivery = try? await channel.receive() {
      guard agent.channel === channel else { return }
      for message in delivery.messages {
        switch message {
        case .result(let result): queue.take(result, from: agent)
        case .agentLeaves:
          queue.retire(agent)
          channel.post(.agentReleased)
        case .agentHolds(let inHand, let results):
          agent.holds.append((inHand, results))
        case .agentHello(let inHand, let results, let capacity):
          queue.greet(agent, inHand: inHand, results: results, capacity: capacity)
          greeted(agent.name)
        default:
          queue.log.warning("qmgr", "unexpected message from \(agent.name.role.rawValue)")
        }
      }
    }
  }

  /// Takes more numbers for segments of the queue manager's own.
  func addSequences(first: UInt64, count: UInt32) {
    queue.writer.addSequences(first..<first + UInt64(count))
  }

  /// Takes the spool's lock and begins to serve.
  func start() async throws(RoleFailure) {
    let directory = queue.settings.directory
    lock = try await QueueLock.take(
      in: directory, deadline: Reactor.shared.now + Self.lockPatience)
    do throws(SpoolError) {
      let names = try await queue.scanner.list()
      reactorTask { await self.takeLeftResults() }
      reactorTask { await self.scan(names) }
    } catch {
      throw RoleFailure(Self.reason(error, directory))
    }
    queue.pressure.start()
  }

  private func takeLeftResults() async {
    await queue.leftResults.takeAll { pid in
      agents[pid] != nil
    } opened: {
      openIfComplete()
    }
  }

  private func scan(_ names: [SegmentName]) async {
    await queue.scanner.scan(names)
    do throws(WaitError) {
      try await queue.settling.wait { !self.hasFoundAll }
    } catch {
      return
    }
    queue.isSettled = true
    queue.settling.pulse()
    queue.adoption.settle()
  }

  /// Whether every message of the spool is known. A segment that belongs to nobody and is locked
  /// all the same, or that could not be read, may hold some of which agents have told.
  var hasFoundAll: Bool {
    queue.isOpen && queue.scanner.isIdle && queue.intake.isIdle && queue.orphans.isIdle
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
