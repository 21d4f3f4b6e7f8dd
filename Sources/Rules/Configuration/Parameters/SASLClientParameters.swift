/// Logging in to servers (RFC 4954).
extension Registry {
  static let saslClient: [any ParameterKey] = [
    FlagParameter.smtpSASLAuthEnable, FlagParameter.smtpSASLAuthSoftBounce,
    FlagParameter.smtpSenderDependentAuthentication,
    ChoiceParameter<SASLClientType>.smtpSASLType, ListParameter.smtpSASLPasswordMaps,
    ListParameter.smtpSASLMechanismFilter, ListParameter.smtpSASLSecurityOptions,
    ListParameter.smtpSASLTLSSecurityOptions, ListParameter.smtpSASLTLSVerifiedSecurityOptions,
  ]
}

/// Who speaks SASL with servers.
package enum SASLClientType: String, ParameterChoice {
  /// What Postfix leaves to the Cyrus library is built in.
  case cyrus
}

extension ChoiceParameter<SASLClientType> {
  /// `smtp_sasl_type`
  package static var smtpSASLType: Self {
    Self(
      "smtp_sasl_type", default: "cyrus",
      "Who logs in to servers: cyrus stands for what is built in, PLAIN, LOGIN and CRAM-MD5.")
  }
}

extension FlagParameter {
  /// `smtp_sasl_auth_enable`
  package static let smtpSASLAuthEnable = Self(
    "smtp_sasl_auth_enable", default: "no", "Whether the client logs in to servers.")
  /// `smtp_sender_dependent_authentication`
  package static let smtpSenderDependentAuthentication = Self(
    "smtp_sender_dependent_authentication", default: "no",
    "Whether smtp_sasl_password_maps is asked for the sender first. LMTP has no senders of its own."
  )
  /// `smtp_sasl_auth_soft_bounce`
  package static let smtpSASLAuthSoftBounce = Self(
    "smtp_sasl_auth_soft_bounce", default: "yes",
    "Whether mail waits, instead of coming back, where a server refuses the login for good.")
}

extension ListParameter {
  /// `smtp_sasl_password_maps`
  package static let smtpSASLPasswordMaps = Self(
    "smtp_sasl_password_maps", default: "",
    "Tables from servers' names or next-hops to user:password. Files are read by master.")
  /// `smtp_sasl_mechanism_filter`
  package static let smtpSASLMechanismFilter = Self(
    "smtp_sasl_mechanism_filter", default: "",
    "The mechanisms that may be used, of those that a server offers; empty for all.")
  /// `smtp_sasl_security_options`
  package static let smtpSASLSecurityOptions = Self(
    "smtp_sasl_security_options", default: "noplaintext, noanonymous",
    "What mechanisms must not, or must, do without TLS: noplaintext noactive nodictionary "
      + "noanonymous forward_secrecy mutual_auth.")
  /// `smtp_sasl_tls_security_options`
  package static let smtpSASLTLSSecurityOptions = Self(
    "smtp_sasl_tls_security_options", default: "$smtp_sasl_security_options",
    "The same for sessions under TLS.")
  /// `smtp_sasl_tls_verified_security_options`
  package static let smtpSASLTLSVerifiedSecurityOptions = Self(
    "smtp_sasl_tls_verified_security_options", default: "$smtp_sasl_tls_security_options",
    "The same for sessions under TLS with a server that had to prove who it is.")
}
