/// Authentication of clients (RFC 4954).
extension Registry {
  static let saslServer: [any ParameterKey] = [
    FlagParameter.smtpdSASLAuthEnable, ChoiceParameter<SASLServerType>.smtpdSASLType,
    TextParameter.smtpdSASLPath, TextParameter.smtpdSASLService,
    ListParameter.smtpdSASLSecurityOptions, ListParameter.smtpdSASLTLSSecurityOptions,
    ListParameter.smtpdSASLMechanismFilter, ListParameter.smtpdSASLExceptionsNetworks,
    IntegerParameter.smtpdSASLResponseLimit, FlagParameter.smtpdSASLAuthenticatedHeader,
    FlagParameter.brokenSASLAuthClients, FlagParameter.smtpdTLSAuthOnly,
    ListParameter.smtpdSenderLoginMaps, DurationParameter.smtpdSASLAuthTimeout,
  ]
}

/// Who knows the users of a server.
package enum SASLServerType: String, ParameterChoice {
  /// The Cyrus library, which is not here.
  case cyrus
  /// Dovecot's authentication server.
  case dovecot
}

extension ChoiceParameter<SASLServerType> {
  /// `smtpd_sasl_type`
  package static var smtpdSASLType: Self {
    Self(
      "smtpd_sasl_type", default: "cyrus",
      "Who knows the users: only dovecot, its authentication server, can be asked.")
  }
}

extension FlagParameter {
  /// `smtpd_sasl_auth_enable`
  package static let smtpdSASLAuthEnable = Self(
    "smtpd_sasl_auth_enable", default: "no", "Whether clients may log in.")
  /// `smtpd_sasl_authenticated_header`
  package static let smtpdSASLAuthenticatedHeader = Self(
    "smtpd_sasl_authenticated_header", default: "no",
    "Whether Received: tells the name of the user who logged in.")
  /// `broken_sasl_auth_clients`
  package static let brokenSASLAuthClients = Self(
    "broken_sasl_auth_clients", default: "no",
    "Whether EHLO also offers AUTH=, which clients of an old draft look for.")
  /// `smtpd_tls_auth_only`
  package static let smtpdTLSAuthOnly = Self(
    "smtpd_tls_auth_only", default: "no", "Whether clients may log in only under TLS.")
}

extension TextParameter {
  /// `smtpd_sasl_path`
  package static let smtpdSASLPath = Self(
    "smtpd_sasl_path", default: "smtpd", mayBeEmpty: false,
    "The socket of Dovecot's authentication server: a path, from queue_directory on where it is "
      + "relative, or inet:address:port.")
  /// `smtpd_sasl_service`
  package static let smtpdSASLService = Self(
    "smtpd_sasl_service", default: "smtp", mayBeEmpty: false,
    "The name of the service that the authentication server is told.")
}

extension ListParameter {
  /// `smtpd_sasl_security_options`
  package static let smtpdSASLSecurityOptions = Self(
    "smtpd_sasl_security_options", default: "noanonymous",
    "What mechanisms must not, or must, do: noplaintext noactive nodictionary noanonymous "
      + "forward_secrecy mutual_auth.")
  /// `smtpd_sasl_tls_security_options`
  package static let smtpdSASLTLSSecurityOptions = Self(
    "smtpd_sasl_tls_security_options", default: "$smtpd_sasl_security_options",
    "The same for sessions under TLS.")
  /// `smtpd_sasl_mechanism_filter`
  package static let smtpdSASLMechanismFilter = Self(
    "smtpd_sasl_mechanism_filter", default: "!external, static:rest",
    "The mechanisms that may be used, of those that the authentication server offers.")
  /// `smtpd_sasl_exceptions_networks`
  package static let smtpdSASLExceptionsNetworks = Self(
    "smtpd_sasl_exceptions_networks", default: "", "Clients to which EHLO does not offer AUTH.")
  /// `smtpd_sender_login_maps`
  package static let smtpdSenderLoginMaps = Self(
    "smtpd_sender_login_maps", default: "",
    "Tables from sender addresses to the users who own them.")
}

extension IntegerParameter {
  /// `smtpd_sasl_response_limit`
  package static let smtpdSASLResponseLimit = Self(
    "smtpd_sasl_response_limit", default: "12288", in: 12288...1 << 20,
    "The most bytes of a line with which a client answers a challenge.")
}

extension DurationParameter {
  /// `smtpd_sasl_auth_timeout`; ours.
  package static let smtpdSASLAuthTimeout = Self(
    "smtpd_sasl_auth_timeout", default: "30s", min: .seconds(1),
    "How long to wait for a step of the authentication server, which holds wrong passwords back.")
}
