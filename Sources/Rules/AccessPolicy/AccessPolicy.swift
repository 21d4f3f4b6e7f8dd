package import MailTypes
import Primitives

/// What the configuration says about access: plain values under Postfix's names.
package struct AccessSettings: Sendable {
  /// The words of `smtpd_relay_restrictions`.
  package var relayRestrictions = [
    "permit_mynetworks", "permit_sasl_authenticated", "defer_unauth_destination",
  ]
  /// The words of `smtpd_recipient_restrictions`.
  package var recipientRestrictions: [String] = []
  /// `smtpd_relay_before_recipient_restrictions`.
  package var relayBeforeRecipient = true
  /// How addresses are resolved: `allow_percent_hack`, `swap_bangpath`,
  /// `resolve_dequoted_address`, `myorigin`.
  package var resolver: AddressResolver
  /// `allow_untrusted_routing`.
  package var allowsUntrustedRouting = false
  /// `relay_domains_reject_code`.
  package var relayDomainsRejectCode: UInt16 = 554
  /// `reject_code`.
  package var rejectCode: UInt16 = 554
  /// `defer_code`.
  package var deferCode: UInt16 = 450

  /// Settings at their defaults.
  package init(resolver: AddressResolver) {
    self.resolver = resolver
  }
}

/// Who may send mail to whom through this host.
package struct AccessPolicy: Sendable {
  private let lists: [RestrictionList]

  /// Reads the restriction lists once, at load.
  ///
  /// Throws `unknownRestriction` for a word that is not known, `opensRelay` when nothing in either
  /// list keeps strangers from relaying, and `badCode`.
  package init(_ settings: AccessSettings, site: any SiteDirectory) throws(AccessError) {
    let codes = [
      ("relay_domains_reject_code", settings.relayDomainsRejectCode),
      ("reject_code", settings.rejectCode), ("defer_code", settings.deferCode),
    ]
    for (parameter, code) in codes where !(400...599).contains(code) {
      throw .badCode(parameter: parameter, value: Int(code))
    }
    let relay = try RestrictionList(
      settings.relayRestrictions, parameter: "smtpd_relay_restrictions", settings: settings,
      site: site)
    let recipient = try RestrictionList(
      settings.recipientRestrictions, parameter: "smtpd_recipient_restrictions",
      settings: settings, site: site)
    guard relay.keepsStrangersOut || recipient.keepsStrangersOut else { throw .opensRelay }
    lists = settings.relayBeforeRecipient ? [relay, recipient] : [recipient, relay]
  }

  /// The reply that refuses a recipient; `nil` lets it pass.
  ///
  /// A list that permits or says nothing leaves the rest to the other one. A table that does not
  /// answer turns the client away for now. `postmaster` without a domain passes whatever the lists
  /// say (RFC 5321 4.5.1).
  package func refusal(of request: AccessRequest) async -> SMTPReply? {
    if request.recipient.atIndex == nil,
      ASCII.equalFolded(request.recipient.unquoted, "postmaster".utf8)
    {
      return nil
    }
    do {
      for list in lists {
        if case .refuse(let reply) = try await list.evaluate(request) { return reply }
      }
      return nil
    } catch {
      return SMTPReply(
        451, EnhancedStatus(4, 3, 0), "<\(request.recipientText)>: Temporary lookup failure")
    }
  }
}
