import Testing

@testable import Configuration

struct ConfigurationCoverageTests {
  private func lines(_ main: String, _ master: String = "") -> [String] {
    let services = MasterFile(Array(master.utf8), file: "master.cf").services
    let file = MainFile(Array(main.utf8), file: "main.cf")
    return ConfigurationCoverage(file, services: services, host: Sample.host).lines.map {
      "\($0.subject): \($0.standing.rawValue)"
    }
  }

  @Test func eachAssignmentHasItsStanding() {
    #expect(
      lines(
        """
        myhostname = a.example.com
        own = x
        smtp_helo_name = $own
        readme_directory = no
        canonical_maps = hash:/etc/x
        typo = 1
        gone_destination_recipient_limit = 1
        """,
        "smtp inet n - n - - smtpd -o smtpd_timeout=5 -o strict_8bitmime=yes\n") == [
          "myhostname: honoured", "own: own name", "smtp_helo_name: honoured",
          "readme_directory: harmless", "canonical_maps: not yet", "typo: unknown",
          "gone_destination_recipient_limit: harmless", "smtp/inet/smtpd_timeout: honoured",
          "smtp/inet/strict_8bitmime: not yet",
        ])
  }

  @Test func whatPostfixsLMTPIgnoresMayBeIgnored() {
    let names = ["lmtp_sender_dependent_authentication", "lmtp_tls_connection_reuse"]
    #expect(lines(names.map { "\($0) = yes\n" }.joined()) == names.map { "\($0): harmless" })
  }

  @Test func anOldNameStandsAsThoseThatReferToIt() {
    #expect(
      lines(
        "fallback_relay = [a.test]\nvirtual_maps = hash:/x\npostscreen_blacklist_action = drop\n")
        == [
          "fallback_relay: not yet", "virtual_maps: honoured",
          "postscreen_blacklist_action: not yet",
        ])
  }

  @Test func aValueThatIsTheDefaultAsksForNothing() {
    #expect(lines("canonical_maps =\n") == ["canonical_maps: honoured"])
  }
}
