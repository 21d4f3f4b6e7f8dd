package import AddressRewriting
import MailTypes
import Primitives
package import QueueFormat

/// The rewriting of an envelope before its record is written: what lies in the spool are the
/// addresses that mail goes to, each with the one that it was sent to.
extension EnvelopeRewriting {
  /// Gives the sender and each recipient its domain.
  package func complete(_ envelope: inout Envelope) {
    envelope.sender = completed(envelope.sender)
    for place in envelope.recipients.indices {
      let given = envelope.recipients[place].address
      let complete = completed(given)
      guard complete != given else { continue }
      envelope.recipients[place].address = complete
      if envelope.recipients[place].original == nil { envelope.recipients[place].original = given }
    }
  }

  /// Whether `RecipientExpansion` may change the recipients of an envelope that is complete.
  package func mayExpand(_ envelope: Envelope) -> Bool {
    expandsRecipients || envelope.recipients.count > 1
      || (envelope.contentFilter.isEmpty
        && envelope.recipients.contains { mayBeLocalAlias($0.address) })
  }
}

/// Puts those that recipients stand for in their place, one recipient after the other, and leaves
/// out what is named twice.
package struct RecipientExpansion: Sendable {
  /// Who gets the mail of the recipients so far.
  package private(set) var recipients: [EnvelopeRecipient] = []
  /// Bytes that they take.
  package private(set) var size = 0

  private let rewriting: EnvelopeRewriting
  private let keepsOriginals: Bool
  private let isFiltered: Bool
  private var known: Set<[UInt8]> = []

  /// - Parameters:
  ///   - rewriting: says who stands for whom.
  ///   - keepsOriginals: `enable_original_recipient`: the same mailbox is not the same recipient
  ///     when mail for it was sent to other addresses, or with other wishes.
  ///   - isFiltered: whether the message goes through a content filter first.
  package init(
    _ rewriting: EnvelopeRewriting, keepsOriginals: Bool, isFiltered: Bool = false
  ) {
    self.isFiltered = isFiltered
    self.rewriting = rewriting
    self.keepsOriginals = keepsOriginals
  }

  /// Takes a recipient of the envelope, which is complete.
  ///
  /// - Parameter memory: is asked before anything is kept. What is taken for the results stays
  ///   taken; it is `size` in the end.
  package mutating func add(
    _ recipient: EnvelopeRecipient, in memory: ExpansionMemory = ExpansionMemory()
  ) async throws(RewriteError) {
    let start = memory.taken
    let addresses = try await rewriting.recipients(
      for: recipient.address, isFiltered: isFiltered, in: memory)
    let before = size
    for address in addresses {
      var result = recipient
      if address != recipient.address {
        let original = recipient.original ?? recipient.address
        result.address = address
        result.original = original == address ? nil : original
      }
      let key = key(of: result)
      guard !known.contains(key) else { continue }
      let bytes = Self.bytes(of: key)
      try memory.take(bytes, for: recipient.address)
      let limit = rewriting.rememberedRecipients
      if limit == 0 || known.count < limit { known.insert(key) }
      recipients.append(result)
      size += bytes
    }
    // The lists of the expansion are no more.
    memory.giveBack(to: start + size - before)
  }

  /// What a recipient takes in the list, in the memory of names, and in the record.
  private static func bytes(of key: [UInt8]) -> Int {
    MemoryLayout<EnvelopeRecipient>.stride + 3 * key.count
  }

  private func key(of recipient: EnvelopeRecipient) -> [UInt8] {
    var key = recipient.address.bytes.map(ASCII.lowercased)
    guard keepsOriginals else { return key }
    key.append(ASCII.lf)
    key += (recipient.original ?? recipient.address).bytes.map(ASCII.lowercased)
    key.append(ASCII.lf)
    key.append(recipient.notify.map { $0.rawValue + 1 } ?? 0)
    key += recipient.dsnOriginal
    return key
  }
}
