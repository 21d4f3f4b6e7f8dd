import Configuration
import Testing

struct SASLClientCheckTests {
  private func errors(_ text: String) -> [String] {
    Configuration.evaluate(
      MainFile(Array(text.utf8), file: "main.cf"),
      host: HostFacts(hostname: "mx.test", interfaces: [])
    ).diagnostics.filter { $0.severity == .error }.map { "\($0)" }
  }

  @Test(arguments: [
    ("smtp_sasl_password_maps =", "smtp_sasl_password_maps"),
    ("smtp_sasl_security_options = noplain", "smtp_sasl_security_options"),
    ("smtp_sasl_tls_security_options = none", "smtp_sasl_tls_security_options"),
    ("smtp_sasl_tls_verified_security_options = x", "smtp_sasl_tls_verified_security_options"),
    ("smtp_sasl_type = dovecot", "smtp_sasl_type"),
  ])
  func whatCannotBeUsedIsNamedWithItsPlace(line: String, name: String) {
    let base = "smtp_sasl_password_maps = static:u:p\n\(line)\n"
    let found = errors("smtp_sasl_auth_enable = yes\n" + base)
    #expect(!found.isEmpty && found.contains { $0.contains(name) && $0.contains("main.cf") })
  }

  @Test func whoDoesNotLogInNeedsNothing() {
    #expect(errors("smtp_sasl_security_options = noplain\n") == [])
    #expect(
      errors("smtp_sasl_auth_enable = yes\nsmtp_sasl_password_maps = static:u:p\n") == [])
  }
}
