package import LookupTables
package import MailTypes

/// What the configuration says about access: plain values under Postfix's names.
package struct AccessSettings: Sendable {
  /// The words of the restriction lists, by list.
  package var restrictions: [RestrictionList.Name: [String]] = [
    .relay: ["permit_mynetworks", "permit_sasl_authenticated", "defer_unauth_destination"]
  ]
  /// `smtpd_restriction_classes`: names with the words of the parameter of that name.
  package var classes: [String: [String]] = [:]
  /// `smtpd_relay_before_recipient_restrictions`.
  package var relayBeforeRecipient = true
  /// `smtpd_delay_reject`: client, HELO and sender are judged when a recipient is named.
  package var delaysReject = true
  /// `smtpd_reject_unlisted_recipient`.
  package var rejectsUnlistedRecipient = true
  /// Whether unknown users of this site are told apart at all, whatever the lists say; not with
  /// `receive_override_options = no_unknown_recipient_checks`.
  package var checksUsers = true
  /// `smtpd_reject_unlisted_sender`.
  package var rejectsUnlistedSender = false
  /// How addresses are resolved: `allow_percent_hack`, `swap_bangpath`,
  /// `resolve_dequoted_address`, `myorigin`.
  package var resolver: AddressResolver
  /// `recipient_delimiter`.
  package var recipientDelimiter = ""
  /// `allow_untrusted_routing`.
  package var allowsUntrustedRouting = false
  /// Whether `parent_domain_matches_subdomains` names `smtpd_access_maps`: a key `domain` stands
  /// for the names below it too, and `.domain` is not looked up.
  package var accessMapsMatchSubdomains = true
  /// `smtpd_sasl_auth_enable`: whether anybody can log in.
  package var authenticates = false
  /// Whether clients are asked for certificates.
  package var asksForCertificates = false
  /// `smtpd_null_access_lookup_key`.
  package var nullSenderKey = "<>"
  /// `show_user_unknown_table_name`.
  package var showsTableName = true
  /// `smtpd_log_access_permit_actions`: the permissions that are logged.
  package var loggedPermits: [String] = []
  /// The reply codes of the restrictions.
  package var codes = RejectCodes()
  /// Opens the tables that lists name.
  package var opener: TableOpener

  /// Settings at their defaults.
  package init(resolver: AddressResolver, opener: TableOpener) {
    self.resolver = resolver
    self.opener = opener
  }
}

/// The `*_reject_code` parameters and their kin.
package struct RejectCodes: Sendable {
  /// `access_map_reject_code`.
  package var accessMap: UInt16 = 554
  /// `access_map_defer_code`.
  package var accessMapDefer: UInt16 = 450
  /// `relay_domains_reject_code`.
  package var relayDomains: UInt16 = 554
  /// `reject_code`.
  package var reject: UInt16 = 554
  /// `defer_code`.
  package var deferral: UInt16 = 450
  /// `invalid_hostname_reject_code`.
  package var invalidHostname: UInt16 = 501
  /// `non_fqdn_reject_code`.
  package var nonFQDN: UInt16 = 504
  /// `plaintext_reject_code`.
  package var plaintext: UInt16 = 450
  /// `multi_recipient_bounce_reject_code`.
  package var multiRecipientBounce: UInt16 = 550
  /// `unknown_local_recipient_reject_code`.
  package var unknownLocalRecipient: UInt16 = 550
  /// `unknown_relay_recipient_reject_code`.
  package var unknownRelayRecipient: UInt16 = 550
  /// `unknown_virtual_alias_reject_code`.
  package var unknownVirtualAlias: UInt16 = 550
  /// `unknown_virtual_mailbox_reject_code`.
  package var unknownVirtualMailbox: UInt16 = 550

  /// Postfix's defaults.
  package init() {}

  /// Each code under the name of its parameter.
  var byParameter: [(String, UInt16)] {
    [
      ("access_map_reject_code", accessMap), ("access_map_defer_code", accessMapDefer),
      ("relay_domains_reject_code", relayDomains), ("reject_code", reject),
      ("defer_code", deferral), ("invalid_hostname_reject_code", invalidHostname),
      ("non_fqdn_reject_code", nonFQDN), ("plaintext_reject_code", plaintext),
      ("multi_recipient_bounce_reject_code", multiRecipientBounce),
      ("unknown_local_recipient_reject_code", unknownLocalRecipient),
      ("unknown_relay_recipient_reject_code", unknownRelayRecipient),
      ("unknown_virtual_alias_reject_code", unknownVirtualAlias),
      ("unknown_virtual_mailbox_reject_code", unknownVirtualMailbox),
    ]
  }
}
