import MailTypes
import Primitives
import QueueFormat
import QueueScheduler
import QueueStore
import Reactor
import ServiceKit

/// A delivery, under way or over, of which an agent tells and for which this life did not ask.
struct Claim {
  let agent: Agent
  /// The number under which the agent knows it.
  let delivery: UInt64
  let place: RecordPlace
  let recipients: [UInt32]
  /// What became of it, when that is known.
  var result: DeliveryResult?
}

/// Takes over what agents have in hand from an earlier queue manager, so that nothing of it goes
/// out twice, and writes down the results that it had not confirmed (spool rule R13).
///
/// Agents may speak of messages that the scan has not found yet: their claims wait here.
@ReactorActor
final class Adoption {
  private unowned let queue: MailQueue
  private var claims: [QueueID: [Claim]] = [:]
  private var adopted: [(record: MessageRecord, claim: Claim, number: DeliveryNumber)] = []
  /// Messages that are looked at again when they have been moved.
  private var awaited: Set<QueueID> = []
  private var isRunning = false
  private var isSettled = false
  /// Whether deliveries have been asked for in this life.
  private var hasOpened: Bool { queue.hasOpened }
  private static let patience = Duration.seconds(30)

  init(_ queue: MailQueue) {
    self.queue = queue
  }

  /// Whether some agent has spoken of a message that may come in.
  func concerns(_ id: QueueID) -> Bool { !claims.isEmpty && claims[id] != nil }

  /// An agent says what it has in hand and what nobody has confirmed.
  func take(
    inHand: [DeliveryReference], results: [DeliveryResult], from agent: Agent
  ) {
    for reference in inHand {
      add(
        Claim(
          agent: agent, delivery: reference.id,
          place: RecordPlace(nonce: reference.nonce, offset: reference.offset),
          recipients: reference.recipients), on: reference.queueID)
    }
    for result in results {
      guard !result.verdicts.isEmpty else {
        agent.acknowledge(result.id)
        continue
      }
      add(
        Claim(
          agent: agent, delivery: result.id,
          place: RecordPlace(nonce: result.nonce, offset: result.offset),
          recipients: result.verdicts.map(\.index), result: result), on: result.queueID)
    }
  }

  private func add(_ claim: Claim, on id: QueueID) {
    claims[id, default: []].append(claim)
    if let ref = queue.scheduler.find(id) {
      found(queue.record(of: ref))
    } else if isSettled {
      settle()
    }
  }

  /// A message is known now: what agents have of it must not be asked for again.
  func found(_ record: MessageRecord) {
    guard claims[record.id] != nil else { return }
    guard !queue.scheduler.isMoving(record.id) else { return awaitMove(of: record.id) }
    let claimed = claims.removeValue(forKey: record.id) ?? []
    let place = RecordPlace(nonce: record.segment.name.nonce, offset: record.offset)
    for claim in claimed {
      // Mail is not moved while it is in somebody's hands, but a result may have been left before
      // it was: the name says that it is the same message.
      guard claim.place == place || claim.result != nil, !isTooLate(claim, record) else {
        if claim.result != nil { claim.agent.acknowledge(claim.delivery) }
        continue
      }
      // What an agent had in hand when it ended has no result: it is delivered anew.
      if claim.result != nil || !claim.agent.isGone { adopt(claim, record) }
    }
    run()
  }

  /// Looks again at a message when it has come to its new place.
  private func awaitMove(of id: QueueID) {
    guard awaited.insert(id).inserted else { return }
    reactorTask {
      while self.queue.scheduler.isMoving(id) {
        await self.queue.mover.settle([id], deadline: Reactor.shared.now + Self.patience)
      }
      self.awaited.remove(id)
      if let ref = self.queue.scheduler.find(id) { self.found(self.queue.record(of: ref)) }
    }
  }

  /// Whether a claim comes when its message is being delivered already, or when its end is being
  /// written: by an agent that outlived the wait for it.
  private func isTooLate(_ claim: Claim, _ record: MessageRecord) -> Bool {
    let isUnderWay =
      hasOpened && queue.scheduler.summary(of: record.ref)?.queue == .active
      && !adopted.contains { $0.record.ref == record.ref }
    guard isUnderWay || !queue.scheduler.mayAdopt(record.ref) else { return false }
    queue.log.warning("qmgr", "\(record.id): a result of an earlier delivery came too late")
    return true
  }

  private func adopt(_ claim: Claim, _ record: MessageRecord) {
    let process = claim.agent.isGone ? queue.processOfTheEnded() : claim.agent.process
    guard let process else {
      preconditionFailure("an agent claims deliveries before it has a number")
    }
    let ended = queue.endedRecipients[record.ref] ?? []
    let open = claim.recipients.filter { !ended.contains($0) }
    guard !open.isEmpty else {
      if claim.result != nil { claim.agent.acknowledge(claim.delivery) }
      return
    }
    // The destination is not known before the record has been read, and by then it must not have
    // gone out: the delivery counts for a nameless one.
    let transport = queue.transport(named: claim.agent.name.role == .local ? "local" : "smtp")
    let destination = queue.scheduler.destination(transport: transport.number, nextHop: [])
    let number = queue.scheduler.adopt(
      record.ref, process: process, destination: destination, recipients: open.count)
    claim.agent.expected[claim.delivery] = claim.result
    adopted.append((record, claim, number))
  }

  /// An agent has ended: results of adopted deliveries that are known are not lost with it.
  func keepResults(of agent: Agent) {
    agent.expected = agent.expected.filter { $0.value != nil }
    for (_, claim, number) in adopted
    where claim.agent === agent && agent.expected.keys.contains(claim.delivery) {
      queue.scheduler.transfer(number, to: queue.processOfTheEnded())
    }
  }

  /// A result of a delivery that this life has not asked for; false when nobody waits for it.
  func isExpected(_ result: DeliveryResult, from agent: Agent) -> Bool {
    if agent.expected.keys.contains(result.id) {
      agent.expected[result.id] = result
      return true
    }
    guard
      let place = claims[result.queueID]?.firstIndex(where: {
        $0.delivery == result.id && $0.agent === agent
      })
    else { return false }
    claims[result.queueID]?[place].result = result
    return true
  }

  /// Nothing more comes in from the disk: what was said of other messages is about mail that was
  /// done before.
  func settle() {
    isSettled = true
    let left = claims.filter { !awaited.contains($0.key) }
    for id in left.keys { claims[id] = nil }
    for claim in left.values.joined() where claim.result != nil {
      claim.agent.acknowledge(claim.delivery)
    }
  }

  private func run() {
    guard !isRunning, !adopted.isEmpty else { return }
    isRunning = true
    reactorTask {
      while !self.adopted.isEmpty {
        let next = self.adopted[0]
        await self.complete(next.record, next.claim, next.number)
      }
      self.isRunning = false
    }
  }

  /// Reads the envelope of an adopted message, and takes its result if it has come.
  private func complete(
    _ record: MessageRecord, _ claim: Claim, _ number: DeliveryNumber
  ) async {
    if queue.messages[record.ref] == nil, !isDropped(claim) {
      let reading = RecordReading(record, in: queue)
      let disk = queue.disk
      let stored = await queue.reader.perform { reading.read(on: disk) }
      if case .success(let found) = stored, let envelope = found.envelope,
        let recipients = await queue.openRecipients(of: envelope, record.ref), !isDropped(claim)
      {
        queue.scheduler.correct(
          record.ref, arrival: queue.clock.monotonic(envelope.arrival),
          isFromNullSender: envelope.sender.isNull)
        queue.endedRecipients[record.ref] = nil
        queue.activate(record.ref, found.lead, envelope, recipients, of: record.segment)
      }
    }
    adopted.removeFirst()
    guard !isDropped(claim) else { return }
    guard let message = queue.messages[record.ref] else { return abandon(record, claim, number) }
    claim.agent.inFlight[claim.delivery] = Flight(message: message, number: number)
    if let result = claim.agent.expected.removeValue(forKey: claim.delivery) ?? nil {
      queue.take(result, from: claim.agent)
    }
  }

  /// Whether the agent ended before the result was known: the scheduler knows the delivery no more.
  private func isDropped(_ claim: Claim) -> Bool {
    claim.agent.isGone && !claim.agent.expected.keys.contains(claim.delivery)
  }

  /// The record cannot be read now: what the agent has in hand counts as interrupted.
  private func abandon(_ record: MessageRecord, _ claim: Claim, _ number: DeliveryNumber) {
    queue.log.error("qmgr", "\(record.id): its record cannot be read: it is tried again later")
    claim.agent.expected[claim.delivery] = nil
    let report = queue.scheduler.report(
      number, DeliveryTally(deferred: claim.recipients.count), connectionFailed: false,
      now: Reactor.shared.now)
    if let end = report?.end { queue.ended(record.ref, end) }
  }
}

/// A delivery under way.
struct Flight {
  let message: ActiveMessage
  /// The scheduler's number, which differs from the agent's for an adopted one.
  let number: DeliveryNumber
}
