/// TLS on the server's side.
extension Registry {
  static let tlsServer: [any ParameterKey] = [
    ChoiceParameter<ServerTLSLevel>.smtpdTLSSecurityLevel, FlagParameter.smtpdUseTLS,
    FlagParameter.smtpdEnforceTLS, FlagParameter.smtpdTLSWrappermode,
    TextParameter.smtpdTLSCertFile, TextParameter.smtpdTLSKeyFile,
    TextParameter.smtpdTLSECCertFile, TextParameter.smtpdTLSECKeyFile,
    ListParameter.smtpdTLSChainFiles, ListParameter.tlsServerSNIMaps,
    TLSProtocolParameter.smtpdTLSProtocols, TLSProtocolParameter.smtpdTLSMandatoryProtocols,
    ChoiceParameter<CipherGrade>.smtpdTLSCiphers,
    ChoiceParameter<CipherGrade>.smtpdTLSMandatoryCiphers,
    ListParameter.smtpdTLSExcludeCiphers, ListParameter.smtpdTLSMandatoryExcludeCiphers,
    TextParameter.tlsExportCipherlist, TextParameter.tlsLowCipherlist,
    TextParameter.tlsMediumCipherlist, TextParameter.tlsHighCipherlist,
    TextParameter.tlsNullCipherlist, FlagParameter.tlsPreemptCipherlist,
    ListParameter.tlsEECDHAutoCurves, ListParameter.tlsSSLOptions,
    FlagParameter.smtpdTLSReceivedHeader, IntegerParameter.smtpdTLSLoglevel,
    DurationParameter.smtpdTLSSessionCacheTimeout, DurationParameter.smtpdStarttlsTimeout,
  ]
}

/// Whether a server speaks TLS.
package enum ServerTLSLevel: String, ParameterChoice {
  /// What `smtpd_use_tls` and `smtpd_enforce_tls` say.
  case unset = ""
  /// It does not.
  case none
  /// It offers TLS.
  case may
  /// It takes no mail without TLS.
  case encrypt
}

extension ChoiceParameter<ServerTLSLevel> {
  /// `smtpd_tls_security_level`
  package static var smtpdTLSSecurityLevel: Self {
    Self(
      "smtpd_tls_security_level", default: "",
      "Whether TLS is offered (may) or demanded (encrypt); empty leaves it to smtpd_use_tls.")
  }
}

extension ChoiceParameter<CipherGrade> {
  /// `smtpd_tls_ciphers`
  package static var smtpdTLSCiphers: Self {
    Self(
      "smtpd_tls_ciphers", default: "medium", "The lowest grade of ciphers where TLS is offered.")
  }
  /// `smtpd_tls_mandatory_ciphers`
  package static var smtpdTLSMandatoryCiphers: Self {
    Self(
      "smtpd_tls_mandatory_ciphers", default: "medium",
      "The lowest grade of ciphers where TLS is demanded.")
  }
}

extension FlagParameter {
  /// `smtpd_use_tls`
  package static let smtpdUseTLS = Self(
    "smtpd_use_tls", default: "no", "Whether TLS is offered; smtpd_tls_security_level overrides it."
  )
  /// `smtpd_enforce_tls`
  package static let smtpdEnforceTLS = Self(
    "smtpd_enforce_tls", default: "no",
    "Whether TLS is demanded; smtpd_tls_security_level overrides it.")
  /// `smtpd_tls_wrappermode`
  package static let smtpdTLSWrappermode = Self(
    "smtpd_tls_wrappermode", default: "no", "Whether connections begin with TLS, as on port 465.")
  /// `tls_preempt_cipherlist`
  package static let tlsPreemptCipherlist = Self(
    "tls_preempt_cipherlist", default: "no",
    "Whether the server's order of ciphers counts, not the client's.")
  /// `smtpd_tls_received_header`
  package static let smtpdTLSReceivedHeader = Self(
    "smtpd_tls_received_header", default: "no", "Whether Received: tells of TLS.")
}

extension TextParameter {
  /// `smtpd_tls_cert_file`
  package static let smtpdTLSCertFile = Self(
    "smtpd_tls_cert_file", default: "", "The file with the server's certificate chain.")
  /// `smtpd_tls_key_file`
  package static let smtpdTLSKeyFile = Self(
    "smtpd_tls_key_file", default: "$smtpd_tls_cert_file", "The file with the server's key.")
  /// `smtpd_tls_eccert_file`
  package static let smtpdTLSECCertFile = Self(
    "smtpd_tls_eccert_file", default: "", "The file with the server's ECDSA certificate chain.")
  /// `smtpd_tls_eckey_file`
  package static let smtpdTLSECKeyFile = Self(
    "smtpd_tls_eckey_file", default: "$smtpd_tls_eccert_file",
    "The file with the server's ECDSA key.")
  /// `tls_export_cipherlist`
  package static let tlsExportCipherlist = Self(
    "tls_export_cipherlist", default: "aNULL:-aNULL:HIGH:MEDIUM:LOW:EXPORT:+RC4:@STRENGTH",
    mayBeEmpty: false, "The ciphers of the grade export.")
  /// `tls_low_cipherlist`
  package static let tlsLowCipherlist = Self(
    "tls_low_cipherlist", default: "aNULL:-aNULL:HIGH:MEDIUM:LOW:+RC4:@STRENGTH",
    mayBeEmpty: false, "The ciphers of the grade low.")
  /// `tls_medium_cipherlist`
  package static let tlsMediumCipherlist = Self(
    "tls_medium_cipherlist", default: "aNULL:-aNULL:HIGH:MEDIUM:+RC4:@STRENGTH",
    mayBeEmpty: false, "The ciphers of the grade medium.")
  /// `tls_high_cipherlist`
  package static let tlsHighCipherlist = Self(
    "tls_high_cipherlist", default: "aNULL:-aNULL:HIGH:@STRENGTH", mayBeEmpty: false,
    "The ciphers of the grade high.")
  /// `tls_null_cipherlist`
  package static let tlsNullCipherlist = Self(
    "tls_null_cipherlist", default: "eNULL:!aNULL", mayBeEmpty: false,
    "The ciphers of the grade null.")
}

extension ListParameter {
  /// `smtpd_tls_chain_files`
  package static let smtpdTLSChainFiles = Self(
    "smtpd_tls_chain_files", default: "",
    "Files with keys and certificate chains, instead of the files of certificates and keys.")
  /// `tls_server_sni_maps`
  package static let tlsServerSNIMaps = Self(
    "tls_server_sni_maps", default: "", "Files with key and chain for names that clients ask for.")
  /// `smtpd_tls_exclude_ciphers`
  package static let smtpdTLSExcludeCiphers = Self(
    "smtpd_tls_exclude_ciphers", default: "", "Ciphers that are never used.")
  /// `smtpd_tls_mandatory_exclude_ciphers`
  package static let smtpdTLSMandatoryExcludeCiphers = Self(
    "smtpd_tls_mandatory_exclude_ciphers", default: "",
    "More ciphers that are not used where TLS is demanded.")
  /// `tls_eecdh_auto_curves`
  package static let tlsEECDHAutoCurves = Self(
    "tls_eecdh_auto_curves", default: "X25519 X448 prime256v1 secp521r1 secp384r1",
    "The groups for the key exchange, the best first.")
  /// `tls_ssl_options`
  package static let tlsSSLOptions = Self(
    "tls_ssl_options", default: "", "More options of OpenSSL, by name or as a number.")
}

extension TLSProtocolParameter {
  /// `smtpd_tls_protocols`
  package static let smtpdTLSProtocols = Self(
    "smtpd_tls_protocols", default: ">=TLSv1", "The versions of TLS where it is offered.")
  /// `smtpd_tls_mandatory_protocols`
  package static let smtpdTLSMandatoryProtocols = Self(
    "smtpd_tls_mandatory_protocols", default: ">=TLSv1",
    "The versions of TLS where it is demanded.")
}

extension IntegerParameter {
  /// `smtpd_tls_loglevel`
  package static let smtpdTLSLoglevel = Self(
    "smtpd_tls_loglevel", default: "0", in: 0...4,
    "How much is logged of TLS: 1 for a line a session, 2 for more.")
}

extension DurationParameter {
  /// `smtpd_tls_session_cache_timeout`
  package static let smtpdTLSSessionCacheTimeout = Self(
    "smtpd_tls_session_cache_timeout", default: "3600s",
    "How long a TLS session can be resumed, and how long its keys are used; 0 is never.")
  /// `smtpd_starttls_timeout`
  package static let smtpdStarttlsTimeout = Self(
    "smtpd_starttls_timeout", default: "${stress?{10}:{300}}s", min: .seconds(1),
    "How long the beginning of TLS may take.")
}
