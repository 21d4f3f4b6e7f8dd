package import MailTypes
package import Primitives

/// A message as `postqueue` lists it.
package struct MessageSummary: Sendable {
  /// The queues of Postfix as states.
  package enum Queue: Sendable { case incoming, active, deferred, hold }

  /// For further questions.
  package let message: MessageRef
  /// The queue id.
  package let id: QueueID
  /// Where its record lies.
  package let place: MessagePlace
  /// Its queue.
  package let queue: Queue
  /// When it arrived.
  package let arrival: MonotonicTime
  /// When it is tried again; only in `deferred`, and `nil` once its time has come.
  package let nextAttempt: MonotonicTime?
  /// Recipients whose fate is open.
  package let recipientsLeft: Int
  /// Processes that died under it (rule R19).
  package let deaths: Int
  /// Whether an order to hold it waits for deliveries under way.
  package let isToHold: Bool
  /// Whether an order wants it returned to its sender.
  package let isToExpire: Bool
  /// Where it goes, if that is known and one place.
  package let destination: DestinationNumber?
}

/// How many messages are in each queue.
package struct QueueCounts: Hashable, Sendable {
  /// Not tried yet and waiting for room.
  package var incoming = 0
  /// In the active window.
  package var active = 0
  /// Tried, and waiting for time or room.
  package var deferred = 0
  /// On hold.
  package var hold = 0
}

extension QueueScheduler {
  /// All messages known (`queue_message_limit` bounds them, rule R36).
  package var messageCount: Int { index.count }

  /// Messages by queue.
  package var counts: QueueCounts {
    let of = { (state: MessageState) in index.counts[Int(state.rawValue)] }
    return QueueCounts(
      incoming: of(.fresh), active: of(.loading) + of(.active) + of(.ending),
      deferred: of(.deferred) + of(.due) + of(.moving), hold: of(.held))
  }

  /// Deliveries under way.
  package var deliveriesInFlight: Int { flights.inUse }

  /// Deliveries under way and allowed to a destination.
  package func concurrency(of destination: DestinationNumber) -> (busy: Int, limit: Int) {
    let row = destinations[destination.value]
    return (Int(row.busy), row.isDead ? 0 : row.concurrency.size)
  }

  /// Appends up to `limit` messages from a cursor on (0 at first); returns the cursor to go on
  /// with, `nil` at the end. Messages that come or go between calls may or may not be listed.
  package func list(
    from cursor: UInt32, limit: Int, into summaries: inout [MessageSummary]
  ) -> UInt32? {
    var slot = cursor
    var left = limit
    while slot < index.slotsEnd {
      if left == 0 { return slot }
      if let summary = summary(slot) {
        summaries.append(summary)
        left -= 1
      }
      slot += 1
    }
    return nil
  }

  /// One message as listed; `nil` when it has been forgotten.
  package func summary(of ref: MessageRef) -> MessageSummary? {
    index.isKnown(ref) ? summary(ref.slot) : nil
  }

  /// Whether a message is gone, or its end is being written down.
  package func isEnding(_ ref: MessageRef) -> Bool {
    !index.isKnown(ref) || index[ref.slot].state == .ending
  }

  private func summary(_ slot: UInt32) -> MessageSummary? {
    let entry = index[slot]
    let queue: MessageSummary.Queue
    switch entry.state {
    case .free: return nil
    case .fresh: queue = .incoming
    case .due, .deferred: queue = .deferred
    case .loading, .active, .ending: queue = .active
    case .held: queue = .hold
    case .moving: queue = entry.marks.contains(.hold) ? .hold : .deferred
    }
    let isKnown = entry.destination >= DestinationTable.firstReal
    return MessageSummary(
      message: index.ref(slot), id: entry.id, place: entry.place, queue: queue,
      arrival: entry.arrival,
      nextAttempt: entry.state == .deferred ? calendar.time(of: entry.tick) : nil,
      recipientsLeft: Int(entry.recipientsLeft), deaths: Int(entry.deaths),
      isToHold: entry.marks.contains(.hold), isToExpire: entry.marks.contains(.expire),
      destination: isKnown ? DestinationNumber(value: entry.destination) : nil)
  }
}
