package import AddressRewriting
import Configuration
import LookupTables
import MailTypes
import Primitives

/// What becomes of addresses before mail is queued.
extension MailSite {
  /// How the addresses of envelopes are rewritten; with `noAddressMappings` they are completed and
  /// stand for nobody else.
  package func rewriting(_ overrides: ReceiveOverrides = []) -> EnvelopeRewriting {
    EnvelopeRewriting(
      resolver: resolver,
      aliases: overrides.contains(.noAddressMappings)
        ? virtualAliases(TableSet([])) : virtualAliases(virtualAliasMaps),
      localAliases: localAliases,
      rememberedRecipients: configuration[.duplicateFilterLimit])
  }

  /// `virtual_alias_maps`.
  var virtualAliases: AliasExpansion { virtualAliases(virtualAliasMaps) }

  private func virtualAliases(_ tables: TableSet) -> AliasExpansion {
    var limits = AliasExpansion.Limits()
    limits.expansion = configuration[.virtualAliasExpansionLimit]
    limits.recursion = configuration[.virtualAliasRecursionLimit]
    limits.addressLength = configuration[.virtualAliasAddressLengthLimit]
    return AliasExpansion(
      "virtual_alias_maps", search(tables), resolver: resolver,
      keepsExtension: configuration[.propagateUnmatchedExtensions].contains("virtual"),
      limits: limits)
  }

  /// Searches tables for addresses; `user` alone stands for users of `myorigin` and of this host.
  private func search(_ tables: TableSet) -> AddressSearch {
    let origin = configuration[.myorigin].utf8.map(ASCII.lowercased)
    return AddressSearch(tables, delimiters: configuration[.recipientDelimiter]) {
      domain throws(LookupError) in
      if domain.utf8.elementsEqual(origin) { return true }
      return try await isOwn(domain)
    }
  }
}
