package import LinuxSystem
import MailTypes
package import Primitives
package import Reactor

/// What does the work behind an `AgentLink`.
@ReactorActor
package protocol DeliveryAgent: AnyObject {
  /// Begins a delivery; its end is told to the link by `finish`.
  ///
  /// - Parameter segment: the message's segment, if `qmgr` passed it.
  func deliver(_ request: DeliveryRequest, segment: SharedDescriptor?)
}

/// A delivery agent's side of its channel to `qmgr`: descriptors of segments, deliveries in hand,
/// and results, each kept until `qmgr` says that it is in the journal (spool rule R13).
@ReactorActor
package final class AgentLink {
  private let tag: StaticString
  private let log: Log
  private let capacity: UInt32
  private weak var agent: (any DeliveryAgent)?
  private var queue: MessageChannel?
  private var segments: [Nonce: SharedDescriptor] = [:]
  private var inHand: [UInt64: DeliveryRequest] = [:]
  private var unacknowledged: [UInt64: DeliveryResult] = [:]
  private let emptied = Gate()
  /// Whether new deliveries are given back unattempted.
  package private(set) var isDraining = false

  /// - Parameters:
  ///   - capacity: the most deliveries that `qmgr` may have under way here.
  ///   - tag: the daemon's name for the log.
  package init(agent: any DeliveryAgent, capacity: Int, log: Log, tag: StaticString) {
    self.agent = agent
    self.capacity = UInt32(capacity)
    self.log = log
    self.tag = tag
  }

  /// Goes on with a channel to `qmgr`, new or in place of an older one.
  package func attach(_ channel: MessageChannel) {
    queue?.close()
    queue = channel
    // A new queue manager passes the descriptors that it wants used.
    segments.removeAll()
    channel.post(
      .agentHello(
        inHand: inHand.values.map(DeliveryReference.init),
        results: Array(unacknowledged.values), capacity: capacity))
    reactorTask { await self.listen(to: channel) }
  }

  private func listen(to channel: MessageChannel) async {
    while let received = try? await channel.receive() {
      var descriptors = received.descriptors[...]
      for message in received.messages {
        switch message {
        case .segment(let nonce): segments[nonce] = descriptors.popFirst()
        case .deliver(let request): begin(request)
        case .acknowledge(let ids): for id in ids { unacknowledged[id] = nil }
        case .forget(let nonce): segments[nonce] = nil
        default: log.warning(tag, "unexpected message from qmgr")
        }
      }
    }
    // Both sides see the end: without a channel nothing is owed until the next one comes.
    channel.close()
    if queue === channel { queue = nil }
  }

  private func begin(_ request: DeliveryRequest) {
    inHand[request.id] = request
    guard !isDraining, let agent else { return giveBack(request) }
    agent.deliver(request, segment: segments[request.nonce])
  }

  /// Ends a delivery with a verdict for each recipient.
  package func finish(
    _ request: DeliveryRequest, connectionFailed: Bool, verdicts: [RecipientVerdict]
  ) {
    inHand[request.id] = nil
    if inHand.isEmpty { emptied.pulse() }
    let result = DeliveryResult(
      answering: request, connectionFailed: connectionFailed, verdicts: verdicts)
    unacknowledged[request.id] = result
    queue?.post(.result(result))
  }

  /// Ends a delivery that was not attempted.
  package func giveBack(_ request: DeliveryRequest) {
    finish(request, connectionFailed: false, verdicts: [])
  }

  /// From now on gives back what comes.
  package func beginDrain() { isDraining = true }

  /// Waits until nothing is in hand and sends what is left to say.
  package func finishDrain(deadline: MonotonicTime) async {
    // What is in hand at the deadline is in flight in a dead process (R19).
    try? await emptied.wait(deadline: deadline) { !inHand.isEmpty }
    queue?.flush()
  }
}
