import MailTypes
import Primitives
import QueueFormat
import QueueScheduler
import Reactor
import ServiceKit

/// A recipient of a message in the active window.
struct ActiveRecipient {
  /// Where the mail goes.
  var address: MailAddress
  /// The address before rewriting; empty when it is the same.
  var original: [UInt8]
  /// The transport and next hop; `nil` when nothing is left to do for the recipient.
  var target: Target?
}

/// A message in the active window: what deliveries, logs and reports need of its envelope.
@ReactorActor
final class ActiveMessage {
  let ref: MessageRef
  let id: QueueID
  let offset: UInt64
  let segment: Segment
  let sender: MailAddress
  let arrival: WallTime
  let activated: WallTime
  /// By their place in the envelope.
  var recipients: [ActiveRecipient]
  /// Recipients that will not get it and of which the sender has not been told.
  var failures: [RecipientVerdict] = []
  /// Recipients that refused it after an order to requeue it: they are asked again.
  var reopened: Set<UInt32> = []
  /// Recipients that were put off in this run, and why.
  var postponed: [RecipientVerdict] = []
  /// Results whose journal entries wait for the report to the sender (spool rule R4).
  var heldResults: [(agent: Agent, delivery: UInt64)] = []

  init(
    ref: MessageRef, id: QueueID, offset: UInt64, segment: Segment, envelope: Envelope,
    recipients: [ActiveRecipient], activated: WallTime
  ) {
    self.ref = ref
    self.id = id
    self.offset = offset
    self.segment = segment
    sender = envelope.sender
    arrival = envelope.arrival
    self.recipients = recipients
    self.activated = activated
  }

  /// Indices of the recipients for whom nothing is left to do.
  var endedRecipients: Set<UInt32> {
    Set(recipients.indices.lazy.filter { self.recipients[$0].target == nil }.map(UInt32.init))
      .subtracting(reopened)
  }

  /// An entry about one of its recipients, or all of them.
  func entry(
    _ event: JournalEvent, recipient: UInt32? = nil, endsMessage: Bool = false, time: WallTime
  ) -> JournalEntry {
    JournalEntry(
      event, id: id, offset: offset, recipient: recipient, endsMessage: endsMessage, time: time)
  }
}
