package import MailTypes
package import Primitives

/// Everything about a message that is not content: what SMTP calls the envelope, and what intake
/// learnt about where it came from.
package struct Envelope: Hashable, Sendable {
  /// The reverse-path; null for reports.
  package var sender: MailAddress
  /// Who shall get it; journal entries name a recipient by its index here.
  package var recipients: [EnvelopeRecipient]
  /// When the message was accepted.
  package var arrival: WallTime
  /// The peer that sent it.
  package var client = ClientAttributes()
  /// ENVID of RFC 3461 4.4, still in xtext; empty for none.
  package var envelopeID: [UInt8] = []
  /// RET of RFC 3461 4.3.
  package var returnContent: ReturnContent?
  /// Who logged in, if anybody did.
  package var sasl: SASLAttributes?
  /// The `transport:nexthop` that it goes to instead of its recipients' own; empty for none.
  package var contentFilter: [UInt8] = []
  /// Where dots were stuffed: offsets of the stored dots from the start of the header extent,
  /// the body's bytes counted behind it; at most 1,000, see `RecordFlags.scanForDots`.
  package var stuffedDots: [UInt64] = []
  /// The record that this one is a copy of (R17).
  package var origin: RecordPlace?
  /// The file of `maildrop` that it came from (R37).
  package var pickupSource: PickupSource?
  /// Those who have a message of which this one is a part: where an alias that has changed is
  /// opened again, it leads to none of them.
  package var served: [EnvelopeRecipient] = []
  /// Attributes of builds that know more than this one; kept as they are.
  package var others: [EnvelopeAttribute] = []

  /// An envelope with the parts that every message has.
  package init(sender: MailAddress, recipients: [EnvelopeRecipient], arrival: WallTime) {
    self.sender = sender
    self.recipients = recipients
    self.arrival = arrival
  }
}

/// One forward-path of an envelope.
package struct EnvelopeRecipient: Hashable, Sendable {
  /// Where the message goes, after rewriting and expansion.
  package var address: MailAddress
  /// The address as the client gave it, when it differs: `orig_to` of the log.
  package var original: MailAddress?
  /// When the sender wants to hear (RFC 3461 4.1); `nil` when it said nothing.
  package var notify: DeliveryNotify?
  /// ORCPT of RFC 3461 4.2 with its address type; empty for none.
  package var dsnOriginal: [UInt8]
  /// What the address names.
  package var kind = RecipientKind.address

  /// Whether it is a command or a file of an alias.
  package var isProgram: Bool {
    guard case .program = kind else { return false }
    return true
  }

  /// A recipient without wishes.
  package init(
    _ address: MailAddress, original: MailAddress? = nil, notify: DeliveryNotify? = nil,
    dsnOriginal: [UInt8] = []
  ) {
    self.address = address
    self.original = original
    self.notify = notify
    self.dsnOriginal = dsnOriginal
  }
}

/// The values of NOTIFY (RFC 3461 4.1).
package struct DeliveryNotify: OptionSet, Hashable, Sendable {
  /// The bits as they are stored; none set means NEVER.
  package let rawValue: UInt8

  /// Wraps stored bits.
  package init(rawValue: UInt8) {
    self.rawValue = rawValue
  }

  /// No report at all.
  package static let never: DeliveryNotify = []
  /// Report a delivery.
  package static let success = DeliveryNotify(rawValue: 1)
  /// Report a failure.
  package static let failure = DeliveryNotify(rawValue: 2)
  /// Report a delay.
  package static let delay = DeliveryNotify(rawValue: 4)
}

/// The values of RET (RFC 3461 4.3).
package enum ReturnContent: UInt8, Sendable {
  /// The whole message.
  case full = 1
  /// Only its header.
  case headers = 2
}

/// The peer that handed a message in, as the log and `Received:` name it.
package struct ClientAttributes: Hashable, Sendable {
  /// Its host name, `unknown`, or empty for local submission.
  package var name: [UInt8] = []
  /// Its address as text.
  package var address: [UInt8] = []
  /// Its port.
  package var port: UInt16 = 0
  /// What it called itself.
  package var helo: [UInt8] = []
  /// `SMTP`, `ESMTP`, `ESMTPS` and so on.
  package var protocolName: [UInt8] = []

  /// No peer.
  package init() {}
}

/// Who logged in to send a message.
package struct SASLAttributes: Hashable, Sendable {
  /// The mechanism.
  package var method: [UInt8]
  /// The user's login name.
  package var user: [UInt8]
  /// The AUTH= parameter of MAIL; empty for none.
  package var sender: [UInt8]

  /// A login.
  package init(method: [UInt8], user: [UInt8], sender: [UInt8] = []) {
    self.method = method
    self.user = user
    self.sender = sender
  }
}

/// The file of `maildrop` from which a message was taken (R37).
package struct PickupSource: Hashable, Sendable {
  /// Its name.
  package var name: [UInt8]
  /// Its inode number.
  package var inode: UInt64
  /// When its inode last changed.
  package var changed: WallTime

  /// A file by name, inode and time of change.
  package init(name: [UInt8], inode: UInt64, changed: WallTime) {
    self.name = name
    self.inode = inode
    self.changed = changed
  }
}

/// An attribute that this build keeps without knowing it.
package struct EnvelopeAttribute: Hashable, Sendable {
  /// Its number; with bit 15 set a reader must understand it.
  package let type: UInt16
  /// Its value.
  package let value: [UInt8]

  /// An attribute as stored.
  package init(type: UInt16, value: [UInt8]) {
    self.type = type
    self.value = value
  }
}
