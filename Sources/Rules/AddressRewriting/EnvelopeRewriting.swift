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
  ) async throws(RewriteError) -> [MailAddress] {
    let virtual =
      expandsRecipients ? try await aliases.expand(address, in: memory) : [address]
    guard !isFiltered, let localAliases, virtual.contains(where: localAliases.mayKnow) else {
      return virtual
    }
    let expansionMax = virtual.count + localAliases.settings.expansionMax
    var found: [MailAddress] = []
    var pending = virtual
    var seen: Set<[UInt8]> = []
    var next = 0
    while next < pending.count {
      let results = try await localAliases.expand(pending[next], in: memory)
      if results == nil { found.append(pending[next]) }
      for result in results ?? [] {
        if result.isUser {
          found.append(result.address)
        } else if seen.insert(result.address.bytes.map(ASCII.lowercased)).inserted {
          pending +=
            aliases.isEmpty
            ? [result.address] : try await aliases.expand(result.address, in: memory)
        }
        guard pending.count <= expansionMax, found.count <= expansionMax else {
          throw .expansionTooLarge(map: RewriteError.aliasMaps, address: address)
        }
      }
      next += 1
    }
    // What leads to nobody but itself means the user of its name.
    if found.isEmpty { return [address] }
    var known: Set<[UInt8]> = []
    return found.filter { known.insert($0.bytes.map(ASCII.lowercased)).inserted }
  }
}
