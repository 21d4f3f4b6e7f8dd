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

extension EnvelopeRecipient {
  /// What tells it from others who get the message, whatever its wishes.
  package var identity: ExpandedRecipient { ExpandedRecipient(address, kind).identity }

  /// One of those for whom this recipient stands, with its wishes and its original address.
  package func standing(for found: ExpandedRecipient) -> EnvelopeRecipient {
    var result = self
    result.kind = found.kind
    if found.address != address {
      let given = original ?? address
      result.address = found.address
      result.original = given == found.address ? nil : given
    }
    return result
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
  private let served: Set<ExpandedRecipient>
  private var known: Set<[UInt8]> = []
  /// Commands and files by what they say, wherever they stand.
  private var knownPrograms: Set<[UInt8]> = []

  /// - Parameters:
  ///   - rewriting: says who stands for whom.
  ///   - keepsOriginals: `enable_original_recipient`: the same mailbox is not the same recipient
  ///     when mail for it was sent to other addresses, or with other wishes.
  ///   - isFiltered: whether the message goes through a content filter first.
  ///   - served: those who have the message, whom an alias that has changed leads to no more.
  package init(
    _ rewriting: EnvelopeRewriting, keepsOriginals: Bool, isFiltered: Bool = false,
    served: [EnvelopeRecipient] = []
  ) {
    self.served = Set(served.map(\.identity))
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
    // What was found in `alias_maps` before, as of requeued mail, counts while it is there.
    switch recipient.kind {
    case .address: break
    case .alias: return try take(recipient, in: memory)
    case .program(let place):
      if try await rewriting.knows([place], of: recipient.address) {
        return try take(recipient, mayHaveMoved: true, of: recipient.address, in: memory)
      }
    }
    let start = memory.taken
    var results = try await rewriting.recipients(
      for: recipient.address, isFiltered: isFiltered, in: memory)
    if recipient.isProgram, !served.isEmpty {
      results.removeAll { served.contains($0.identity) }
      // Nobody is left, or the alias is opened later, as one with an owner is: whoever does that
      // says so, or knows who has the message. For an alias as such nobody would.
      let isLater = results.contains {
        $0.kind == .alias && ASCII.equalFolded($0.address.bytes, recipient.address.bytes)
      }
      if results.isEmpty || isLater { return try take(recipient, in: memory) }
    }
    let before = size
    for result in results {
      try take(
        recipient.standing(for: result), mayHaveMoved: recipient.isProgram,
        of: recipient.address, in: memory)
    }
    // The lists of the expansion are no more.
    memory.giveBack(to: start + size - before)
  }

  /// Takes one whom a recipient stands for, unless there is one already; `memory` is asked before.
  package mutating func take(
    _ recipient: EnvelopeRecipient, in memory: ExpansionMemory = ExpansionMemory()
  ) throws(RewriteError) {
    try take(recipient, mayHaveMoved: false, of: recipient.address, in: memory)
  }

  /// - Parameter mayHaveMoved: whether a command of that text may have been taken with the place
  ///   that it had before an edit. Else a place says which one is meant: who writes an included
  ///   file could choose a text with the checksum of somebody else's.
  private mutating func take(
    _ recipient: EnvelopeRecipient, mayHaveMoved: Bool, of address: MailAddress,
    in memory: ExpansionMemory
  ) throws(RewriteError) {
    var key = Self.name(of: recipient)
    appendWishes(of: recipient, to: &key)
    guard !known.contains(key) else { return }
    let program = Self.checksum(of: recipient).map {
      var program = $0
      appendWishes(of: recipient, to: &program)
      return program
    }
    if mayHaveMoved, let program, knownPrograms.contains(program) { return }
    let bytes =
      MemoryLayout<EnvelopeRecipient>.stride + 3 * key.count + (program.map(\.count) ?? 0)
    try memory.take(bytes, for: address)
    let limit = rewriting.rememberedRecipients
    if limit == 0 || known.count < limit {
      known.insert(key)
      if let program { knownPrograms.insert(program) }
    }
    recipients.append(recipient)
    size += bytes
  }

  private static func name(of recipient: EnvelopeRecipient) -> [UInt8] {
    let name = recipient.address.bytes.map(ASCII.lowercased)
    switch recipient.kind {
    case .address: return name
    case .alias: return name + [0]
    case .program(let place):
      return name + [0, place.flags] + bytes(of: place.index) + bytes(of: place.checksum ?? 0)
    }
  }

  /// The address with what a command or file says; `nil` for others, and where nobody knows it.
  private static func checksum(of recipient: EnvelopeRecipient) -> [UInt8]? {
    guard case .program(let place) = recipient.kind, let checksum = place.checksum else {
      return nil
    }
    return recipient.address.bytes.map(ASCII.lowercased) + [0] + bytes(of: checksum)
  }

  private static func bytes(of number: UInt32) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
  }

  /// What makes the same mailbox another recipient.
  private func appendWishes(of recipient: EnvelopeRecipient, to key: inout [UInt8]) {
    guard keepsOriginals else { return }
    key.append(ASCII.lf)
    key += (recipient.original ?? recipient.address).bytes.map(ASCII.lowercased)
    key.append(ASCII.lf)
    key.append(recipient.notify.map { $0.rawValue + 1 } ?? 0)
    key += recipient.dsnOriginal
  }
}
