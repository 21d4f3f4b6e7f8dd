import MailTypes
import QueueFormat

/// The recipients of a message while milters add and take away: each is found by its address, not
/// by a look at all others.
struct RecipientEdits {
  private var places: [EnvelopeRecipient?]
  private var byAddress: [MailAddress: [Int]] = [:]
  /// By the address as the client gave it, where it is another.
  private var byOriginal: [MailAddress: [Int]] = [:]

  init(_ recipients: [EnvelopeRecipient]) {
    places = recipients
    for (place, recipient) in recipients.enumerated() { note(recipient, at: place) }
  }

  /// Those that are left, in their order.
  var recipients: [EnvelopeRecipient] { places.compactMap { $0 } }

  /// Adds a recipient, unless it is one already.
  mutating func add(_ address: MailAddress) {
    guard byAddress[address] == nil else { return }
    let recipient = EnvelopeRecipient(address)
    note(recipient, at: places.count)
    places.append(recipient)
  }

  /// Takes away the recipients of an address, also as the client gave it.
  mutating func delete(_ address: MailAddress) {
    for place in byAddress.removeValue(forKey: address) ?? [] { places[place] = nil }
    for place in byOriginal.removeValue(forKey: address) ?? [] {
      guard let gone = places[place] else { continue }
      places[place] = nil
      forget(place, of: gone.address)
    }
  }

  private mutating func note(_ recipient: EnvelopeRecipient, at place: Int) {
    byAddress[recipient.address, default: []].append(place)
    guard let original = recipient.original, original != recipient.address else { return }
    byOriginal[original, default: []].append(place)
  }

  /// What has gone by the client's address may be added again.
  private mutating func forget(_ place: Int, of address: MailAddress) {
    guard let left = byAddress[address]?.filter({ $0 != place }) else { return }
    byAddress[address] = left.isEmpty ? nil : left
  }
}
