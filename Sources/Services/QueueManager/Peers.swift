import Primitives
import QueueScheduler
import Reactor
import ServiceKit

/// The processes at the other ends of the queue manager's channels.
///
/// No delivery is asked for before all that lived at the start have introduced themselves: what
/// they have in hand must not go out twice (spool rule R13). Who keeps silent is ended.
@ReactorActor
final class Peers {
  private static let greetingTime = Duration.seconds(5)

  let queue: MailQueue
  private let mute: @ReactorActor (ProcessName) -> Void
  private var channels: [ProcessName: MessageChannel] = [:]
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
  func attach(_ channel: MessageChannel, to peer: ProcessName) {
    channels[peer]?.close()
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
      }
      if self.channels[peer] === channel {
        self.channels[peer] = nil
        self.greeted(peer)
      }
      channel.close()
    }
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
          for mark in marks { queue.intake.announce(mark) }
          greeted(peer)
        case .watermark(let mark): queue.intake.announce(mark)
        default: queue.log.warning("qmgr", "unexpected message from \(peer.role.rawValue)")
        }
      }
    }
    queue.pressure.remove(channel)
  }

  private func serveAgent(_ peer: ProcessName, _ channel: MessageChannel) async {
    let agent = Agent(name: peer, channel: channel)
    queue.peers.append(agent)
    while let delivery = try? await channel.receive() {
      for message in delivery.messages {
        switch message {
        case .result(let result): queue.take(result, from: agent)
        case .agentHello(_, _, let capacity):
          queue.greet(agent, capacity: capacity)
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
    queue.pressure.start()
  }

  /// Asks for no more deliveries, waits for those under way, and makes everything last.
  func drain(deadline: MonotonicTime) async {
    isDraining = true
    queue.isOpen = false
    await queue.drain(deadline: deadline)
  }
}
