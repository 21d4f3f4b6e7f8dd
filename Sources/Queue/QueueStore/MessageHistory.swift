package import MailTypes
package import Primitives
package import QueueFormat

/// What a journal says about one message.
package struct MessageHistory: Hashable, Sendable {
  /// The message; entries that name another for the same place do not count (R2).
  package var id: QueueID
  /// Recipients for which nothing is left to do, by their index in the envelope.
  package var ended: Set<UInt32> = []
  /// Whether nothing is left to do for the message.
  package var isDone = false
  /// Whether it was put on hold, or released, since it entered the queue; `nil` for neither.
  package private(set) var isHeldByOrder: Bool?
  /// Why it is held, for people.
  package var holdReason: [UInt8] = []
  /// Whether it is to be returned to its sender instead of tried.
  package var mustExpire = false
  /// Whether it is to be replaced by a new message.
  package var mustRequeue = false
  /// Whether the sender has been told that it is delayed.
  package private(set) var isDelayReported = false
  /// Whether an order released it after its last death: that one does not hold it again (R19).
  package var isForgiven = false
  /// Before this time none of its recipients is tried again; `nil` when none was deferred.
  package var notBefore: WallTime?
  /// Processes that died in a row with the message in flight (R19).
  package var deaths: UInt32 = 0
  /// The address that replaced its recipients.
  package var redirectedTo: MailAddress?
  /// The copy in which it lives on (R17).
  package var relocatedTo: RecordPlace?
  /// Attempts at it, counted over all recipients.
  package var attempts: Int = 0
  /// The last reason for not delivering.
  package var lastReason: [UInt8] = []

  /// A message of which nothing is known but its name.
  package init(id: QueueID) {
    self.id = id
  }

  /// Applies an entry about the message or one of its recipients.
  package mutating func apply(_ entry: JournalEntry) {
    switch entry.event {
    case .delivered, .bounced:
      attempts += 1
      deaths = 0
      if let recipient = entry.recipient { ended.insert(recipient) }
    case .deferred(let attempt, let until):
      attempts += 1
      deaths = 0
      notBefore = max(notBefore ?? until, until)
      lastReason = attempt.reply
    case .held(let reason):
      isHeldByOrder = true
      holdReason = reason
    case .released:
      isHeldByOrder = false
      holdReason = []
      isForgiven = true
    case .redirected(let address): redirectedTo = address
    case .relocated(let place):
      relocatedTo = place
      isDone = true
    case .processDied(let count):
      deaths = count
      isForgiven = false
    case .expiryOrdered: mustExpire = true
    case .requeueOrdered: mustRequeue = true
    case .delayReported: isDelayReported = true
    case .done, .deleted, .requeued, .setAside: isDone = true
    case .sealed, .records, .recordsComplete, .intake: break
    case .unknown:
      isHeldByOrder = true
      holdReason = Array("its history is not understood".utf8)
    }
    if entry.endsMessage { isDone = true }
  }

  /// Whether a message with these flags waits for an order.
  package func isHeld(_ flags: RecordFlags) -> Bool {
    isHeldByOrder ?? flags.contains(.entersOnHold)
  }
}

/// What a journal says about its segment and all its messages.
package struct SegmentHistory: Hashable, Sendable {
  /// The messages by the offsets of their records.
  package private(set) var messages: [UInt64: MessageHistory] = [:]
  /// Where the segment ends, if that is known.
  package private(set) var sealedEnd: UInt64?
  /// Why it ended.
  package private(set) var sealReason: SealReason?
  /// The table of records, when it is complete (R29).
  package private(set) var table: [RecordRow]?
  /// All records before it had been taken into the queue.
  package private(set) var intakeEnd = UInt64(FileHeader.size)
  /// Entries that contradict earlier ones about the same place (R2).
  package private(set) var contradictions = 0
  private var rows: [RecordRow] = []

  /// Nothing known.
  package init() {}

  /// What these entries say, in their order.
  package init(_ entries: [JournalEntry]) {
    for entry in entries { apply(entry) }
    rows = []
  }

  private mutating func apply(_ entry: JournalEntry) {
    guard entry.isAboutSegment else {
      var history = messages[entry.offset] ?? MessageHistory(id: entry.id)
      guard history.id == entry.id else {
        contradictions += 1
        return
      }
      history.apply(entry)
      messages[entry.offset] = history
      return
    }
    switch entry.event {
    case .sealed(let end, let reason):
      sealedEnd = end
      sealReason = reason
    case .records(let part): rows += part
    case .recordsComplete(let count):
      if UInt64(rows.count) == count { table = rows }
      rows = []
    case .intake(let end): intakeEnd = max(intakeEnd, end)
    default: break
    }
  }

  /// Everything before it is known to have been flushed: the writer said so. That an entry speaks
  /// of a record proves nothing, since whole records of an interrupted flush are mail too (R8).
  package var flushedEnd: UInt64 { sealedEnd ?? intakeEnd }
}
