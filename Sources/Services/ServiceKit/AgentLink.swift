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
/// and results, each kept until `qmgr` says that it is in the journal (spool rule R13): in memory
/// while there is a channel, else in the agent's file too, for a `qmgr` that finds no agent. Where
/// `keepsAll`, each is in the file before `qmgr` hears of it.
@ReactorActor
package final class AgentLink {
  /// How long a process that leaves waits for `qmgr` to write down its last results.
  private static let acknowledgementTime: Duration = .seconds(5)
  /// How long a process that leaves waits for its last results to be written to its file.
  private static let writeTime: Duration = .seconds(3)

  private let tag: StaticString
  private let log: Log
  private let capacity: UInt32
  private let keepsAll: Bool
  private weak var agent: (any DeliveryAgent)?
  private var queue: MessageChannel?
  private var segments: [Nonce: SharedDescriptor] = [:]
  private var inHand: [UInt64: DeliveryRequest] = [:]
  private var unacknowledged: [UInt64: DeliveryResult] = [:]
  private let emptied = Gate()
  private var file: ResultsFile?
  /// Whether new deliveries are given back unattempted.
  package private(set) var isDraining = false
  private var isRetiring = false
  /// Whether `qmgr` has said that it asks for nothing more.
  private var isReleased = false

  /// - Parameters:
  ///   - capacity: the most deliveries that `qmgr` may have under way here.
  ///   - tag: the daemon's name for the log.
  ///   - keepsAll: whether results shall survive when this process and `qmgr` die together. It
  ///     costs a write for each: for agents whose deliveries cost much more.
  package init(
    agent: any DeliveryAgent, capacity: Int, log: Log, tag: StaticString, keepsAll: Bool = false
  ) {
    self.keepsAll = keepsAll
    self.agent = agent
    self.capacity = UInt32(capacity)
    self.log = log
    self.tag = tag
  }

  /// From now on results outlive this process.
  package func keepResults(in file: ResultsFile) {
    self.file = file
    if queue == nil { file.keep(unacknowledged.values) }
  }

  /// Goes on with a channel to `qmgr`, new or in place of an older one.
  package func attach(_ channel: MessageChannel) {
    queue?.close()
    queue = channel
    // A new queue manager passes the descriptors that it wants used.
    segments.removeAll()
    isReleased = false
    introduce(on: channel)
    if isRetiring { channel.post(.agentLeaves) }
    reactorTask { await self.listen(to: channel) }
  }

  /// Says what is in hand and what has ended: in as many messages as it takes, since a packet is
  /// bounded (spool rule R27); the greeting is the last of them.
  private func introduce(on channel: MessageChannel) {
    var references: [DeliveryReference] = []
    var results: [DeliveryResult] = []
    var size = 0
    func add(_ more: Int) {
      size += more
      guard size > MessageChannel.messageLengthMax, size > more else { return }
      channel.post(.agentHolds(inHand: references, results: results))
      references.removeAll()
      results.removeAll()
      size = more
    }
    for request in inHand.values {
      let reference = DeliveryReference(request)
      add(reference.encodedLength)
      references.append(reference)
    }
    for result in unacknowledged.values {
      add(result.encodedLength)
      results.append(result)
    }
    channel.post(.agentHello(inHand: references, results: results, capacity: capacity))
  }

  private func listen(to channel: MessageChannel) async {
    while let received = try? await channel.receive() {
      var descriptors = received.descriptors[...]
      for message in received.messages {
        switch message {
        case .segment(let nonce): segments[nonce] = descriptors.popFirst()
        case .deliver(let request): begin(request)
        case .acknowledge(let ids):
          for id in ids { unacknowledged[id] = nil }
          file?.acknowledged(ids)
          if unacknowledged.isEmpty { emptied.pulse() }
        case .forget(let nonce): segments[nonce] = nil
        case .agentReleased:
          isReleased = true
          emptied.pulse()
        default: log.warning(tag, "unexpected message from qmgr")
        }
      }
    }
    // Both sides see the end: without a channel nothing is owed until the next one comes.
    channel.close()
    guard queue === channel else { return }
    queue = nil
    file?.keep(unacknowledged.values)
    emptied.pulse()
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
    if queue == nil {
      file?.keep(CollectionOfOne(result))
    } else if keepsAll, let file, !verdicts.isEmpty {
      reactorTask {
        await file.keep(result, until: Reactor.shared.now + Self.writeTime)
        // A channel that came meanwhile has heard of it with the greeting; twice does no harm.
        self.queue?.post(.result(result))
      }
    } else {
      queue?.post(.result(result))
    }
  }

  /// Notes which of a delivery's recipients have the message, for the case that this process dies
  /// before the others are done: those are then tried again, and only those.
  package func note(_ request: DeliveryRequest, verdicts: [RecipientVerdict]) {
    let done = verdicts.filter { $0.outcome == .sent }
    guard keepsAll, let file, !done.isEmpty else { return }
    let result = DeliveryResult(answering: request, connectionFailed: false, verdicts: done)
    file.keep(CollectionOfOne(result), isDurable: false)
  }

  /// Ends a delivery that was not attempted.
  package func giveBack(_ request: DeliveryRequest) {
    finish(request, connectionFailed: false, verdicts: [])
  }

  /// From now on gives back what comes.
  package func beginDrain() { isDraining = true }

  /// From now on gives back what comes, and tells `qmgr` to ask others.
  package func beginRetirement() {
    isDraining = true
    isRetiring = true
    queue?.post(.agentLeaves)
  }

  /// Waits until `qmgr` asks for nothing more, nothing is in hand, and all of it is in the journal;
  /// or until the deadline. A `qmgr` that is away is waited for: the one that comes is told what
  /// has been done here.
  package func finishRetirement(deadline: MonotonicTime) async {
    try? await emptied.wait(deadline: deadline) {
      !isReleased || !inHand.isEmpty || !unacknowledged.isEmpty
    }
  }

  /// Waits until nothing is in hand and `qmgr` has everything in its journal, or the results are
  /// in this process's file: one that went down with it would be a delivery that is made twice
  /// (spool rule R13).
  package func finishDrain(deadline: MonotonicTime) async {
    do throws(WaitError) {
      try await emptied.wait(deadline: deadline) { !inHand.isEmpty }
      queue?.flush()
      // A failure is acknowledged with its report only, for which other recipients may be awaited.
      let patience = min(deadline, Reactor.shared.now + Self.acknowledgementTime)
      try await emptied.wait(deadline: patience) { !unacknowledged.isEmpty && queue != nil }
    } catch {
      queue?.flush()
    }
    guard let file else { return }
    file.keep(unacknowledged.values)
    await file.settle(deadline: Reactor.shared.now + Self.writeTime)
  }
}
