/// The SMTP client.
extension Registry {
  static let client: [any ParameterKey] = [
    ChoiceParameter<AddressPreference>.smtpAddressPreference,
    TextParameter.smtpHeloName,
    TextParameter.smtpBindAddress,
    TextParameter.smtpBindAddress6,
    TextParameter.smtpTcpPort,
    TextParameter.smtpDNSSupportLevel,
    ListParameter.smtpFallbackRelay,
    ListParameter.smtpDiscardEHLOKeywords,
    ListParameter.smtpHostLookup,
    ListParameter.smtpConnectionCacheDestinations,
    ListParameter.smtpPixWorkarounds,
    DurationParameter.smtpConnectTimeout,
    DurationParameter.smtpHeloTimeout,
    DurationParameter.smtpMailTimeout,
    DurationParameter.smtpRcptTimeout,
    DurationParameter.smtpDataInitTimeout,
    DurationParameter.smtpDataXferTimeout,
    DurationParameter.smtpDataDoneTimeout,
    DurationParameter.smtpRsetTimeout,
    DurationParameter.smtpQuitTimeout,
    DurationParameter.smtpXforwardTimeout,
    DurationParameter.smtpStarttlsTimeout,
    DurationParameter.smtpConnectionCacheTimeLimit,
    DurationParameter.smtpConnectionReuseTimeLimit,
    DurationParameter.smtpPixWorkaroundThresholdTime,
    DurationParameter.smtpPixWorkaroundDelayTime,
    IntegerParameter.smtpLineLengthLimit,
    IntegerParameter.smtpConnectionReuseCountLimit,
    IntegerParameter.smtpMxAddressLimit,
    IntegerParameter.smtpMxSessionLimit,
    IntegerParameter.smtpMinDataRate,
    FlagParameter.smtpAlwaysSendEHLO,
    FlagParameter.smtpNeverSendEHLO,
    FlagParameter.smtpSkip5xxGreeting,
    FlagParameter.smtpSkipQuitResponse,
    FlagParameter.smtpQuoteRfc821Envelope,
    FlagParameter.smtpConnectionCacheOnDemand,
    FlagParameter.smtpRandomizeAddresses,
    FlagParameter.smtpBalanceInetProtocols,
    FlagParameter.smtpBindAddressEnforce,
    FlagParameter.smtpPerRequestDeadline,
    FlagParameter.smtpSendXforwardCommand,
    FlagParameter.smtpDeferIfNoMxAddressFound,
    FlagParameter.ignoreMxLookupError,
  ]
}

/// Which address family the client tries first.
package enum AddressPreference: String, ParameterChoice {
  /// Whatever comes.
  case any
  /// IPv4.
  case ipv4
  /// IPv6.
  case ipv6
}

extension ChoiceParameter<AddressPreference> {
  /// `smtp_address_preference`
  package static var smtpAddressPreference: Self {
    Self("smtp_address_preference", default: "any", "Which address family is tried first.")
  }
}

extension TextParameter {
  /// `smtp_helo_name`
  package static let smtpHeloName = Self(
    "smtp_helo_name", default: "$myhostname", mayBeEmpty: false,
    "The name in HELO and EHLO.")
  /// `smtp_bind_address`
  package static let smtpBindAddress = Self(
    "smtp_bind_address", default: "", .ipv4Address,
    "The IPv4 address to connect from.")
  /// `smtp_bind_address6`
  package static let smtpBindAddress6 = Self(
    "smtp_bind_address6", default: "", .ipv6Address,
    "The IPv6 address to connect from.")
  /// `smtp_tcp_port`
  package static let smtpTcpPort = Self(
    "smtp_tcp_port", default: "smtp", mayBeEmpty: false,
    "The port of next hops that name none.")
  /// `smtp_dns_support_level`
  package static let smtpDNSSupportLevel = Self(
    "smtp_dns_support_level", default: "",
    "How DNS is used: disabled, enabled or dnssec.")
}

extension ListParameter {
  /// `smtp_fallback_relay`
  package static let smtpFallbackRelay = Self(
    "smtp_fallback_relay", default: "$fallback_relay",
    "Next hops for mail whose own next hop does not answer.")
  /// `smtp_discard_ehlo_keywords`
  package static let smtpDiscardEHLOKeywords = Self(
    "smtp_discard_ehlo_keywords", default: "",
    "Keywords of servers that are not believed.")
  /// `smtp_host_lookup`
  package static let smtpHostLookup = Self(
    "smtp_host_lookup", default: "dns",
    "Where the addresses of next hops come from: dns, native.")
  /// `smtp_connection_cache_destinations`
  package static let smtpConnectionCacheDestinations = Self(
    "smtp_connection_cache_destinations", default: "",
    "Destinations whose connections are always kept for reuse.")
  /// `smtp_pix_workarounds`
  package static let smtpPixWorkarounds = Self(
    "smtp_pix_workarounds", default: "disable_esmtp,delay_dotcrlf",
    "What is done about firewalls that break SMTP.")
}

extension DurationParameter {
  /// `smtp_connect_timeout`
  package static let smtpConnectTimeout = Self(
    "smtp_connect_timeout", default: "30s",
    "How long a TCP connection may take; 0 leaves it to the system.")
  /// `smtp_helo_timeout`
  package static let smtpHeloTimeout = Self(
    "smtp_helo_timeout", default: "300s", min: .seconds(1),
    "How long the greeting and HELO may take.")
  /// `smtp_mail_timeout`
  package static let smtpMailTimeout = Self(
    "smtp_mail_timeout", default: "300s", min: .seconds(1),
    "How long MAIL may take.")
  /// `smtp_rcpt_timeout`
  package static let smtpRcptTimeout = Self(
    "smtp_rcpt_timeout", default: "300s", min: .seconds(1),
    "How long RCPT may take.")
  /// `smtp_data_init_timeout`
  package static let smtpDataInitTimeout = Self(
    "smtp_data_init_timeout", default: "120s", min: .seconds(1),
    "How long DATA may take.")
  /// `smtp_data_xfer_timeout`
  package static let smtpDataXferTimeout = Self(
    "smtp_data_xfer_timeout", default: "180s", min: .seconds(1),
    "How long sending a piece of content may take.")
  /// `smtp_data_done_timeout`
  package static let smtpDataDoneTimeout = Self(
    "smtp_data_done_timeout", default: "600s", min: .seconds(1),
    "How long the reply to the final dot may take.")
  /// `smtp_rset_timeout`
  package static let smtpRsetTimeout = Self(
    "smtp_rset_timeout", default: "20s", min: .seconds(1),
    "How long RSET may take.")
  /// `smtp_quit_timeout`
  package static let smtpQuitTimeout = Self(
    "smtp_quit_timeout", default: "300s", min: .seconds(1),
    "How long QUIT may take.")
  /// `smtp_xforward_timeout`
  package static let smtpXforwardTimeout = Self(
    "smtp_xforward_timeout", default: "300s", min: .seconds(1),
    "How long XFORWARD may take.")
  /// `smtp_starttls_timeout`
  package static let smtpStarttlsTimeout = Self(
    "smtp_starttls_timeout", default: "300s", min: .seconds(1),
    "How long STARTTLS and the handshake may take.")
  /// `smtp_connection_cache_time_limit`
  package static let smtpConnectionCacheTimeLimit = Self(
    "smtp_connection_cache_time_limit", default: "2s", min: .seconds(1),
    "How long an unused connection is kept.")
  /// `smtp_connection_reuse_time_limit`
  package static let smtpConnectionReuseTimeLimit = Self(
    "smtp_connection_reuse_time_limit", default: "300s", min: .seconds(1),
    "How long a connection is used.")
  /// `smtp_pix_workaround_threshold_time`
  package static let smtpPixWorkaroundThresholdTime = Self(
    "smtp_pix_workaround_threshold_time", default: "500s",
    "How long mail must have waited before firewall work-arounds apply.")
  /// `smtp_pix_workaround_delay_time`
  package static let smtpPixWorkaroundDelayTime = Self(
    "smtp_pix_workaround_delay_time", default: "10s", min: .seconds(1),
    "The pause before the final dot as a firewall work-around.")
}

extension IntegerParameter {
  /// `smtp_line_length_limit`
  package static let smtpLineLengthLimit = Self(
    "smtp_line_length_limit", default: "998",
    "The longest line sent, in bytes; 0 is no limit.")
  /// `smtp_connection_reuse_count_limit`
  package static let smtpConnectionReuseCountLimit = Self(
    "smtp_connection_reuse_count_limit", default: "0",
    "Messages sent over one connection; 0 is no limit.")
  /// `smtp_mx_address_limit`
  package static let smtpMxAddressLimit = Self(
    "smtp_mx_address_limit", default: "5",
    "Addresses of next hops that are tried; 0 is no limit.")
  /// `smtp_mx_session_limit`
  package static let smtpMxSessionLimit = Self(
    "smtp_mx_session_limit", default: "2",
    "Sessions that are tried for one delivery; 0 is no limit.")
  /// `smtp_min_data_rate`
  package static let smtpMinDataRate = Self(
    "smtp_min_data_rate", default: "500", in: 1...Int(Int32.max),
    "Bytes per second that a server must take, with smtp_per_request_deadline.")
}

extension FlagParameter {
  /// `smtp_always_send_ehlo`
  package static let smtpAlwaysSendEHLO = Self(
    "smtp_always_send_ehlo", default: "yes",
    "Whether EHLO is sent whatever the greeting says.")
  /// `smtp_never_send_ehlo`
  package static let smtpNeverSendEHLO = Self(
    "smtp_never_send_ehlo", default: "no",
    "Whether only HELO is sent.")
  /// `smtp_skip_5xx_greeting`
  package static let smtpSkip5xxGreeting = Self(
    "smtp_skip_5xx_greeting", default: "yes",
    "Whether a 5xx greeting is a reason to try the next host.")
  /// `smtp_skip_quit_response`
  package static let smtpSkipQuitResponse = Self(
    "smtp_skip_quit_response", default: "yes",
    "Whether the reply to QUIT is not waited for.")
  /// `smtp_quote_rfc821_envelope`
  package static let smtpQuoteRfc821Envelope = Self(
    "smtp_quote_rfc821_envelope", default: "yes",
    "Whether local parts are quoted as RFC 5321 needs.")
  /// `smtp_connection_cache_on_demand`
  package static let smtpConnectionCacheOnDemand = Self(
    "smtp_connection_cache_on_demand", default: "yes",
    "Whether connections are kept while more mail waits.")
  /// `smtp_randomize_addresses`
  package static let smtpRandomizeAddresses = Self(
    "smtp_randomize_addresses", default: "yes",
    "Whether hosts of equal preference are tried in random order.")
  /// `smtp_balance_inet_protocols`
  package static let smtpBalanceInetProtocols = Self(
    "smtp_balance_inet_protocols", default: "yes",
    "Whether both address families are among the addresses tried.")
  /// `smtp_bind_address_enforce`
  package static let smtpBindAddressEnforce = Self(
    "smtp_bind_address_enforce", default: "no",
    "Whether mail waits when the address to connect from cannot be used.")
  /// `smtp_per_request_deadline`
  package static let smtpPerRequestDeadline = Self(
    "smtp_per_request_deadline",
    default: "${smtp_per_record_deadline?{$smtp_per_record_deadline}:{no}}",
    "Whether time limits bound a whole request instead of each read and write.")
  /// `smtp_send_xforward_command`
  package static let smtpSendXforwardCommand = Self(
    "smtp_send_xforward_command", default: "no",
    "Whether client information is passed on with XFORWARD.")
  /// `smtp_defer_if_no_mx_address_found`
  package static let smtpDeferIfNoMxAddressFound = Self(
    "smtp_defer_if_no_mx_address_found", default: "no",
    "Whether mail waits when no MX host has an address.")
  /// `ignore_mx_lookup_error`
  package static let ignoreMxLookupError = Self(
    "ignore_mx_lookup_error", default: "no",
    "Whether an MX look-up without an answer counts as no MX.")
}
