import AccessPolicy
import MessageHeaders
import Primitives
import TLSEngine
import TLSPolicy

/// What is kept of the TLS handshake of a session, for those who ask later.
final class SessionSecurity: Sendable {
  /// What `Received:` fields say about it; empty for nothing.
  let trace: [UInt8]
  /// What milters are told, as values of macros; empty where there are none.
  let macros: [String: String]
  /// The client's certificate; `nil` when it has shown none.
  let certificate: AccessCertificate?

  /// `nil` when there is nothing to keep.
  init?(_ facts: TLSFacts, _ certificate: PeerCertificate?, _ rules: ListenerRules) {
    let isTrusted = facts.peer.map { $0.problem == nil } ?? false
    self.certificate = certificate.map {
      AccessCertificate(
        name: $0.subject, fingerprint: $0.fingerprint, keyFingerprint: $0.keyFingerprint,
        isTrusted: isTrusted)
    }
    var macros: [String: String] = [:]
    if rules.milters != nil {
      macros = [
        "tls_version": facts.protocolName, "cipher": facts.cipher,
        "cipher_bits": "\(facts.secretBits)",
      ]
      if isTrusted, let certificate {
        macros["cert_subject"] = certificate.subject
        macros["cert_issuer"] = certificate.issuer
      }
    }
    self.macros = macros
    trace = rules.tls.tellsInReceived ? Self.trace(facts, certificate, isTrusted, rules) : []
    if self.certificate == nil, macros.isEmpty, trace.isEmpty { return nil }
  }

  private static func trace(
    _ facts: TLSFacts, _ certificate: PeerCertificate?, _ isTrusted: Bool, _ rules: ListenerRules
  ) -> [UInt8] {
    var text = "\t(using \(facts.cipherText)"
    for part in [facts.serverSignatureText, facts.clientSignatureText] {
      if let part { text += "\r\n\t \(part)" }
    }
    text += ")\r\n\t("
    var trace = Array(text.utf8)
    if let certificate {
      trace.append(text: "Client CN \"")
      trace += CommentText.harmless(certificate.subject)
      trace.append(text: "\", Issuer \"")
      trace += CommentText.harmless(certificate.issuer)
      trace.append(text: isTrusted ? "\" (verified OK)" : "\" (not verified)")
    } else if rules.tls.asksForCertificates {
      trace.append(text: "Client did not present a certificate")
    } else {
      trace.append(text: "No client certificate requested")
    }
    trace.append(text: ")\r\n")
    return trace
  }
}
