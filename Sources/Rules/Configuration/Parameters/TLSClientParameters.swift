/// TLS on the client's side.
extension Registry {
  static let tlsClient: [any ParameterKey] = [
    ChoiceParameter<ClientTLSLevel>.smtpTLSSecurityLevel, FlagParameter.smtpUseTLS,
    FlagParameter.smtpEnforceTLS, FlagParameter.smtpTLSEnforcePeername,
    FlagParameter.smtpTLSWrappermode, FlagParameter.smtpTLSNoteStarttlsOffer,
    FlagParameter.tlsWildcardMatchesMultipleLabels,
    ListParameter.smtpTLSPolicyMaps, TextParameter.smtpTLSCAfile, TextParameter.smtpTLSCApath,
    TextParameter.smtpTLSCertFile, TextParameter.smtpTLSKeyFile,
    TextParameter.smtpTLSECCertFile, TextParameter.smtpTLSECKeyFile,
    ListParameter.smtpTLSChainFiles, TLSProtocolParameter.smtpTLSProtocols,
    TLSProtocolParameter.smtpTLSMandatoryProtocols, ChoiceParameter<CipherGrade>.smtpTLSCiphers,
    ChoiceParameter<CipherGrade>.smtpTLSMandatoryCiphers, ListParameter.smtpTLSExcludeCiphers,
    ListParameter.smtpTLSMandatoryExcludeCiphers, ListParameter.smtpTLSVerifyCertMatch,
    ListParameter.smtpTLSSecureCertMatch, ListParameter.smtpTLSFingerprintCertMatch,
    TextParameter.smtpTLSFingerprintDigest, TextParameter.smtpTLSServername,
    IntegerParameter.smtpTLSScertVerifydepth, IntegerParameter.smtpTLSLoglevel,
    TextParameter.smtpTLSSessionCacheDatabase, DurationParameter.smtpTLSSessionCacheTimeout,
  ]
}

/// How much TLS a client wants.
package enum ClientTLSLevel: String, ParameterChoice {
  /// What `smtp_use_tls`, `smtp_enforce_tls` and `smtp_tls_enforce_peername` say.
  case unset = ""
  /// None.
  case none
  /// Where the server offers it.
  case may
  /// Mail goes out with TLS only.
  case encrypt
  /// As the TLSA records of the server's domain say (RFC 7672); without them as `may`.
  case dane
  /// As the TLSA records say, and not at all without them.
  case daneOnly = "dane-only"
  /// To servers whose certificate or key has a known fingerprint.
  case fingerprint
  /// To servers with a trusted certificate of their name, which the DNS may have given.
  case verify
  /// To servers with a trusted certificate of the name of the destination.
  case secure
}

extension ChoiceParameter<ClientTLSLevel> {
  /// `smtp_tls_security_level`
  package static var smtpTLSSecurityLevel: Self {
    Self(
      "smtp_tls_security_level", default: "",
      "How much TLS is wanted of servers; empty leaves it to smtp_use_tls.")
  }
}

extension ChoiceParameter<CipherGrade> {
  /// `smtp_tls_ciphers`
  package static var smtpTLSCiphers: Self {
    Self(
      "smtp_tls_ciphers", default: "medium", "The lowest grade of ciphers where TLS is optional.")
  }
  /// `smtp_tls_mandatory_ciphers`
  package static var smtpTLSMandatoryCiphers: Self {
    Self(
      "smtp_tls_mandatory_ciphers", default: "medium",
      "The lowest grade of ciphers where TLS is demanded of the server.")
  }
}

extension FlagParameter {
  /// `smtp_use_tls`
  package static let smtpUseTLS = Self(
    "smtp_use_tls", default: "no",
    "Whether TLS is used where it is offered; smtp_tls_security_level overrides it.")
  /// `smtp_enforce_tls`
  package static let smtpEnforceTLS = Self(
    "smtp_enforce_tls", default: "no",
    "Whether TLS is demanded of servers; smtp_tls_security_level overrides it.")
  /// `smtp_tls_enforce_peername`
  package static let smtpTLSEnforcePeername = Self(
    "smtp_tls_enforce_peername", default: "yes",
    "Whether the server's name is verified with smtp_enforce_tls.")
  /// `smtp_tls_wrappermode`
  package static let smtpTLSWrappermode = Self(
    "smtp_tls_wrappermode", default: "no",
    "Whether connections to servers begin with TLS, as on port 465.")
  /// `tls_wildcard_matches_multiple_labels`
  package static let tlsWildcardMatchesMultipleLabels = Self(
    "tls_wildcard_matches_multiple_labels", default: "yes",
    "Whether a * in a server's certificate stands for several labels of a name.")
  /// `smtp_tls_note_starttls_offer`
  package static let smtpTLSNoteStarttlsOffer = Self(
    "smtp_tls_note_starttls_offer", default: "no",
    "Whether servers that offer TLS where it is not used are logged.")
}

extension ListParameter {
  /// `smtp_tls_policy_maps`
  package static let smtpTLSPolicyMaps = Self(
    "smtp_tls_policy_maps", default: "", "How much TLS is wanted, by next-hop.")
  /// `smtp_tls_chain_files`
  package static let smtpTLSChainFiles = Self(
    "smtp_tls_chain_files", default: "",
    "Files with the client's keys and certificate chains.")
  /// `smtp_tls_exclude_ciphers`
  package static let smtpTLSExcludeCiphers = Self(
    "smtp_tls_exclude_ciphers", default: "", "Ciphers that the client never uses.")
  /// `smtp_tls_mandatory_exclude_ciphers`
  package static let smtpTLSMandatoryExcludeCiphers = Self(
    "smtp_tls_mandatory_exclude_ciphers", default: "",
    "More ciphers that the client does not use where TLS is demanded.")
  /// `smtp_tls_verify_cert_match`
  package static let smtpTLSVerifyCertMatch = Self(
    "smtp_tls_verify_cert_match", default: "hostname",
    "The names that a server's certificate may have at the level verify.")
  /// `smtp_tls_secure_cert_match`
  package static let smtpTLSSecureCertMatch = Self(
    "smtp_tls_secure_cert_match", default: "nexthop, dot-nexthop",
    "The names that a server's certificate may have at the level secure.")
  /// `smtp_tls_fingerprint_cert_match`
  package static let smtpTLSFingerprintCertMatch = Self(
    "smtp_tls_fingerprint_cert_match", default: "",
    "Fingerprints of servers' certificates and keys for the level fingerprint.")
}

extension TextParameter {
  /// `smtp_tls_CAfile`
  package static let smtpTLSCAfile = Self(
    "smtp_tls_CAfile", default: "", "The file with the authorities that servers are trusted by.")
  /// `smtp_tls_CApath`
  package static let smtpTLSCApath = Self(
    "smtp_tls_CApath", default: "",
    "The folder with the authorities that servers are trusted by, named by openssl rehash.")
  /// `smtp_tls_cert_file`
  package static let smtpTLSCertFile = Self(
    "smtp_tls_cert_file", default: "", "The file with the client's certificate chain.")
  /// `smtp_tls_key_file`
  package static let smtpTLSKeyFile = Self(
    "smtp_tls_key_file", default: "$smtp_tls_cert_file", "The file with the client's key.")
  /// `smtp_tls_eccert_file`
  package static let smtpTLSECCertFile = Self(
    "smtp_tls_eccert_file", default: "", "The file with the client's ECDSA certificate chain.")
  /// `smtp_tls_eckey_file`
  package static let smtpTLSECKeyFile = Self(
    "smtp_tls_eckey_file", default: "$smtp_tls_eccert_file",
    "The file with the client's ECDSA key.")
  /// `smtp_tls_fingerprint_digest`
  package static let smtpTLSFingerprintDigest = Self(
    "smtp_tls_fingerprint_digest",
    default: "${{$compatibility_level} <level {3.6} ? {md5} : {sha256}}", mayBeEmpty: false,
    "The digest by which servers' fingerprints are made.")
  /// `smtp_tls_servername`
  package static let smtpTLSServername = Self(
    "smtp_tls_servername", default: "",
    "The name that servers are asked for (SNI): nexthop, hostname or a name.")
  /// `smtp_tls_session_cache_database`
  package static let smtpTLSSessionCacheDatabase = Self(
    "smtp_tls_session_cache_database", default: "",
    "Anything here has sessions resumed; they are kept in memory and the file is not made.")
}

extension TLSProtocolParameter {
  /// `smtp_tls_protocols`
  package static let smtpTLSProtocols = Self(
    "smtp_tls_protocols", default: ">=TLSv1",
    "The versions of TLS that the client uses where it is optional.")
  /// `smtp_tls_mandatory_protocols`
  package static let smtpTLSMandatoryProtocols = Self(
    "smtp_tls_mandatory_protocols", default: ">=TLSv1",
    "The versions of TLS that the client uses where it is demanded.")
}

extension IntegerParameter {
  /// `smtp_tls_scert_verifydepth`
  package static let smtpTLSScertVerifydepth = Self(
    "smtp_tls_scert_verifydepth", default: "9", in: 0...100,
    "The most certificates between a server's own and its authority.")
  /// `smtp_tls_loglevel`
  package static let smtpTLSLoglevel = Self(
    "smtp_tls_loglevel", default: "0", in: 0...4,
    "How much the client logs of TLS: 1 for a line a session, 2 for more.")
}

extension DurationParameter {
  /// `smtp_tls_session_cache_timeout`
  package static let smtpTLSSessionCacheTimeout = Self(
    "smtp_tls_session_cache_timeout", default: "3600s",
    "How long a TLS session with a server can be resumed; 0 is never.")
}
