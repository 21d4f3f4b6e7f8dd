import LookupTables
import MailTypes
import Primitives
import Testing

@testable import AccessPolicy

/// A site that knows the fingerprint `AA:01` and the key `BB:02`.
private struct CertifiedSite: SiteDirectory {
  func trusts(_ client: IPAddress) -> Bool { false }
  func isOwn(_ address: IPAddress) -> Bool { false }
  func isLocal(_ domain: String) -> Bool { false }
  func addressClass(of domain: String) -> DomainClass { .other }
  func isAlias(_ address: MailAddress) -> Bool { false }
  func failure(of address: MailAddress) -> DeliveryFailure? { nil }
  func lists(_ address: MailAddress, of addressClass: DomainClass) -> Bool { true }

  func knowsCertificate(_ fingerprint: String) throws(AccessError) -> Bool {
    if fingerprint.hasPrefix("DOWN") { throw .lookupFailed("relay_clientcerts: it is down") }
    return ["AA:01", "BB:02"].contains(fingerprint)
  }
}

@Suite struct CertificateTests {
  private static func certificate(
    _ fingerprint: String = "CC:03", _ key: String = "DD:04", isTrusted: Bool = false
  ) -> AccessCertificate {
    AccessCertificate(
      name: "client.test", fingerprint: fingerprint, keyFingerprint: key, isTrusted: isTrusted)
  }

  private static func reply(
    _ list: String, _ certificate: AccessCertificate?, asks: Bool = true
  ) async throws -> String {
    let policy = try AccessPolicy(
      settings {
        $0.restrictions[.relay] = words("\(list), reject_unauth_destination")
        $0.asksForCertificates = asks
      }, site: CertifiedSite(), pause: { _ in })
    var request = AccessRequest(
      clientAddress: stranger, sender: MailAddress("a@b.test"),
      recipient: MailAddress("a@other.test"))
    request.certificate = certificate
    var history = AccessHistory()
    return await policy.judge(.recipient, request, &history).refusal?.logText ?? "ok"
  }

  private static let denied = "554 5.7.1 <a@other.test>: Relay access denied"

  @Test(arguments: ["permit_tls_clientcerts", "permit_tls_all_clientcerts"])
  func knownFingerprintsMayRelayWhoeverSignedThem(verb: String) async throws {
    #expect(try await Self.reply(verb, Self.certificate("AA:01")) == "ok")
    #expect(try await Self.reply(verb, Self.certificate("CC:03", "BB:02")) == "ok")
    #expect(try await Self.reply(verb, Self.certificate()) == Self.denied)
    #expect(try await Self.reply(verb, nil) == Self.denied)
  }

  @Test func trustAloneIsEnoughOnlyWhereAllMayRelay() async throws {
    let trusted = Self.certificate(isTrusted: true)
    #expect(try await Self.reply("permit_tls_clientcerts", trusted) == Self.denied)
    #expect(try await Self.reply("permit_tls_all_clientcerts", trusted) == "ok")
  }

  @Test func aTableThatDoesNotAnswerPermitsNobodyAndRefusesForNow() async throws {
    let reply = try await Self.reply("permit_tls_clientcerts", Self.certificate("DOWN"))
    #expect(reply == "451 4.3.0 <a@other.test>: Temporary lookup failure")
  }

  private static let table =
    "inline:{ AA:01=OK, { BB:02 = 450 later }, { EE:05 = REJECT go away } }"

  @Test(arguments: [
    (table, "AA:01", "BB:02", "ok"),
    (table, "CC:03", "BB:02", "450 4.7.1 <client.test>: Client certificate rejected: later"),
    (table, "EE:05", "BB:02", "554 5.7.1 <client.test>: Client certificate rejected: go away"),
    (table, "CC:03", "DD:04", denied),
    ("{ \(table), { search_order = pubkey_fingerprint } }", "AA:01", "CC:03", denied),
    (
      "{ \(table), { search_order = pubkey_fingerprint, cert_fingerprint } }", "AA:01", "BB:02",
      "450 4.7.1 <client.test>: Client certificate rejected: later"
    ), ("{ \(table) }", "AA:01", "BB:02", "ok"),
  ])
  func aTableIsAskedAboutFingerprints(
    table: String, fingerprint: String, key: String, reply: String
  ) async throws {
    let certificate = Self.certificate(fingerprint, key)
    #expect(try await Self.reply("check_ccert_access \(table)", certificate) == reply)
    #expect(try await Self.reply("check_ccert_access \(table)", nil) == Self.denied)
  }

  @Test(arguments: [
    "check_ccert_access", "check_ccert_access {}", "check_ccert_access { static:OK, x }",
    "check_ccert_access { static:OK, { search_order = } }",
    "check_ccert_access { static:OK, { search_order = serial } }",
    "check_ccert_access { static:OK, { default = x } }", "check_ccert_access nothing",
  ])
  func whatCannotBeATableIsRefused(list: String) {
    #expect {
      try policy { $0.restrictions[.client] = words(list) }
    } throws: { error in
      if case AccessError.badArgument(_, "check_ccert_access", _) = error { return true }
      return false
    }
  }

  @Test func whoeverDoesNotAskForCertificatesIsTold() throws {
    func warnings(_ asks: Bool) throws -> [String] {
      try policy {
        $0.asksForCertificates = asks
        $0.classes = ["mine": words("check_ccert_access static:OK")]
        $0.restrictions[.relay] = words("permit_tls_clientcerts, reject_unauth_destination")
      }.warnings.map(\.description)
    }
    #expect(try warnings(true).isEmpty)
    let tail = "is requested, but \"smtpd_tls_ask_ccert = no\""
    #expect(
      try warnings(false) == [
        "mine: check_ccert_access \(tail)",
        "smtpd_relay_restrictions: permit_tls_clientcerts \(tail)",
      ])
  }
}
