/// The SMTP server.
extension Registry {
  static let server: [any ParameterKey] = [
    TextParameter.smtpdBanner, DurationParameter.smtpdTimeout,
    IntegerParameter.smtpdRecipientLimit, IntegerParameter.smtpdRecipientOvershootLimit,
    IntegerParameter.smtpdSoftErrorLimit, IntegerParameter.smtpdHardErrorLimit,
    DurationParameter.smtpdErrorSleepTime, IntegerParameter.smtpdJunkCommandLimit,
    IntegerParameter.smtpdHistoryFlushThreshold, FlagParameter.smtpdHeloRequired,
    ChoiceParameter<BareNewlinePolicy>.smtpdForbidBareNewline,
    ListParameter.smtpdForbidBareNewlineExclusions,
    IntegerParameter.smtpdForbidBareNewlineRejectCode, FlagParameter.smtpdForbidUnauthPipelining,
    IntegerParameter.smtpdMinDataRate, FlagParameter.smtpdPerRequestDeadline,
    ListParameter.smtpdDiscardEHLOKeywords, ListParameter.smtpdForbiddenCommands,
    ListParameter.smtpdDiscardEHLOKeywordAddressMaps, FlagParameter.smtputf8Enable,
    ListParameter.smtpdNoopCommands, FlagParameter.smtpdPeernameLookup,
    FlagParameter.smtpdClientPortLogging, FlagParameter.smtpdDelayReject,
    FlagParameter.smtpdDelayOpenUntilValidRcpt, FlagParameter.disableVrfyCommand,
    FlagParameter.strictRFC821Envelopes, TextParameter.smtpdServiceName,
    TextParameter.smtpdRejectFooter, IntegerParameter.smtpdClientConnectionCountLimit,
    IntegerParameter.smtpdClientConnectionRateLimit, IntegerParameter.smtpdClientMessageRateLimit,
    IntegerParameter.smtpdClientRecipientRateLimit,
    IntegerParameter.smtpdClientNewTLSSessionRateLimit,
    IntegerParameter.smtpdClientAuthRateLimit, DurationParameter.anvilRateTimeUnit,
    DurationParameter.anvilStatusUpdateTime,
    ListParameter.smtpdClientEventLimitExceptions, ListParameter.smtpdRejectFooterMaps,
    ListParameter.smtpdCommandFilter, TextParameter.smtpdExpansionFilter,
  ]
}

/// What happens to a line that ends in a bare LF.
package enum BareNewlinePolicy: String, ParameterChoice {
  /// The line counts, but only CRLF.CRLF ends the message (an older spelling of `normalize`).
  case yes
  /// The LF passes as a line end, even at the end of a message.
  case no
  /// Line ends are mended and only CRLF.CRLF ends the message.
  case normalize
  /// The client is told off and disconnected.
  case reject
  /// As `normalize`, and the log notes it.
  case note
}

extension ChoiceParameter<BareNewlinePolicy> {
  /// `smtpd_forbid_bare_newline`
  package static var smtpdForbidBareNewline: Self {
    Self(
      "smtpd_forbid_bare_newline", default: "normalize",
      "What happens to lines that do not end in CRLF.")
  }
}

extension TextParameter {
  /// `smtpd_banner`
  package static let smtpdBanner = Self(
    "smtpd_banner", default: "$myhostname ESMTP $mail_name", mayBeEmpty: false,
    "The text after 220; it must start with the host name.")
  /// `smtpd_service_name`
  package static let smtpdServiceName = Self(
    "smtpd_service_name", default: "smtpd", mayBeEmpty: false,
    "The service that gets sessions which postscreen let through.")
  /// `smtpd_reject_footer`
  package static let smtpdRejectFooter = Self(
    "smtpd_reject_footer", default: "", isRaw: true, "What every 4xx and 5xx reply ends with.")
  /// `smtpd_expansion_filter`
  package static let smtpdExpansionFilter = Self(
    "smtpd_expansion_filter",
    default: "\\t\\40!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\\\]^_`"
      + "abcdefghijklmnopqrstuvwxyz{|}~",
    isRaw: true, "The characters that attributes may have in replies; others become \"_\".")
}

extension DurationParameter {
  /// `smtpd_timeout`
  package static let smtpdTimeout = Self(
    "smtpd_timeout", default: "${stress?{10}:{300}}s", min: .seconds(1),
    "How long to wait for a command or for more content.")
  /// `smtpd_error_sleep_time`
  package static let smtpdErrorSleepTime = Self(
    "smtpd_error_sleep_time", default: "1s", "The pause before replies to a client with errors.")
  /// `anvil_rate_time_unit`
  package static let anvilRateTimeUnit = Self(
    "anvil_rate_time_unit", default: "60s", min: .seconds(1),
    "The time over which the events of a client are counted.")
  /// `anvil_status_update_time`
  package static let anvilStatusUpdateTime = Self(
    "anvil_status_update_time", default: "600s", min: .seconds(1),
    "How often the peak counts of clients are logged.")
}

extension IntegerParameter {
  /// `smtpd_recipient_limit`
  package static let smtpdRecipientLimit = Self(
    "smtpd_recipient_limit", default: "1000", in: 1...Int(Int32.max), "Recipients of one message.")
  /// `smtpd_recipient_overshoot_limit`
  package static let smtpdRecipientOvershootLimit = Self(
    "smtpd_recipient_overshoot_limit", default: "1000", in: 1...Int(Int32.max),
    "Recipients above the limit that are refused before they count as errors.")
  /// `smtpd_soft_error_limit`
  package static let smtpdSoftErrorLimit = Self(
    "smtpd_soft_error_limit", default: "10", in: 1...Int(Int32.max),
    "Errors after which replies are delayed.")
  /// `smtpd_hard_error_limit`
  package static let smtpdHardErrorLimit = Self(
    "smtpd_hard_error_limit", default: "${stress?{1}:{20}}", in: 1...Int(Int32.max),
    "Errors after which the client is disconnected.")
  /// `smtpd_junk_command_limit`
  package static let smtpdJunkCommandLimit = Self(
    "smtpd_junk_command_limit", default: "${stress?{1}:{100}}", in: 1...Int(Int32.max),
    "Commands that do nothing, between messages, before each counts as an error.")
  /// `smtpd_history_flush_threshold`
  package static let smtpdHistoryFlushThreshold = Self(
    "smtpd_history_flush_threshold", default: "100", in: 1...Int(Int32.max),
    "Replies kept for a report on the session.")
  /// `smtpd_forbid_bare_newline_reject_code`
  package static let smtpdForbidBareNewlineRejectCode = Self(
    "smtpd_forbid_bare_newline_reject_code", default: "550", in: 500...599,
    "The reply code to a bare newline.")
  /// `smtpd_min_data_rate`
  package static let smtpdMinDataRate = Self(
    "smtpd_min_data_rate", default: "500", in: 1...Int(Int32.max),
    "Bytes per second that a client must send, with smtpd_per_request_deadline.")
  /// `smtpd_client_connection_count_limit`
  package static let smtpdClientConnectionCountLimit = Self(
    "smtpd_client_connection_count_limit", default: "50", "Sessions of one client at a time.")
  /// `smtpd_client_connection_rate_limit`
  package static let smtpdClientConnectionRateLimit = Self(
    "smtpd_client_connection_rate_limit", default: "0",
    "Connections of one client per anvil_rate_time_unit; 0 is no limit.")
  /// `smtpd_client_message_rate_limit`
  package static let smtpdClientMessageRateLimit = Self(
    "smtpd_client_message_rate_limit", default: "0",
    "Messages of one client per anvil_rate_time_unit; 0 is no limit.")
  /// `smtpd_client_recipient_rate_limit`
  package static let smtpdClientRecipientRateLimit = Self(
    "smtpd_client_recipient_rate_limit", default: "0",
    "Recipients of one client per anvil_rate_time_unit; 0 is no limit.")
  /// `smtpd_client_new_tls_session_rate_limit`
  package static let smtpdClientNewTLSSessionRateLimit = Self(
    "smtpd_client_new_tls_session_rate_limit", default: "0",
    "New TLS sessions of one client per anvil_rate_time_unit; 0 is no limit.")
  /// `smtpd_client_auth_rate_limit`
  package static let smtpdClientAuthRateLimit = Self(
    "smtpd_client_auth_rate_limit", default: "0",
    "AUTH commands of one client per anvil_rate_time_unit; 0 is no limit.")
}

extension FlagParameter {
  /// `smtpd_helo_required`
  package static let smtpdHeloRequired = Self(
    "smtpd_helo_required", default: "no", "Whether MAIL needs HELO or EHLO before it.")
  /// `smtpd_forbid_unauth_pipelining`
  package static let smtpdForbidUnauthPipelining = Self(
    "smtpd_forbid_unauth_pipelining", default: "yes",
    "Whether a client that pipelines where it must not is disconnected.")
  /// `smtpd_per_request_deadline`
  package static let smtpdPerRequestDeadline = Self(
    "smtpd_per_request_deadline",
    default: "${smtpd_per_record_deadline?{$smtpd_per_record_deadline}:{yes}}",
    "Whether smtpd_timeout bounds a whole request instead of each read and write.")
  /// `smtpd_peername_lookup`
  package static let smtpdPeernameLookup = Self(
    "smtpd_peername_lookup", default: "yes", "Whether the names of clients are looked up.")
  /// `smtpd_client_port_logging`
  package static let smtpdClientPortLogging = Self(
    "smtpd_client_port_logging", default: "no", "Whether the port of clients is logged.")
  /// `smtpd_delay_reject`
  package static let smtpdDelayReject = Self(
    "smtpd_delay_reject", default: "yes", "Whether earlier restrictions are told at RCPT.")
  /// `smtpd_delay_open_until_valid_rcpt`
  package static let smtpdDelayOpenUntilValidRcpt = Self(
    "smtpd_delay_open_until_valid_rcpt", default: "yes",
    "Whether a transaction gets its queue id only at the first good recipient.")
  /// `disable_vrfy_command`
  package static let disableVrfyCommand = Self(
    "disable_vrfy_command", default: "no", "Whether VRFY is refused.")
  /// `smtputf8_enable`
  package static let smtputf8Enable = Self(
    "smtputf8_enable", default: "${{$compatibility_level} <level {1} ? {no} : {yes}}",
    "Whether addresses and headers may be written in UTF-8 (RFC 6531).")
  /// `strict_rfc821_envelopes`
  package static let strictRFC821Envelopes = Self(
    "strict_rfc821_envelopes", default: "no", "Whether MAIL and RCPT need exact <address> form.")
}

extension ListParameter {
  /// `smtpd_forbid_bare_newline_exclusions`
  ///
  /// Postfix excepts mynetworks; here no client may smuggle unless it is named.
  package static let smtpdForbidBareNewlineExclusions = Self(
    "smtpd_forbid_bare_newline_exclusions", default: "",
    "Clients to which smtpd_forbid_bare_newline does not apply.")
  /// `smtpd_discard_ehlo_keywords`
  package static let smtpdDiscardEHLOKeywords = Self(
    "smtpd_discard_ehlo_keywords", default: "", "Keywords left out of the reply to EHLO.")
  /// `smtpd_discard_ehlo_keyword_address_maps`
  package static let smtpdDiscardEHLOKeywordAddressMaps = Self(
    "smtpd_discard_ehlo_keyword_address_maps", default: "",
    "Tables from client addresses to the keywords left out for them instead.")
  /// `smtpd_forbidden_commands`
  package static let smtpdForbiddenCommands = Self(
    "smtpd_forbidden_commands", default: "CONNECT GET POST regexp:{{/^[^A-Z]/ Bogus}}",
    "Commands that end the session at once.")
  /// `smtpd_noop_commands`
  package static let smtpdNoopCommands = Self(
    "smtpd_noop_commands", default: "", "Commands answered with 250 and otherwise ignored.")
  /// `smtpd_reject_footer_maps`
  package static let smtpdRejectFooterMaps = Self(
    "smtpd_reject_footer_maps", default: "",
    "Tables from 4xx and 5xx replies to what they end with instead of smtpd_reject_footer.")
  /// `smtpd_command_filter`
  package static let smtpdCommandFilter = Self(
    "smtpd_command_filter", default: "",
    "The table from commands of clients to those that are taken in their place.")
  /// `smtpd_client_event_limit_exceptions`
  package static let smtpdClientEventLimitExceptions = Self(
    "smtpd_client_event_limit_exceptions",
    default: "${smtpd_client_connection_limit_exceptions:$mynetworks}",
    "Clients that the limits per client do not count.")
}
