import Primitives
import SASL
import Testing

@testable import Configuration

@Suite struct SASLCheckTests {
  private func errors(_ text: String) -> [String] {
    Sample.evaluate(text).diagnostics.filter { $0.severity == .error }.map(\.description)
  }

  @Test func cyrusIsNamedWithItsPlace() {
    let advice =
      "the Cyrus library is not here: set smtpd_sasl_type = dovecot and smtpd_sasl_path to the "
      + "socket of Dovecot's authentication server, such as private/auth, or "
      + "smtpd_sasl_auth_enable = no"
    #expect(
      errors("smtpd_sasl_auth_enable = yes\n") == [
        "error: main.cf, line 1: smtpd_sasl_type: \(advice)"
      ])
    #expect(
      errors("smtpd_sasl_auth_enable = yes\nsmtpd_sasl_type = cyrus\n") == [
        "error: main.cf, line 2: smtpd_sasl_type: \(advice)"
      ])
    #expect(errors("smtpd_sasl_type = cyrus\n") == [])
  }

  @Test func aServiceHasAnErrorOfItsOwn() {
    let main = Sample.evaluate("smtpd_sasl_type = cyrus\n").configuration
    let location = SourceLocation(file: "master.cf", line: 7)
    let option = Assignment(name: "smtpd_sasl_auth_enable", value: "yes", location: location)
    let found = main.overlaid(by: [option]).diagnostics
    #expect(found.map(\.severity) == [.error])
    #expect(found.first?.subject == "smtpd_sasl_type")
  }

  @Test(arguments: [
    ("smtpd_sasl_path = inet:dovecot", "smtpd_sasl_path"),
    ("smtpd_sasl_path = inet:127.0.0.1:0", "smtpd_sasl_path"),
    ("smtpd_sasl_security_options = noplaintext nofoo", "smtpd_sasl_security_options"),
    ("smtpd_sasl_tls_security_options = nofoo", "smtpd_sasl_tls_security_options"),
    ("smtpd_sasl_response_limit = 100", "smtpd_sasl_response_limit"),
  ])
  func whatCannotBeUsedIsAnError(line: String, subject: String) {
    let found = Sample.evaluate(
      "smtpd_sasl_auth_enable = yes\nsmtpd_sasl_type = dovecot\n\(line)\n"
    ).diagnostics.filter { $0.severity == .error }
    #expect(found.first?.subject == subject)
    #expect(found.first?.location?.line == 3)
  }

  @Test func theServerIsFoundAsInPostfix() throws {
    func address(_ path: String) -> SASLServerAddress? {
      Sample.evaluate("queue_directory = /spool\nsmtpd_sasl_path = \(path)\n").configuration
        .saslServerAddress
    }
    #expect(address("private/auth") == .unix(path: "/spool/private/auth"))
    #expect(address("unix:private/auth") == .unix(path: "/spool/private/auth"))
    #expect(address("/run/dovecot/auth") == .unix(path: "/run/dovecot/auth"))
    #expect(address("inet:192.0.2.1:12345") == .inet(IPAddress("192.0.2.1")!, port: 12345))
    #expect(address("inet:[2001:db8::1]:12345") == .inet(IPAddress("2001:db8::1")!, port: 12345))
    #expect(address("inet:localhost:12345") == .inet(IPAddress("127.0.0.1")!, port: 12345))
  }

  @Test func underTLSOtherOptionsMayCount() throws {
    let configuration = Sample.evaluate(
      "smtpd_sasl_security_options = noanonymous, noplaintext\n"
        + "smtpd_sasl_tls_security_options = noanonymous\n"
    ).configuration
    let plain = SASLMechanism("PLAIN", .plaintext)
    #expect(try !#require(configuration.saslOptions(underTLS: false)).allow(plain))
    #expect(try #require(configuration.saslOptions(underTLS: true)).allow(plain))
  }
}
