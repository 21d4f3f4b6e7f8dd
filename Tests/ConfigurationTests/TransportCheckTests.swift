import Testing

@testable import Configuration

@Suite struct TransportCheckTests {
  private let services = MasterFile(
    Array(
      """
      smtp inet n - n - - smtpd
      smtp unix - - n - - smtp
      slow unix - - n - - smtp
      10025 inet n - n - - smtpd
        -o content_filter=
        -o local_transport=gone:x
      10026 inet n - n - - smtpd -o content_filter=slow:[127.0.0.1]

      """.utf8), file: "master.cf"
  ).services

  private func warnings(_ text: String) -> [String] {
    let configuration = Configuration.evaluate(
      MainFile(Array(text.utf8), file: "main.cf"),
      host: HostFacts(hostname: "mx.test", interfaces: [])
    ).configuration
    return TransportCheck(services).diagnostics(configuration).map(\.description)
  }

  private let ofService =
    "warning: master.cf, line 6: local_transport: master.cf has no service gone: mail for it "
    + "waits in the queue"

  @Test func whatIsThereIsNotNamed() {
    #expect(warnings("default_transport = slow:[x.test]\n") == [ofService])
    #expect(
      warnings("relay_transport = relay\nvirtual_transport = lmtp:unix:x\n") == [ofService])
    #expect(warnings("local_transport = error:no local mail\n") == [ofService])
  }

  @Test func whatIsNotThereIsNamedWithItsPlace() {
    #expect(
      warnings("x = fast\ndefault_transport = $x:[y.test]\n") == [
        "warning: main.cf, line 2: default_transport: master.cf has no service fast: mail for it "
          + "waits in the queue", ofService,
      ])
    #expect(
      warnings("content_filter = amavis:[127.0.0.1]:10024\n").first
        == "warning: main.cf, line 1: content_filter: master.cf has no service amavis: mail for it "
        + "waits in the queue")
    // A listener is no transport.
    #expect(warnings("default_transport = 10025\n").count == 2)
  }

  @Test func withoutServicesNothingIsKnown() {
    let check = TransportCheck([])
    #expect(check.unknown(in: "fast:x") == nil)
    #expect(TransportCheck(services).unknown(in: "fast:x") == "fast")
    #expect(TransportCheck(services).unknown(in: ":x") == nil)
  }

  @Test func pausesBetweenAttemptsThatContradictEachOtherAreNamed() {
    func found(_ text: String) -> [String] {
      Configuration.evaluate(
        MainFile(Array(text.utf8), file: "main.cf"),
        host: HostFacts(hostname: "mx.test", interfaces: [])
      ).diagnostics.map(\.description).filter { $0.contains("backoff") }
    }
    #expect(
      found("\nminimal_backoff_time = 5000s\n") == [
        "warning: main.cf, line 2: minimal_backoff_time: 5000s is more than maximal_backoff_time "
          + "(4000s): all mail is tried again after 4000s"
      ])
    #expect(found("maximal_backoff_time = 10s\n").count == 1)
    #expect(found("minimal_backoff_time = 4000s\n") == [])
  }
}
