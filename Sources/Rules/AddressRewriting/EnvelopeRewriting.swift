package import MailTypes

/// What becomes of the addresses of an envelope before it is queued: they are completed, and
/// recipients stand for others.
package struct EnvelopeRewriting: Sendable {
  private let resolver: AddressResolver
  private let aliases: AliasExpansion
  /// `duplicate_filter_limit`: recipients that are remembered to find those named twice; 0 for all.
  package let rememberedRecipients: Int

  /// - Parameters:
  ///   - resolver: completes addresses.
  ///   - aliases: `virtual_alias_maps`.
  package init(
    resolver: AddressResolver, aliases: AliasExpansion, rememberedRecipients: Int = 1000
  ) {
    self.resolver = resolver
    self.aliases = aliases
    self.rememberedRecipients = rememberedRecipients
  }

  /// Whether recipients may stand for others, which has to be asked.
  package var expandsRecipients: Bool { !aliases.isEmpty }

  /// An address of the envelope with its domain.
  package func completed(_ address: MailAddress) -> MailAddress { resolver.completed(address) }

  /// Who gets the mail for a recipient that is complete.
  package func recipients(
    for address: MailAddress
  ) async throws(RewriteError) -> [MailAddress] {
    aliases.isEmpty ? [address] : try await aliases.expand(address)
  }
}
