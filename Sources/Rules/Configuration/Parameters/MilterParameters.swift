/// Milters: mail filters that look at sessions and messages while they come in.
extension Registry {
  static let milters: [any ParameterKey] = [
    ListParameter.smtpdMilters, ListParameter.smtpdMilterMaps, ListParameter.nonSmtpdMilters,
    ChoiceParameter<MilterFailureAction>.milterDefaultAction,
    ChoiceParameter<MilterProtocolVersion>.milterProtocol, DurationParameter.milterConnectTimeout,
    DurationParameter.milterCommandTimeout, DurationParameter.milterContentTimeout,
    IntegerParameter.milterEditLimit,
    TextParameter.milterMacroDaemonName, TextParameter.milterMacroV,
    ListParameter.milterMacroDefaults, ListParameter.milterConnectMacros,
    ListParameter.milterHeloMacros, ListParameter.milterMailMacros, ListParameter.milterRcptMacros,
    ListParameter.milterDataMacros, ListParameter.milterEndOfHeaderMacros,
    ListParameter.milterEndOfDataMacros,
  ]
}

/// What happens when a milter cannot be asked.
package enum MilterFailureAction: String, ParameterChoice {
  /// As if it were not there.
  case accept
  /// Mail is refused.
  case reject
  /// Mail is refused for now.
  case tempfail
  /// Mail enters the queue on hold.
  case quarantine
}

/// The versions of the milter protocol.
package enum MilterProtocolVersion: String, ParameterChoice {
  /// Sendmail 8.11.
  case two = "2"
  /// With unknown commands.
  case three = "3"
  /// With DATA.
  case four = "4"
  /// With everything.
  case six = "6"
}

extension ChoiceParameter<MilterFailureAction> {
  /// `milter_default_action`
  package static var milterDefaultAction: Self {
    Self(
      "milter_default_action", default: "tempfail",
      "What happens when a milter cannot be asked.")
  }
}

extension ChoiceParameter<MilterProtocolVersion> {
  /// `milter_protocol`
  package static var milterProtocol: Self {
    Self("milter_protocol", default: "6", "The newest version of the protocol to speak.")
  }
}

extension DurationParameter {
  /// `milter_connect_timeout`
  package static let milterConnectTimeout = Self(
    "milter_connect_timeout", default: "30s", min: .seconds(1),
    "The most time to connect to a milter and agree on options.")
  /// `milter_command_timeout`
  package static let milterCommandTimeout = Self(
    "milter_command_timeout", default: "30s", min: .seconds(1),
    "The most time for a milter to answer a command.")
  /// `milter_content_timeout`
  package static let milterContentTimeout = Self(
    "milter_content_timeout", default: "300s", min: .seconds(1),
    "The most time for a milter to take or answer content.")
}

extension IntegerParameter {
  /// `milter_edit_limit`
  package static let milterEditLimit = Self(
    "milter_edit_limit", default: "20000", in: 1...Int(Int32.max),
    "The most changes of one message by one milter, but for parts of another body. Postfix knows "
      + "no such limit.")
}

extension TextParameter {
  /// `milter_macro_daemon_name`
  package static let milterMacroDaemonName = Self(
    "milter_macro_daemon_name", default: "$myhostname",
    "What milters see as {daemon_name}.")
  /// `milter_macro_v`
  package static let milterMacroV = Self(
    "milter_macro_v", default: "$mail_name $mail_version",
    "What milters see as v.")
}

extension ListParameter {
  /// `smtpd_milters`
  package static let smtpdMilters = Self(
    "smtpd_milters", default: "",
    "Milters for mail that comes by SMTP: inet:host:port or unix:path, with settings in braces.")
  /// `smtpd_milter_maps`
  package static let smtpdMilterMaps = Self(
    "smtpd_milter_maps", default: "",
    "Tables of the milters of a client by its address; DISABLE is none.")
  /// `non_smtpd_milters`
  package static let nonSmtpdMilters = Self(
    "non_smtpd_milters", default: "",
    "Milters for mail that does not come by SMTP.")
  /// `milter_macro_defaults`
  package static let milterMacroDefaults = Self(
    "milter_macro_defaults", default: "",
    "Values of macros that have none, as name=value.")
  /// `milter_connect_macros`
  package static let milterConnectMacros = Self(
    "milter_connect_macros", default: "j {daemon_name} {daemon_addr} v _",
    "Macros that go with a connection.")
  /// `milter_helo_macros`
  package static let milterHeloMacros = Self(
    "milter_helo_macros",
    default: "{tls_version} {cipher} {cipher_bits} {cert_subject} {cert_issuer}",
    "Macros that go with HELO.")
  /// `milter_mail_macros`
  package static let milterMailMacros = Self(
    "milter_mail_macros",
    default: "i {auth_type} {auth_authen} {auth_author} {mail_addr} {mail_host} {mail_mailer}",
    "Macros that go with MAIL.")
  /// `milter_rcpt_macros`
  package static let milterRcptMacros = Self(
    "milter_rcpt_macros", default: "i {rcpt_addr} {rcpt_host} {rcpt_mailer}",
    "Macros that go with RCPT.")
  /// `milter_data_macros`
  package static let milterDataMacros = Self(
    "milter_data_macros", default: "i", "Macros that go with DATA.")
  /// `milter_end_of_header_macros`
  package static let milterEndOfHeaderMacros = Self(
    "milter_end_of_header_macros", default: "i", "Macros that go with the header's end.")
  /// `milter_end_of_data_macros`
  package static let milterEndOfDataMacros = Self(
    "milter_end_of_data_macros", default: "i", "Macros that go with the message's end.")
}
