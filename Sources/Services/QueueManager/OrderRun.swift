import LinuxSystem
import MailTypes
import Primitives
import QueueFormat
import QueueScheduler
import Reactor
import ServiceKit

/// An order of the administrator on its way through the queue, some messages at a time. What it
/// did is in the journals, and flushed, before it is told (spool rule R9).
@ReactorActor
final class OrderRun {
  /// Messages that are looked at for a part of the answer.
  private static let messagesPerPart = 512
  /// How long a queue manager that has just begun may take to find its mail before an order goes
  /// by what is known.
  private static let settlingTime = Duration.seconds(10)
  /// How long the disk may take for the orders of a part.
  private static let patience = Duration.seconds(30)

  private enum Scope {
    case these([QueueID])
    case all(Set<QueueListEntry.State>, cursor: UInt32)
  }

  private let queue: MailQueue
  private let order: QueueOrder
  private var scope: Scope
  /// Mail that came later is not meant: requeued mail comes back under a new name.
  private let begun = Clocks.wallNow()

  /// An order about messages by name.
  init(_ queue: MailQueue, _ order: QueueOrder, ids: [QueueID]) {
    self.queue = queue
    self.order = order
    scope = .these(ids)
  }

  /// An order about all messages in these queues.
  init(_ queue: MailQueue, _ order: QueueOrder, in states: Set<QueueListEntry.State>) {
    self.queue = queue
    self.order = order
    scope = .all(states, cursor: 0)
  }

  /// Carries out the next part of the order.
  func next() async -> (part: OrderAnswerPart, isLast: Bool) {
    if !queue.isSettled {
      try? await queue.settling.wait(deadline: Reactor.shared.now + Self.settlingTime) {
        !queue.isSettled
      }
    }
    var outcomes: [OrderOutcome] = []
    var isLast = true
    switch scope {
    case .these(let ids): outcomes = await carryOut(on: ids)
    case .all(let states, let cursor):
      var summaries: [MessageSummary] = []
      let following = queue.scheduler.list(
        from: cursor, limit: Self.messagesPerPart, into: &summaries)
      outcomes = await carryOut(on: summaries.filter { isMeant($0, states) }.map(\.id))
      outcomes.removeAll { !$0.isDone }
      isLast = following == nil
      scope = .all(states, cursor: following ?? 0)
    }
    queue.plan()
    let isDone = outcomes.contains(where: \.isDone)
    let deadline = Reactor.shared.now + Self.patience
    let isDurable = isDone ? await queue.journals.flush(deadline: deadline) : true
    if case .these = scope { log(outcomes) }
    return (OrderAnswerPart(isDurable: isDurable, outcomes: outcomes), isLast)
  }

  /// Carries the order out on each message; one that is being moved is waited for, since nobody
  /// could say which of its two journals has to tell of the order.
  private func carryOut(on ids: [QueueID]) async -> [OrderOutcome] {
    let deadline = Reactor.shared.now + Self.patience
    var outcomes: [OrderOutcome] = []
    var rest = ids
    while true {
      let moving = rest.filter { queue.scheduler.isMoving($0) }
      for id in rest where !queue.scheduler.isMoving(id) {
        outcomes.append(queue.carryOut(order, on: id))
      }
      guard !moving.isEmpty else { return outcomes }
      guard Reactor.shared.now < deadline else {
        queue.log.warning("qmgr", "\(moving.count) messages are still being moved: no order")
        return outcomes + moving.map { OrderOutcome(id: $0, isDone: false, inFlight: 0) }
      }
      await queue.mover.settle(moving, deadline: deadline)
      rest = moving
    }
  }

  private func isMeant(_ summary: MessageSummary, _ states: Set<QueueListEntry.State>) -> Bool {
    // What is about to be held counts as held: an order to release all takes that back too.
    states.contains(summary.isToHold ? .hold : QueueListEntry.State(summary.queue))
      && Int64(clamping: summary.id.microseconds) < begun.microseconds
  }

  private func log(_ outcomes: [OrderOutcome]) {
    for outcome in outcomes where outcome.isDone {
      queue.log.line("postsuper") {
        $0.append(queueID: outcome.id)
        $0.append(text: ": ")
        $0.append(text: order.past)
      }
    }
  }
}

extension MailQueue {
  /// Carries out an order about a message as far as that can be done now, and appends it to the
  /// journal: what is in flight is reached by it when its results come (spool rule R22).
  func carryOut(_ order: QueueOrder, on id: QueueID) -> OrderOutcome {
    let now = Reactor.shared.now
    let answer =
      switch order {
      case .hold: scheduler.hold(id, now: now)
      case .release: scheduler.release(id)
      case .delete: scheduler.delete(id, now: now)
      case .expire: scheduler.expire(id)
      case .requeue: scheduler.requeue(id, now: now)
      }
    switch answer {
    case .unknown, .tooLate, .unchanged:
      return OrderOutcome(id: id, isDone: false, inFlight: 0)
    case .pending(let ref, let inFlight):
      note(order, on: record(of: ref))
      return OrderOutcome(id: id, isDone: true, inFlight: UInt32(inFlight))
    case .done(let ref, let end):
      // The end of a deleted message is written down as any end.
      if end != .deleted { note(order, on: record(of: ref)) }
      ended(ref, end)
      return OrderOutcome(id: id, isDone: true, inFlight: 0)
    }
  }

  private func note(_ order: QueueOrder, on record: MessageRecord) {
    let event: JournalEvent
    switch order {
    case .hold: event = .held(reason: Array("by order".utf8))
    case .release: event = .released
    case .delete: event = .deleted
    case .expire: event = .expiryOrdered
    case .requeue: event = .requeueOrdered
    }
    journals.append(
      record.entry(event, endsMessage: order == .delete, time: clock.wallNow), to: record.segment)
  }
}
