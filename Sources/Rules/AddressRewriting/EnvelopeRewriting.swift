package import MailTypes
import Primitives

/// What becomes of the addresses of an envelope before it is queued: they are completed, and
/// recipients stand for others.
package struct EnvelopeRewriting: Sendable {
  private let resolver: AddressResolver
  private let aliases: AliasExpansion
  private let localAliases: LocalAliases?
  private var isPastVirtualAliases = false
  /// `duplicate_filter_limit`: recipients that are remembered to find those named twice; 0 for all.
  package let rememberedRecipients: Int

  /// - Parameters:
  ///   - resolver: completes addresses.
  ///   - aliases: `virtual_alias_maps`.
  ///   - localAliases: `alias_maps`.
  package init(
    resolver: AddressResolver, aliases: AliasExpansion, localAliases: LocalAliases? = nil,
    rememberedRecipients: Int = 1000
  ) {
    self.resolver = resolver
    self.aliases = aliases
    self.localAliases = localAliases
    self.rememberedRecipients = rememberedRecipients
  }

  /// Whether any recipient may stand for others, which has to be asked.
  package var expandsRecipients: Bool { !aliases.isEmpty && !isPastVirtualAliases }

  /// The rewriting of recipients that `virtual_alias_maps` are not asked about, unless an alias of
  /// a local user leads to them: those of a redirection, which Postfix makes in the queue.
  package var pastVirtualAliases: EnvelopeRewriting {
    var rewriting = self
    rewriting.isPastVirtualAliases = true
    return rewriting
  }

  /// Whether a recipient may be an alias of a local user, which has to be asked.
  package func mayBeLocalAlias(_ address: MailAddress) -> Bool {
    localAliases?.mayKnow(address) ?? false
  }

  /// An address of the envelope with its domain.
  package func completed(_ address: MailAddress) -> MailAddress { resolver.completed(address) }

  /// Who gets the mail for a recipient that is complete.
  ///
  /// Where aliases of local users lead elsewhere, virtual aliases are asked again; users they lead
  /// to are final. With `isFiltered` the message is not delivered here yet, and local aliases wait
  /// for its return from the filter.
  ///
  /// - Parameter memory: is asked before results are kept.
  package func recipients(
    for address: MailAddress, isFiltered: Bool = false,
    in memory: ExpansionMemory = ExpansionMemory()
  ) async throws(RewriteError) -> [ExpandedRecipient] {
    let virtual =
      expandsRecipients ? try await aliases.expand(address, in: memory) : [address]
    guard !isFiltered, let localAliases, virtual.contains(where: localAliases.mayKnow) else {
      return virtual.map { ExpandedRecipient($0) }
    }
    return try await followed(virtual, [], of: address, localAliases, memory)
  }

  /// Whether an alias still has all commands and files that are meant.
  package func knows(
    _ places: [AliasProgramPlace], of alias: MailAddress
  ) async throws(RewriteError) -> Bool {
    try await localAliases?.knows(places, of: alias) ?? false
  }

  /// Who gets the mail of an alias that was left in an envelope as such, now that it is delivered,
  /// and from whom; the sender is `nil` when it stays the same.
  package func open(
    _ alias: MailAddress
  ) async throws(RewriteError) -> (recipients: [ExpandedRecipient], sender: MailAddress?) {
    guard let localAliases else { return ([ExpandedRecipient(alias)], nil) }
    let opened = try await localAliases.open(alias)
    let memory = ExpansionMemory()
    var found: [ExpandedRecipient] = []
    var pending: [MailAddress] = []
    try await take(opened.recipients, &found, &pending, memory)
    return (try await followed(pending, found, of: alias, localAliases, memory), opened.sender)
  }

  /// Follows addresses through all aliases to their ends.
  private func followed(
    _ addresses: [MailAddress], _ ends: [ExpandedRecipient], of address: MailAddress,
    _ localAliases: LocalAliases, _ memory: ExpansionMemory
  ) async throws(RewriteError) -> [ExpandedRecipient] {
    let expansionMax = addresses.count + ends.count + localAliases.settings.expansionMax
    var found = ends
    var pending = addresses
    var seen: Set<[UInt8]> = []
    var next = 0
    while next < pending.count {
      if let results = try await localAliases.expand(pending[next], in: memory) {
        let new = results.filter {
          $0.isUser || $0.kind != .address
            || seen.insert($0.address.bytes.map(ASCII.lowercased)).inserted
        }
        try await take(new, &found, &pending, memory)
      } else {
        found.append(ExpandedRecipient(pending[next]))
      }
      guard pending.count <= expansionMax, found.count <= expansionMax else {
        throw .expansionTooLarge(map: RewriteError.aliasMaps, address: address)
      }
      next += 1
    }
    // What leads to nobody but itself means the user of its name.
    if found.isEmpty { return [ExpandedRecipient(address)] }
    var known: Set<ExpandedRecipient> = []
    return found.filter { known.insert($0.folded).inserted }
  }

  private func take(
    _ results: [LocalAliases.Recipient], _ found: inout [ExpandedRecipient],
    _ pending: inout [MailAddress], _ memory: ExpansionMemory
  ) async throws(RewriteError) {
    for result in results {
      if result.isUser || result.kind != .address {
        found.append(ExpandedRecipient(result.address, result.kind))
      } else {
        pending +=
          aliases.isEmpty
          ? [result.address] : try await aliases.expand(result.address, in: memory)
      }
    }
  }
}

/// One of those for whom a recipient stands.
package struct ExpandedRecipient: Hashable, Sendable {
  /// The address.
  package let address: MailAddress
  /// What it names.
  package let kind: RecipientKind

  /// Names a recipient.
  package init(_ address: MailAddress, _ kind: RecipientKind = .address) {
    self.address = address
    self.kind = kind
  }

  /// The same for all that get the message once. A command is told by what it says, wherever it
  /// stands among those of its alias.
  package var identity: ExpandedRecipient {
    guard case .program(let place) = kind, let checksum = place.checksum else { return folded }
    let anywhere = AliasProgramPlace(index: 0, count: 0, flags: 0, checksum: checksum)
    return ExpandedRecipient(address, .program(anywhere)).folded
  }

  fileprivate var folded: ExpandedRecipient {
    ExpandedRecipient(MailAddress(address.bytes.map(ASCII.lowercased)), kind)
  }
}
