import Testing

@testable import Configuration

@Suite struct ServiceCheckTests {
  private func findings(_ text: String) -> [String] {
    let file = MasterFile(Array(text.utf8), file: "/e/master.cf")
    #expect(file.diagnostics.isEmpty)
    return ServiceCheck(file.services, directory: "/e").diagnostics().map(\.description)
  }

  @Test func whatIsServedAsItStandsNeedsNoWord() {
    let text = """
      smtp inet n - n - - smtpd
      submission inet n - n - - smtpd
      smtp unix - - n - - smtp
      local unix - n n - - local
      """
    #expect(findings(text).isEmpty)
  }

  @Test(arguments: [
    "inet n - n - - smtpd", "unix - - n - - smtp", "unix - - n - - lmtp", "unix - n n - - local",
    "unix - n n - - virtual", "unix n - n - 0 cleanup", "unix - - n - - error",
  ])
  func aProgramThatTakesNoArgumentsIsGivenNone(line: String) {
    let text = """
      # A value with a space ends behind its first word.
      x \(line) -v
        -o smtpd_client_restrictions=permit_sasl_authenticated, reject
        -o smtpd_tls_security_level=encrypt
      """
    #expect(
      findings(text).first
        == "error: /e/master.cf, line 2: x: unexpected argument \"reject\": a value with spaces "
        + "stands in braces, as in -o { name = value }")
  }

  @Test func aValueWithSpacesStandsInBraces() {
    let text = """
      smtp inet n - n - - smtpd -v -v
        -o { smtpd_client_restrictions = permit_sasl_authenticated, reject }
        -o smtpd_tls_security_level=encrypt
      """
    #expect(findings(text).isEmpty)
    let service = MasterFile(Array(text.utf8), file: "/e/master.cf").services.first
    #expect(
      service?.overrides.map { "\($0.name)=\($0.value)" } == [
        "smtpd_client_restrictions=permit_sasl_authenticated, reject",
        "smtpd_tls_security_level=encrypt",
      ])
  }

  @Test func whatIsBuiltInIsSaidOnceAsInformation() {
    let text = """
      cleanup unix n - y - 0 cleanup
      bounce unix - - y - 0 bounce
      defer unix - - y - 0 bounce
      postlog unix-dgram n - n - 1 postlogd
      """
    let found = findings(text)
    #expect(found.count == 1)
    #expect(
      found.first?.hasPrefix(
        "information: /e/master.cf: cleanup, bounce, defer, postlog: built in: ") == true)
  }

  @Test func aChrootIsSaidToBeReplaced() {
    let found = findings("smtp inet n - y - - smtpd\nsmtp unix - - y - - smtp\n")
    #expect(found.count == 1)
    #expect(found.first?.hasPrefix("information: /e/master.cf: smtp: chroot: ") == true)
  }

  @Test func whatIsMissingIsNamedWithWhatThatMeans() {
    let text = """
      smtp inet n - n - 1 postscreen
      dovecot unix - n n - - pipe flags=DRhu user=vmail argv=/bin/true
      mda unix - n n - - lmtp
      policy unix - n n - 0 spawn user=nobody argv=/bin/true
      odd unix - n n - - frobnicate
      smtpd pass - - n - - smtpd
      """
    #expect(
      findings(text) == [
        "warning: /e/master.cf, line 5: odd: there is no program frobnicate: "
          + "the service does not run",
        "warning: /e/master.cf, line 4: policy: spawn is not implemented yet: "
          + "nobody answers on its socket, and policy services that it would start do not run",
        "warning: /e/master.cf, line 1: smtp: postscreen is not implemented yet: "
          + "nobody listens on its port; give the port to smtpd",
        "warning: /e/master.cf, line 6: smtpd: a service of type pass that runs smtpd "
          + "is not served yet",
      ])
  }
}
