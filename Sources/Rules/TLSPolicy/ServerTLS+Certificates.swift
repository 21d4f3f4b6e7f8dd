package import Configuration
import TLSEngine

/// Certificates of clients.
extension ServerTLS {
  /// Whether clients are asked for certificates.
  static func asksForCertificates(_ configuration: Configuration) -> Bool {
    level(of: configuration) != .none
      && (configuration[.smtpdTLSAskCcert] || requiresCertificates(configuration))
  }

  /// Whether clients need one: only where they cannot do without TLS.
  static func requiresCertificates(_ configuration: Configuration) -> Bool {
    level(of: configuration) == .encrypt && configuration[.smtpdTLSReqCcert]
  }

  /// What an administrator should know; each begins with the parameter.
  package static func warnings(of configuration: Configuration) -> [String] {
    guard level(of: configuration) == .may, configuration[.smtpdTLSReqCcert] else { return [] }
    return ["smtpd_tls_req_ccert: Can't require client certs unless TLS is required"]
  }

  /// How clients are asked for certificates; `nil` when they are not.
  static func clientCertificates(
    _ configuration: Configuration, _ material: KeyMaterial
  ) throws(TLSPolicyError) -> TLSClientCertificates? {
    guard asksForCertificates(configuration) else { return nil }
    let digest = configuration[.smtpdTLSFingerprintDigest]
    guard TLSDigest.isKnown(digest) else {
      throw TLSPolicyError("smtpd_tls_fingerprint_digest", "unknown digest \(digest)")
    }
    var certificates = TLSClientCertificates()
    certificates.trust = try Authorities.server.trust(configuration, material)
    certificates.named = try Authorities.server.content(configuration, material)
    // As Postfix has it: one more than the documents say.
    certificates.depth = configuration[.smtpdTLSCcertVerifydepth] + 1
    return certificates
  }
}
