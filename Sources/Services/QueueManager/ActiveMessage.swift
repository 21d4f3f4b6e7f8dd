import MailTypes
import Primitives
import QueueFormat
import QueueScheduler
import Reactor
import SMTPGrammar
import ServiceKit

/// A recipient of a message in the active window.
struct ActiveRecipient {
  /// Where the mail goes.
  var address: MailAddress
  /// The address before rewriting; empty when it is the same.
  var original: [UInt8]
  /// When the sender wants to hear (RFC 3461 4.1); `nil` when it said nothing.
  let notify: DeliveryNotify?
  /// ORCPT (RFC 3461 4.2), `type;xtext`; empty for none.
  let dsnOriginal: [UInt8]
  /// What the address names.
  var kind: RecipientKind
  /// The transport and next hop; `nil` when nothing is left to do for the recipient.
  var target: Target?

  /// A recipient as the envelope has it, without a target.
  init(_ recipient: EnvelopeRecipient) {
    address = recipient.address
    original = recipient.original?.bytes ?? []
    notify = recipient.notify
    kind = recipient.kind
    dsnOriginal = recipient.dsnOriginal.count <= ExtendedText.lengthMax ? recipient.dsnOriginal : []
  }

  /// The mail goes where this route leads.
  @ReactorActor
  mutating func take(_ route: RouteTable.Known) {
    if original.isEmpty, route.address != address { original = address.bytes }
    address = route.address
    target = route.target
  }

  /// The recipient as a delivery agent hears of it.
  func named(_ index: UInt32) -> DeliveryRecipient {
    var recipient = DeliveryRecipient(
      index: index, address: address, original: original, notify: notify, dsnOriginal: dsnOriginal)
    if case .program(let place) = kind { recipient.program = place }
    return recipient
  }
}

/// A message in the active window: what deliveries, logs and reports need of its envelope.
@ReactorActor
final class ActiveMessage {
  let ref: MessageRef
  let id: QueueID
  let offset: UInt64
  let segment: Segment
  let sender: MailAddress
  /// ENVID (RFC 3461 4.4) in xtext; empty for none.
  let envelopeID: [UInt8]
  /// RET (RFC 3461 4.3).
  let returnContent: ReturnContent?
  let arrival: WallTime
  let activated: WallTime
  /// By their place in the envelope.
  var recipients: [ActiveRecipient]
  /// Recipients that will not get it and of which the sender has not been told.
  var failures: [RecipientVerdict] = []
  /// Recipients that have it, of which the sender wants to hear and has not been told.
  var successes: [RecipientVerdict] = []
  /// Recipients that refused it after an order to requeue it: they are asked again.
  var reopened: Set<UInt32> = []
  /// Aliases, with their wishes, that were opened again since they have changed.
  var followedAliases: Set<EnvelopeRecipient> = []
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
    envelopeID = envelope.envelopeID.count <= ExtendedText.lengthMax ? envelope.envelopeID : []
    returnContent = envelope.returnContent
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
