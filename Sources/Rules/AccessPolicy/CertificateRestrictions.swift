import MailTypes
import Primitives

/// `permit_tls_clientcerts`: the client's certificate or its key is in `relay_clientcerts`, whoever
/// signed it. `permit_tls_all_clientcerts` permits any trusted one as well.
struct PermitCertificates: Restriction {
  let all: Bool

  func evaluate(_ evaluation: inout Evaluation) async throws(AccessError) -> AccessDecision {
    guard let certificate = evaluation.request.certificate else { return .undecided }
    let name = all ? "permit_tls_all_clientcerts" : "permit_tls_clientcerts"
    if all, certificate.isTrusted { return try await evaluation.permit(name, about: .client) }
    for fingerprint in [certificate.fingerprint, certificate.keyFingerprint] {
      if try await evaluation.rules.site.knowsCertificate(fingerprint) {
        return try await evaluation.permit(name, about: .client)
      }
    }
    return .undecided
  }

  /// What is said of a list that asks for certificates where clients are not asked for them.
  static func warnings(
    of words: [String], in parameter: String, _ settings: AccessSettings
  ) -> [AccessWarning] {
    guard !settings.asksForCertificates else { return [] }
    let verbs: Set = ["permit_tls_clientcerts", "permit_tls_all_clientcerts", "check_ccert_access"]
    return words.map { $0.lowercased() }.filter(verbs.contains).map {
      AccessWarning(
        parameter: parameter, message: "\($0) is requested, but \"smtpd_tls_ask_ccert = no\"")
    }
  }
}

/// What of a certificate `check_ccert_access` looks up.
enum CertificateKey: String, Sendable {
  /// The digest of the certificate.
  case certificate = "cert_fingerprint"
  /// The digest of its public key.
  case key = "pubkey_fingerprint"

  /// Without a `search_order`.
  static let usual: [CertificateKey] = [.certificate, .key]

  /// Reads `type:table`, or `{ type:table, { search_order = … } }`.
  ///
  /// `badArgument` makes the error of what was expected instead.
  static func argument(
    _ text: String, _ badArgument: (String) -> AccessError
  ) throws(AccessError) -> (table: String, keys: [CertificateKey]) {
    guard text.hasPrefix("{") else { return (text, usual) }
    let separates = { (byte: UInt8) in byte == UInt8(ascii: ",") || ASCII.isSpace(byte) }
    let words = BracedWords.group(text.utf8).flatMap {
      BracedWords.split($0, isSeparator: separates)
    }
    guard let words, let table = words.first, words.count <= 2 else {
      throw badArgument("type:table or { type:table, { search_order = … } }")
    }
    let name = String(decoding: table, as: UTF8.self)
    guard words.count == 2 else { return (name, usual) }
    guard let setting = BracedWords.group(words[1]),
      let equals = setting.firstIndex(of: UInt8(ascii: "="))
    else { throw badArgument("{ search_order = … } behind \(name)") }
    let left = setting[..<equals].filter { !ASCII.isSpace($0) }
    guard String(decoding: left, as: UTF8.self) == "search_order",
      let order = BracedWords.split(setting[(equals + 1)...], isSeparator: separates)
    else { throw badArgument("{ search_order = … } behind \(name)") }
    var keys: [CertificateKey] = []
    for word in order {
      guard let key = CertificateKey(rawValue: String(decoding: word, as: UTF8.self).lowercased())
      else {
        throw badArgument("a search_order of cert_fingerprint and pubkey_fingerprint")
      }
      keys.append(key)
    }
    guard !keys.isEmpty else {
      throw badArgument("a search_order of cert_fingerprint and pubkey_fingerprint")
    }
    return (name, keys)
  }
}

extension AccessCertificate {
  /// What a table is asked, in order.
  func keys(_ order: [CertificateKey]) -> [[UInt8]] {
    order.map { Array(($0 == .certificate ? fingerprint : keyFingerprint).utf8) }
  }
}
