import AddressRewriting
import MailTypes
import QueueFormat

/// What was known of those for whom an alias stands, when mail follows a change of it.
struct AliasChange {
  /// Those who have the message or get it from elsewhere.
  let served: [EnvelopeRecipient]
  private let kept: Set<ExpandedRecipient>
  private let known: Set<ExpandedRecipient>
  private let takesNew: Bool

  /// - Parameters:
  ///   - moving: commands and files of the alias to which the message was still to go.
  ///   - served: everybody else who was named.
  ///   - takesNew: whether those come in who were never named.
  init(moving: [EnvelopeRecipient], served: [EnvelopeRecipient], takesNew: Bool) {
    self.served = served
    self.takesNew = takesNew
    kept = Set(moving.map(Self.identity))
    known = Set(served.map(Self.identity))
  }

  /// Whether one for whom the alias stands now is to get the message.
  func leads(to recipient: ExpandedRecipient) -> Bool {
    let identity = Self.identity(recipient)
    return kept.contains(identity) || (takesNew && !known.contains(identity))
  }

  private static func identity(_ recipient: EnvelopeRecipient) -> ExpandedRecipient {
    identity(ExpandedRecipient(recipient.address, recipient.kind))
  }

  /// A command is told by what it says, wherever it stands.
  private static func identity(_ recipient: ExpandedRecipient) -> ExpandedRecipient {
    guard case .program(let place) = recipient.kind, let checksum = place.checksum else {
      return recipient.folded
    }
    let anywhere = AliasProgramPlace(index: 0, count: 0, flags: 0, checksum: checksum)
    return ExpandedRecipient(recipient.address, .program(anywhere)).folded
  }
}
