package import MailTypes
package import Primitives

/// One entry of a journal: something that became of a message, or a fact about the segment.
package struct JournalEntry: Hashable, Sendable {
  /// Counts the entries of a journal file from 1 (R10).
  package var number: UInt64
  /// When it happened.
  package var time: WallTime
  /// The message; `JournalEntry.noMessage` for facts about the segment.
  package var id: QueueID
  /// Where the message's record starts; 0 for facts about the segment.
  package var offset: UInt64
  /// The recipient by its index in the envelope; `nil` when the entry is about all of them.
  package var recipient: UInt32?
  /// With this entry nothing is left to do for the message.
  package var endsMessage: Bool
  /// What happened.
  package var event: JournalEvent

  /// The id in entries that are about the segment.
  package static let noMessage = QueueID(microseconds: 0, sequence: 0)

  /// An entry about a message; the journal writer numbers it.
  package init(
    _ event: JournalEvent, id: QueueID, offset: UInt64, recipient: UInt32? = nil,
    endsMessage: Bool = false, time: WallTime
  ) {
    number = 0
    self.time = time
    self.id = id
    self.offset = offset
    self.recipient = recipient
    self.endsMessage = endsMessage
    self.event = event
  }

  /// An entry about the segment; the journal writer numbers it.
  package init(segment event: JournalEvent, time: WallTime) {
    self.init(event, id: Self.noMessage, offset: 0, time: time)
  }

  /// Whether the entry is about the segment and not about one of its messages.
  package var isAboutSegment: Bool { offset == 0 }
}

/// What became of a message or of a recipient of it.
package enum JournalEvent: Hashable, Sendable {
  /// The recipient has it.
  case delivered(DeliveryAttempt)
  /// The recipient is tried again, not before the time.
  case deferred(DeliveryAttempt, until: WallTime)
  /// The recipient will not get it, and the sender was told or had no wish to be.
  case bounced(DeliveryAttempt)
  /// Nothing is left to do for the message.
  case done
  /// Kept until an order releases it; the reason for people.
  case held(reason: [UInt8])
  /// No longer held.
  case released
  /// Removed by order; nobody is told.
  case deleted
  /// Taken over by a new message.
  case requeued(as: QueueID)
  /// The recipients were replaced by one other.
  case redirected(to: MailAddress)
  /// The message lives on in a copy, which is on the disk (R17).
  case relocated(to: RecordPlace)
  /// A process died with the message in flight, the so many-th time in a row (R19).
  case processDied(count: UInt32)
  /// The record is damaged or twice ended the queue manager; what is left of it is in `corrupt`.
  case setAside(reason: [UInt8])
  /// The segment ends here: nothing behind `end` is mail (R3).
  case sealed(end: UInt64, reason: SealReason)
  /// A part of the table of the records of a sealed segment (R29).
  case records([RecordRow])
  /// The table of records is complete.
  case recordsComplete(count: UInt64)
  /// All records before `end` have been taken into the queue (R11).
  case intake(end: UInt64)
  /// By order it is to be returned to its sender instead of tried.
  case expiryOrdered
  /// By order it is to be replaced by a new message, which a `requeued` entry then names (R22).
  case requeueOrdered
  /// The sender has been told that it is delayed, or had no wish to be: it is not told again.
  case delayReported
  /// An entry of a build that knows more; kept as it is.
  case unknown(kind: UInt16, payload: [UInt8])
}

/// One attempt at a recipient and what came of it.
package struct DeliveryAttempt: Hashable, Sendable {
  /// The status for reports (RFC 3463).
  package var status: EnhancedStatus
  /// The host that was spoken to, as the log names it; empty when none was reached.
  package var nextHop: [UInt8]
  /// The reason as the log prints it; cut at 1 KiB when stored (R27).
  package var reply: [UInt8]

  /// An attempt.
  package init(status: EnhancedStatus, nextHop: [UInt8], reply: [UInt8]) {
    self.status = status
    self.nextHop = nextHop
    self.reply = reply
  }
}

/// Why a writer stopped adding to a segment.
package enum SealReason: UInt8, Sendable {
  /// No room for more.
  case full = 1
  /// A write or flush failed; what was not flushed before is no mail (R3).
  case failed = 2
  /// The writer was told to leave.
  case drained = 3
  /// The writer died.
  case writerDied = 4
  /// Nothing was written for an hour.
  case idle = 5
  /// It held one large message (R23).
  case single = 6
}

/// What the queue has to know of a record to start without reading the segment (R29).
package struct RecordRow: Hashable, Sendable {
  /// The message.
  package var id: QueueID
  /// Where its record starts.
  package var offset: UInt64
  /// How many recipients its envelope names.
  package var recipientCount: UInt32
  /// Facts from the intake scan.
  package var flags: RecordFlags
  /// The size of the content without stuffing.
  package var contentSize: UInt64

  /// A row by its columns.
  package init(
    id: QueueID, offset: UInt64, recipientCount: UInt32, flags: RecordFlags, contentSize: UInt64
  ) {
    self.id = id
    self.offset = offset
    self.recipientCount = recipientCount
    self.flags = flags
    self.contentSize = contentSize
  }

  /// The row of a record.
  package init(_ lead: RecordLead) {
    self.init(
      id: lead.id, offset: lead.offset, recipientCount: lead.recipientCount, flags: lead.flags,
      contentSize: lead.contentSize)
  }

  /// The most rows that one entry carries.
  package static let perEntryMax = 1024
}
