package import MailTypes
package import Primitives

/// What the scheduler wants done next.
package enum Order: Sendable {
  /// Read the record, route its open recipients, and answer with `route` or `loadFailed`.
  case load(MessageRef)
  /// Ask the process for a delivery, and answer with `report`.
  case deliver(Delivery)
  /// The message's run is over without a further delivery.
  case ended(EndedRun)
}

/// A delivery to ask an agent process for.
package struct Delivery: Sendable {
  /// Its number, for the report.
  package let number: DeliveryNumber
  /// The message.
  package let message: MessageRef
  /// The message's queue id.
  package let id: QueueID
  /// Where its record lies.
  package let place: MessagePlace
  /// Where to.
  package let destination: DestinationNumber
  /// Who delivers.
  package let process: ProcessNumber
  /// For whom.
  package let recipients: RecipientIndices
}

/// A message that has left the active window, and what became of it.
package struct EndedRun: Sendable {
  /// The message.
  package let message: MessageRef
  /// What became of it.
  package let end: RunEnd
}

/// What became of a message when its run through the active window was over.
package enum RunEnd: Hashable, Sendable {
  /// No recipient is left: bounce what failed, write it down, then `forget` (or `putBack`).
  case finished
  /// An order to delete it has come true: write it down, then `forget`.
  case deleted
  /// It is too old: return what is left to the sender, write it down, then `forget` (or `putBack`).
  case expired
  /// An order to requeue it has come true: bring what is left into the queue as a new message,
  /// write it down, then `forget` (or `putBack`, and it comes again).
  case replacing
  /// It waits for its next attempt.
  case deferred(until: MonotonicTime)
  /// It waits for a release; `afterDeaths` when processes died under it (rule R19).
  case held(afterDeaths: Bool)
  /// Recipients are left that nobody tried: it is loaded again as soon as there is room.
  case requeued
}

/// Where a message went that was added with its destinations.
package enum Admission: Hashable, Sendable {
  /// Into the active window: its envelope will be wanted soon.
  case active(MessageRef)
  /// Behind others: `nextOrder` asks for it again.
  case waiting(MessageRef)
  /// All its destinations are dead: nothing was tried, and unless it expired nothing needs writing.
  case ended(MessageRef, RunEnd)
}

/// How the recipients of a delivery fared.
package struct DeliveryTally: Sendable {
  /// Recipients that got it.
  package var delivered = 0
  /// Recipients to try again later.
  package var deferred = 0
  /// Recipients that will never get it.
  package var failed = 0
  /// Recipients that nobody tried, as when the process is leaving: they go out again at once.
  package var returned = 0

  /// Counts recipients by fate.
  package init(delivered: Int = 0, deferred: Int = 0, failed: Int = 0, returned: Int = 0) {
    self.delivered = delivered
    self.deferred = deferred
    self.failed = failed
    self.returned = returned
  }
}

/// What a report led to.
package struct ReportResult: Sendable {
  /// The message of the delivery.
  package let message: MessageRef
  /// Set when this was the last delivery of its run.
  package let end: RunEnd?
  /// Where the delivery went.
  package let destination: DestinationNumber
  /// What the report changed about the destination.
  package let change: DestinationChange?
}

/// A turn in the life of a destination.
package enum DestinationChange: Hashable, Sendable {
  /// Nothing goes there until the time.
  case died(until: MonotonicTime)
  /// Mail flows again.
  case revived
}

/// The answer to an order of the administrator about one message.
package enum OrderAnswer: Hashable, Sendable {
  /// There is no such message.
  case unknown
  /// Its fate is being written down: it can no longer be changed.
  case tooLate
  /// It was already so.
  case unchanged
  /// Done, and this became of it.
  case done(MessageRef, RunEnd)
  /// It comes true when the results of so many deliveries have come (rule R22); 0 while the
  /// record is being read.
  case pending(MessageRef, inFlight: Int)
}
