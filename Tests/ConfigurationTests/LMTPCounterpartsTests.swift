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

  @Test func aCounterpartMayBeTakenFromTheNameOfSMTP() throws {
    let evaluation = Sample.evaluate(
      """
      smtp_tls_security_level = encrypt
      lmtp_tls_security_level = $smtp_tls_security_level
      smtp_sasl_auth_enable = yes
      smtp_sasl_password_maps = inline:{mx.test=user:a$$$$\u{301}b}
      lmtp_sasl_auth_enable = ${smtp_sasl_auth_enable}
      lmtp_sasl_password_maps = $mine
      mine = $smtp_sasl_password_maps
      smtp_tls_CAfile = /$lmtp_tls_CApath/ca
      lmtp_tls_CAfile = $smtp_tls_CAfile
      lmtp_tls_CApath = authorities

      """)
    #expect(evaluation.diagnostics.isEmpty, "\(evaluation.diagnostics)")
    let lmtp = evaluation.configuration.forLMTP
    #expect(lmtp[.smtpTLSSecurityLevel] == .encrypt)
    #expect(lmtp[.smtpSASLAuthEnable])
    #expect(lmtp[.smtpSASLPasswordMaps] == ["inline:{mx.test=user:a$$\u{301}b}"])
    #expect(lmtp[.smtpTLSCAfile] == "/authorities/ca")
  }

  @Test func errorsNameWhatTheAdministratorSet() throws {
    let found = Sample.evaluate("lmtp_sasl_auth_enable = yes\n").diagnostics
    #expect(found.map(\.severity) == [.error])
    #expect(
      found.first?.description
        == "error: main.cf, line 1: lmtp_sasl_password_maps: name a table of user:password, or "
        + "set lmtp_sasl_auth_enable = no")
    let lmtp = Sample.evaluate("").configuration.forLMTP
    #expect(
      lmtp.named(
        "smtp_tls_CAfile: cannot read /smtp_tls_CAfile/smtp_tls_loglevel.pem, not $smtp_tls_x")
        == "lmtp_tls_CAfile: cannot read /smtp_tls_CAfile/smtp_tls_loglevel.pem, not $smtp_tls_x")
    let bad = Sample.evaluate("lmtp_tls_security_level = much\n").diagnostics
    #expect(bad.first?.subject == "lmtp_tls_security_level")
  }

  @Test func everyCounterpartIsDeclaredOnce() {
    let names = LMTPCounterparts.declarations.map(\.name)
    #expect(Set(names).count == names.count && names.allSatisfy { $0.hasPrefix("lmtp_") })
    for name in names { #expect(PostfixParameters.entries[name] == nil, "\(name)") }
  }
}
