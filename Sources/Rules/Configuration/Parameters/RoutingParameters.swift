/// Domains, transports and the rewriting of addresses.
extension Registry {
  static let routing: [any ParameterKey] = [
    ListParameter.relayDomains, TextParameter.relayhost, ListParameter.transportMaps,
    TextParameter.defaultTransport, TextParameter.relayTransport, TextParameter.localTransport,
    TextParameter.virtualTransport, TextParameter.fallbackTransport,
    ListParameter.relayRecipientMaps, ListParameter.localRecipientMaps,
    ListParameter.mailboxTransportMaps, ListParameter.fallbackTransportMaps,
    ListParameter.virtualAliasMaps, ListParameter.virtualAliasDomains,
    ListParameter.virtualMailboxMaps, ListParameter.virtualMailboxDomains,
    FlagParameter.allowPercentHack, FlagParameter.swapBangpath,
    FlagParameter.resolveDequotedAddress, FlagParameter.allowUntrustedRouting,
    FlagParameter.appendAtMyorigin, FlagParameter.appendDotMydomain,
    FlagParameter.resolveNullDomain, FlagParameter.resolveNumericDomain,
    FlagParameter.disableDNSLookups,
    TextParameter.emptyAddressRecipient, TextParameter.doubleBounceSender,
    ListParameter.deferTransports, IntegerParameter.virtualAliasExpansionLimit,
    IntegerParameter.virtualAliasRecursionLimit, IntegerParameter.virtualAliasAddressLengthLimit,
    IntegerParameter.duplicateFilterLimit,
  ]
}

extension ListParameter {
  /// `mailbox_transport_maps`
  package static let mailboxTransportMaps = Self(
    "mailbox_transport_maps", default: "",
    "Tables from users to the transports that get their mail in place of a mailbox.")
  /// `fallback_transport_maps`
  package static let fallbackTransportMaps = Self(
    "fallback_transport_maps", default: "",
    "Tables from users without an account to the transports that get their mail.")
  /// `relay_domains`
  package static let relayDomains = Self(
    "relay_domains", default: "${{$compatibility_level} <level {2} ? {$mydestination} : {}}",
    "The domains that anybody may send mail to through this system.")
  /// `transport_maps`
  package static let transportMaps = Self(
    "transport_maps", default: "", "Tables from addresses and domains to transport and next hop.")
  /// `relay_recipient_maps`
  package static let relayRecipientMaps = Self(
    "relay_recipient_maps", default: "", "Tables of the valid recipients in relay_domains.")
  /// `local_recipient_maps`
  package static let localRecipientMaps = Self(
    "local_recipient_maps", default: "proxy:unix:passwd.byname $alias_maps",
    "Tables of the valid local recipients.")
  /// `virtual_alias_maps`
  package static let virtualAliasMaps = Self(
    "virtual_alias_maps", default: "$virtual_maps",
    "Tables from recipients to other recipients, for all mail.")
  /// `virtual_alias_domains`
  package static let virtualAliasDomains = Self(
    "virtual_alias_domains", default: "$virtual_alias_maps",
    "Domains whose recipients are all aliases.")
  /// `virtual_mailbox_maps`
  package static let virtualMailboxMaps = Self(
    "virtual_mailbox_maps", default: "", "Tables of mailboxes that belong to no local user.")
  /// `virtual_mailbox_domains`
  package static let virtualMailboxDomains = Self(
    "virtual_mailbox_domains", default: "$virtual_mailbox_maps",
    "Domains whose recipients have virtual mailboxes.")
  /// `defer_transports`
  package static let deferTransports = Self(
    "defer_transports", default: "", "Transports whose mail waits until it is asked for.")
}

extension IntegerParameter {
  /// `virtual_alias_expansion_limit`
  package static let virtualAliasExpansionLimit = Self(
    "virtual_alias_expansion_limit", default: "1000", in: 1...100_000,
    "How many addresses one recipient may stand for.")
  /// `virtual_alias_recursion_limit`
  package static let virtualAliasRecursionLimit = Self(
    "virtual_alias_recursion_limit", default: "1000", in: 1...100_000,
    "How deep virtual aliases of virtual aliases may go.")
  /// `virtual_alias_address_length_limit`
  package static let virtualAliasAddressLengthLimit = Self(
    "virtual_alias_address_length_limit", default: "1000", in: 1...Int(UInt16.max),
    "The longest address that a virtual alias may stand for, in bytes.")
  /// `duplicate_filter_limit`
  package static let duplicateFilterLimit = Self(
    "duplicate_filter_limit", default: "1000",
    "How many recipients of a message are remembered to leave out those named twice; 0 is all.")
}

extension TextParameter {
  /// `relayhost`
  package static let relayhost = Self(
    "relayhost", default: "", .nextHops,
    "The next hop of mail for other domains; empty means by MX.")
  /// `default_transport`
  package static let defaultTransport = Self(
    "default_transport", default: "smtp", mayBeEmpty: false,
    "Transport and next hop of mail for other domains.")
  /// `relay_transport`
  package static let relayTransport = Self(
    "relay_transport", default: "relay", mayBeEmpty: false,
    "Transport and next hop of mail for relay_domains.")
  /// `local_transport`
  package static let localTransport = Self(
    "local_transport", default: "local:$myhostname", mayBeEmpty: false,
    "Transport and next hop of mail for mydestination.")
  /// `virtual_transport`
  package static let virtualTransport = Self(
    "virtual_transport", default: "virtual", mayBeEmpty: false,
    "Transport and next hop of mail for virtual_mailbox_domains.")
  /// `fallback_transport`
  package static let fallbackTransport = Self(
    "fallback_transport", default: "", "Transport of mail for unknown local users.")
  /// `empty_address_recipient`
  package static let emptyAddressRecipient = Self(
    "empty_address_recipient", default: "MAILER-DAEMON", mayBeEmpty: false,
    "Who gets mail for the null address.")
  /// `double_bounce_sender`
  package static let doubleBounceSender = Self(
    "double_bounce_sender", default: "double-bounce", mayBeEmpty: false,
    "The sender of notices that must never be returned.")
}

extension FlagParameter {
  /// `allow_percent_hack`
  package static let allowPercentHack = Self(
    "allow_percent_hack", default: "yes", "Whether user%domain means user@domain.")
  /// `swap_bangpath`
  package static let swapBangpath = Self(
    "swap_bangpath", default: "yes", "Whether site!user means user@site.")
  /// `resolve_dequoted_address`
  package static let resolveDequotedAddress = Self(
    "resolve_dequoted_address", default: "yes",
    "Whether routing looks at an '@' inside the quotes of a local part.")
  /// `allow_untrusted_routing`
  package static let allowUntrustedRouting = Self(
    "allow_untrusted_routing", default: "no",
    "Whether strangers may send mail with routing in the local part.")
  /// `append_at_myorigin`
  package static let appendAtMyorigin = Self(
    "append_at_myorigin", default: "yes", "Whether local addresses without a domain get one.")
  /// `append_dot_mydomain`
  package static let appendDotMydomain = Self(
    "append_dot_mydomain", default: "${{$compatibility_level} <level {1} ? {yes} : {no}}",
    "Whether local addresses whose domain has no dot get .mydomain.")
  /// `resolve_null_domain`
  package static let resolveNullDomain = Self(
    "resolve_null_domain", default: "no", "Whether user@ with nothing behind it is local.")
  /// `resolve_numeric_domain`
  package static let resolveNumericDomain = Self(
    "resolve_numeric_domain", default: "no", "Whether user@1.2.3.4 means user@[1.2.3.4].")
  /// `disable_dns_lookups`
  package static let disableDNSLookups = Self(
    "disable_dns_lookups", default: "no", "Whether next hops are found without DNS.")
}
