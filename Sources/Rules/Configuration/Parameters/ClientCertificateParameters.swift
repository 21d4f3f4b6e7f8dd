/// Certificates of the clients of `smtpd`.
extension Registry {
  static let clientCertificates: [any ParameterKey] = [
    FlagParameter.smtpdTLSAskCcert, FlagParameter.smtpdTLSReqCcert, TextParameter.smtpdTLSCAfile,
    TextParameter.smtpdTLSCApath, IntegerParameter.smtpdTLSCcertVerifydepth,
    TextParameter.smtpdTLSFingerprintDigest, ListParameter.relayClientcerts,
  ]
}

extension FlagParameter {
  /// `smtpd_tls_ask_ccert`
  package static let smtpdTLSAskCcert = Self(
    "smtpd_tls_ask_ccert", default: "no", "Whether clients are asked for a certificate.")
  /// `smtpd_tls_req_ccert`
  package static let smtpdTLSReqCcert = Self(
    "smtpd_tls_req_ccert", default: "no",
    "Whether clients without a trusted certificate are sent away, where TLS is demanded.")
}

extension TextParameter {
  /// `smtpd_tls_CAfile`
  package static let smtpdTLSCAfile = Self(
    "smtpd_tls_CAfile", default: "",
    "The file with the authorities that clients are trusted by, and are told of.")
  /// `smtpd_tls_CApath`
  package static let smtpdTLSCApath = Self(
    "smtpd_tls_CApath", default: "",
    "The folder with the authorities that clients are trusted by, named by openssl rehash.")
  /// `smtpd_tls_fingerprint_digest`
  package static let smtpdTLSFingerprintDigest = Self(
    "smtpd_tls_fingerprint_digest",
    default: "${{$compatibility_level} <level {3.6} ? {md5} : {sha256}}", mayBeEmpty: false,
    "The digest by which clients' fingerprints are made.")
}

extension IntegerParameter {
  /// `smtpd_tls_ccert_verifydepth`
  package static let smtpdTLSCcertVerifydepth = Self(
    "smtpd_tls_ccert_verifydepth", default: "9", in: 0...100,
    "The most certificates between a client's own and its authority, less one.")
}

extension ListParameter {
  /// `relay_clientcerts`
  package static let relayClientcerts = Self(
    "relay_clientcerts", default: "",
    "Tables with the fingerprints of the certificates, or of their keys, that may relay.")
}
