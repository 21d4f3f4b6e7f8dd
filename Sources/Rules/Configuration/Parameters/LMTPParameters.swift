/// The LMTP client (RFC 2033): what transports of `master.cf` that run `lmtp` go by.
extension Registry {
  static let lmtp: [any ParameterKey] = [
    TextParameter.lmtpLHLOName,
    TextParameter.lmtpTcpPort,
    TextParameter.lmtpBindAddress,
    TextParameter.lmtpBindAddress6,
    ListParameter.lmtpDiscardLHLOKeywords,
    DurationParameter.lmtpConnectTimeout,
    DurationParameter.lmtpLHLOTimeout,
    DurationParameter.lmtpMailTimeout,
    DurationParameter.lmtpRcptTimeout,
    DurationParameter.lmtpDataInitTimeout,
    DurationParameter.lmtpDataXferTimeout,
    DurationParameter.lmtpDataDoneTimeout,
    DurationParameter.lmtpRsetTimeout,
    DurationParameter.lmtpQuitTimeout,
    DurationParameter.lmtpConnectionCacheTimeLimit,
    DurationParameter.lmtpConnectionReuseTimeLimit,
    IntegerParameter.lmtpConnectionReuseCountLimit,
    FlagParameter.lmtpSkip5xxGreeting,
    FlagParameter.lmtpSkipQuitResponse,
    FlagParameter.lmtpAssumeFinal,
  ]
}

extension TextParameter {
  /// `lmtp_lhlo_name`
  package static let lmtpLHLOName = Self(
    "lmtp_lhlo_name", default: "$myhostname", mayBeEmpty: false,
    "The name in LHLO.")
  /// `lmtp_tcp_port`
  package static let lmtpTcpPort = Self(
    "lmtp_tcp_port", default: "24", .port, mayBeEmpty: false,
    "The port of LMTP next hops that name none.")
  /// `lmtp_bind_address`
  package static let lmtpBindAddress = Self(
    "lmtp_bind_address", default: "", .ipv4Address,
    "The IPv4 address to connect from to LMTP servers.")
  /// `lmtp_bind_address6`
  package static let lmtpBindAddress6 = Self(
    "lmtp_bind_address6", default: "", .ipv6Address,
    "The IPv6 address to connect from to LMTP servers.")
}

extension ListParameter {
  /// `lmtp_discard_lhlo_keywords`
  package static let lmtpDiscardLHLOKeywords = Self(
    "lmtp_discard_lhlo_keywords", default: "",
    "Keywords of LMTP servers that are not believed.")
}

extension DurationParameter {
  /// `lmtp_connect_timeout`
  package static let lmtpConnectTimeout = Self(
    "lmtp_connect_timeout", default: "0s",
    "How long a connection to an LMTP server may take; 0 leaves it to the system.")
  /// `lmtp_lhlo_timeout`
  package static let lmtpLHLOTimeout = Self(
    "lmtp_lhlo_timeout", default: "300s", min: .seconds(1),
    "How long the greeting and LHLO may take.")
  /// `lmtp_mail_timeout`
  package static let lmtpMailTimeout = Self(
    "lmtp_mail_timeout", default: "300s", min: .seconds(1),
    "How long MAIL may take an LMTP server.")
  /// `lmtp_rcpt_timeout`
  package static let lmtpRcptTimeout = Self(
    "lmtp_rcpt_timeout", default: "300s", min: .seconds(1),
    "How long RCPT may take an LMTP server.")
  /// `lmtp_data_init_timeout`
  package static let lmtpDataInitTimeout = Self(
    "lmtp_data_init_timeout", default: "120s", min: .seconds(1),
    "How long DATA may take an LMTP server.")
  /// `lmtp_data_xfer_timeout`
  package static let lmtpDataXferTimeout = Self(
    "lmtp_data_xfer_timeout", default: "180s", min: .seconds(1),
    "How long sending a piece of content to an LMTP server may take.")
  /// `lmtp_data_done_timeout`
  package static let lmtpDataDoneTimeout = Self(
    "lmtp_data_done_timeout", default: "600s", min: .seconds(1),
    "How long each reply of an LMTP server to the final dot may take.")
  /// `lmtp_rset_timeout`
  package static let lmtpRsetTimeout = Self(
    "lmtp_rset_timeout", default: "20s", min: .seconds(1),
    "How long RSET may take an LMTP server.")
  /// `lmtp_quit_timeout`
  package static let lmtpQuitTimeout = Self(
    "lmtp_quit_timeout", default: "300s", min: .seconds(1),
    "How long QUIT may take an LMTP server.")
  /// `lmtp_connection_cache_time_limit`
  package static let lmtpConnectionCacheTimeLimit = Self(
    "lmtp_connection_cache_time_limit", default: "2s", min: .seconds(1),
    "How long an unused connection to an LMTP server is kept.")
  /// `lmtp_connection_reuse_time_limit`
  package static let lmtpConnectionReuseTimeLimit = Self(
    "lmtp_connection_reuse_time_limit", default: "300s", min: .seconds(1),
    "How long a connection to an LMTP server is used.")
}

extension IntegerParameter {
  /// `lmtp_connection_reuse_count_limit`
  package static let lmtpConnectionReuseCountLimit = Self(
    "lmtp_connection_reuse_count_limit", default: "0",
    "Messages sent over one connection to an LMTP server; 0 is no limit.")
}

extension FlagParameter {
  /// `lmtp_skip_5xx_greeting`
  package static let lmtpSkip5xxGreeting = Self(
    "lmtp_skip_5xx_greeting", default: "yes",
    "Whether mail waits when an LMTP server greets with 5xx.")
  /// `lmtp_skip_quit_response`
  package static let lmtpSkipQuitResponse = Self(
    "lmtp_skip_quit_response", default: "no",
    "Whether the reply of an LMTP server to QUIT is not waited for.")
  /// `lmtp_assume_final`
  package static let lmtpAssumeFinal = Self(
    "lmtp_assume_final", default: "no",
    "Whether LMTP servers without DSN count as the end of the way in reports of success.")
}
