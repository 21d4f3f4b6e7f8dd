import Testing

@testable import Configuration

/// The `lmtp_` names of TLS and logins.
struct LMTPCounterpartsTests {
  @Test func eachNameMeansForLMTPWhatItsCounterpartMeansForSMTP() throws {
    let evaluation = Sample.evaluate(
      """
      lmtp_tls_security_level = encrypt
      lmtp_tls_CAfile = /authorities
      smtp_tls_security_level = may
      lmtp_starttls_timeout = 7s

      """)
    #expect(evaluation.diagnostics.isEmpty, "\(evaluation.diagnostics)")
    let plain = evaluation.configuration
    let lmtp = plain.forLMTP
    #expect(plain[.smtpTLSSecurityLevel] == .may && !plain.isForLMTP)
    #expect(lmtp[.smtpTLSSecurityLevel] == .encrypt && lmtp.isForLMTP)
    #expect(lmtp[.smtpTLSCAfile] == "/authorities" && plain[.smtpTLSCAfile].isEmpty)
    #expect(lmtp[.smtpStarttlsTimeout] == .seconds(7))
    #expect(plain[.smtpStarttlsTimeout] == .seconds(300))
    // Postfix has another default here.
    #expect(lmtp[.smtpTLSSecureCertMatch] == ["nexthop"])
    #expect(plain[.smtpTLSSecureCertMatch] == ["nexthop", "dot-nexthop"])
    #expect(lmtp.location(of: "smtp_tls_CAfile")?.line == 2)
  }

  @Test func errorsNameWhatTheAdministratorSet() throws {
    let found = Sample.evaluate("lmtp_sasl_auth_enable = yes\n").diagnostics
    #expect(found.map(\.severity) == [.error])
    #expect(
      found.first?.description
        == "error: main.cf, line 1: lmtp_sasl_password_maps: name a table of user:password, or "
        + "set lmtp_sasl_auth_enable = no")
    let bad = Sample.evaluate("lmtp_tls_security_level = much\n").diagnostics
    #expect(bad.first?.subject == "lmtp_tls_security_level")
  }

  @Test func everyCounterpartIsDeclaredOnce() {
    let names = LMTPCounterparts.declarations.map(\.name)
    #expect(Set(names).count == names.count && names.allSatisfy { $0.hasPrefix("lmtp_") })
    for name in names { #expect(PostfixParameters.entries[name] == nil, "\(name)") }
  }
}
