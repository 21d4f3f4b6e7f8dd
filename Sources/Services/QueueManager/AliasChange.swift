import AddressRewriting
import QueueFormat
import ServiceKit

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
    kept = Set(moving.map(\.identity))
    known = Set(served.map(\.identity))
  }

  /// Whether one for whom the alias stands now is to get the message.
  func leads(to recipient: ExpandedRecipient) -> Bool {
    let identity = recipient.identity
    return kept.contains(identity) || (takesNew && !known.contains(identity))
  }
}
