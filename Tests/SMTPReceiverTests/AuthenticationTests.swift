import AccessPolicy
import Configuration
import LookupTables
import MailSite
import Primitives
import QueueFormat
import QueueStore
import Reactor
import SMTPServerCore
import Streams
import Testing

@testable import SMTPReceiver

@Suite struct AuthenticationTests {
  init() { Reactor.startThread() }

  /// A server whose users `dovecot` knows, with lines of `main.cf`.
  @ReactorActor
  private func fixture(
    _ dovecot: FakeDovecot, _ lines: String = "", debugPeer: IPAddress? = nil
  ) throws -> Fixture {
    let text = """
      smtpd_sasl_auth_enable = yes
      smtpd_sasl_type = dovecot
      smtpd_sasl_path = \(dovecot.path)
      \(lines)

      """
    let evaluation = Configuration.evaluate(
      MainFile(Array(text.utf8), file: "main.cf"),
      host: HostFacts(hostname: "mx.example.org", interfaces: []))
    #expect(!evaluation.hasErrors)
    let rules = try AuthenticationRules(evaluation.configuration, tables: TableOpener { _ in nil })
    return try Fixture(
      debugPeer: debugPeer, authentication: rules,
      change: {
        $0.authenticates = true
        $0.hardErrorLimit = 100
      },
      access: { $0.restrictions[.relay] = ["permit_sasl_authenticated", "reject"] })
  }

  private static let alice = FakeDovecot.letters("\0alice\0secret")
  private static let success = "235 2.7.0 Authentication successful"

  @Test @ReactorActor func whoLogsInMaySendAndIsNamed() async throws {
    let dovecot = try FakeDovecot()
    try dovecot.start()
    let fixture = try fixture(dovecot, "smtpd_sasl_authenticated_header = yes")
    let client = try await fixture.connect()
    #expect(try await client.ask("EHLO c").contains("|250-AUTH PLAIN LOGIN CRAM-MD5|250-ENH"))
    #expect(try await client.ask("MAIL FROM:<a@b>") == "250 2.1.0 Ok")
    #expect(try await client.ask("RCPT TO:<x@elsewhere.example>").hasPrefix("554 5.7.1"))
    _ = try await client.ask("RSET")
    #expect(try await client.ask("AUTH PLAIN \(Self.alice)") == Self.success)
    _ = try await client.ask("MAIL FROM:<a@b> AUTH=c+3Dd")
    #expect(try await client.ask("RCPT TO:<x@elsewhere.example>") == "250 2.1.5 Ok")
    _ = try await client.ask("DATA")
    #expect(try await client.ask("Subject: x\r\n\r\nx\r\n.").hasPrefix("250 2.0.0"))
    let message = try #require(fixture.spool.messages.first)
    #expect(
      message.envelope.sasl
        == SASLAttributes(
          method: Array("PLAIN".utf8), user: Array("alice".utf8), sender: Array("c+3Dd".utf8)))
    let header = String(decoding: message.content[..<message.headerLength], as: UTF8.self)
    let trace = "\t(Authenticated sender: alice)\r\n\tby mx.example.org (Martinet) with ESMTPA id "
    #expect(header.contains(trace))
    let line = "smtpd: \(message.id): client=unknown[192.0.2.7], sasl_method=PLAIN, "
    #expect(
      try fixture.logLines().contains(line + "sasl_username=alice, sasl_sender=c+3Dd"))
    #expect(
      dovecot.lines.last
        == "AUTH\t1\tPLAIN\tservice=smtp\tnologin\trip=192.0.2.7\trport=4321\tresp=\(Self.alice)")
  }

  @Test @ReactorActor func challengesGoToTheClientAndBack() async throws {
    let dovecot = try FakeDovecot()
    try dovecot.start()
    let fixture = try fixture(dovecot)
    let client = try await fixture.connect()
    _ = try await client.ask("EHLO c")
    // More than a command line may hold is a response.
    let long = String(repeating: "A", count: 4096)
    #expect(try await client.ask("AUTH LOGIN") == "334 VXNlcm5hbWU6")
    #expect(
      try await client.ask(long)
        == "535 5.7.8 Error: authentication failed: (reason unavailable)")
    #expect(try await client.ask("AUTH LOGIN") == "334 VXNlcm5hbWU6")
    #expect(
      try await client.ask(String(repeating: "A", count: 12292))
        == "500 5.5.6 SASL response limit exceeded")
    #expect(try await client.ask("NOOP " + long) == "500 5.5.2 Error: line too long")
    #expect(try await client.ask("AUTH LOGIN") == "334 VXNlcm5hbWU6")
    #expect(try await client.ask("*") == "501 5.7.0 Authentication aborted")
    try await client.send(
      "AUTH LOGIN\r\n\(FakeDovecot.letters("alice"))\r\n\(FakeDovecot.letters("secret"))\r\n")
    #expect(
      try await client.replies(3) == ["334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6", Self.success])
    let cancelled = dovecot.lines.filter { $0.hasPrefix("CANCEL") }
    #expect(cancelled.count == 2)
    #expect(dovecot.connections == 1)
  }

  @Test @ReactorActor func failuresAreLoggedAsProgramsThatBanLookForThem() async throws {
    let dovecot = try FakeDovecot()
    try dovecot.start()
    let fixture = try fixture(dovecot)
    let client = try await fixture.connect()
    let wrong = FakeDovecot.letters("\0alice\0wrong")
    _ = try await client.ask("AUTH PLAIN \(wrong)")
    _ = try await client.ask("AUTH FOO")
    #expect(
      try await client.ask("AUTH PLAIN \(FakeDovecot.letters("away"))")
        == "454 4.7.0 Temporary authentication failure: Connection lost to authentication server")
    let start = "smtpd: warning: unknown[192.0.2.7]: SASL"
    #expect(
      try fixture.logLines().filter { $0.contains("SASL") } == [
        "\(start) PLAIN authentication failed: (reason unavailable), sasl_username=alice",
        "\(start) FOO authentication failed: Invalid authentication mechanism, "
          + "sasl_username=(unavailable)",
        "\(start) PLAIN authentication failed: Connection lost to authentication server, "
          + "sasl_username=(unavailable)",
      ])
    // What the server does not offer it is never asked for: that would end its connection.
    #expect(!dovecot.lines.contains { $0.contains("FOO") })
  }

  @Test @ReactorActor func mechanismsAreWhatTheOptionsAndTheFilterLeave() async throws {
    for (lines, offered) in [
      ("smtpd_sasl_security_options = noanonymous, noplaintext", "CRAM-MD5"),
      ("smtpd_sasl_mechanism_filter = login, plain", "PLAIN LOGIN"),
      ("smtpd_sasl_mechanism_filter = !plain, static:rest", "LOGIN CRAM-MD5"),
      ("smtpd_sasl_mechanism_filter =", "PLAIN LOGIN CRAM-MD5"),
    ] {
      let dovecot = try FakeDovecot()
      try dovecot.start()
      let client = try await fixture(dovecot, lines).connect()
      #expect(try await client.ask("EHLO c").contains("|250-AUTH \(offered)|"))
      for mechanism in ["PLAIN", "CRAM-MD5"] where !offered.contains(mechanism) {
        #expect(
          try await client.ask("AUTH \(mechanism)")
            == "535 5.7.8 Error: authentication failed: Invalid authentication mechanism")
      }
    }
  }

  @Test @ReactorActor func someClientsAreNotOfferedItAndMayStillLogIn() async throws {
    let dovecot = try FakeDovecot()
    try dovecot.start()
    let fixture = try fixture(dovecot, "smtpd_sasl_exceptions_networks = 192.0.2.0/24")
    let client = try await fixture.connect()
    #expect(try await !client.ask("EHLO c").contains("AUTH"))
    #expect(try await client.ask("AUTH PLAIN \(Self.alice)") == Self.success)
    let other = try await fixture.connect(from: "198.51.100.1")
    #expect(try await other.ask("EHLO c").contains("AUTH"))
  }

  @Test @ReactorActor func aServerThatIsStartedAnewIsFoundAgain() async throws {
    let dovecot = try FakeDovecot()
    try dovecot.start()
    let fixture = try fixture(dovecot)
    let client = try await fixture.connect()
    #expect(try await client.ask("AUTH LOGIN") == "334 VXNlcm5hbWU6")
    dovecot.stop(forGood: false)
    #expect(
      try await client.ask(FakeDovecot.letters("alice"))
        == "454 4.7.0 Temporary authentication failure: Connection lost to authentication server")
    #expect(try await client.ask("AUTH PLAIN \(Self.alice)") == Self.success)
    #expect(dovecot.connections == 2)
  }

  @Test @ReactorActor func withoutAServerMailGoesOn() async throws {
    let dovecot = try FakeDovecot()
    let fixture = try fixture(dovecot)
    let client = try await fixture.connect()
    #expect(try await !client.ask("EHLO c").contains("AUTH"))
    #expect(
      try await client.ask("AUTH PLAIN \(Self.alice)")
        == "454 4.7.0 Temporary authentication failure: Connection lost to authentication server")
    #expect(try await client.ask("MAIL FROM:<a@b>") == "250 2.1.0 Ok")
    let lines = try fixture.logLines().filter { $0.contains("Dovecot auth socket") }
    #expect(lines.count == 1)
    #expect(lines.first?.hasSuffix("'\(dovecot.path)' failed: No such file or directory") == true)
  }

  @Test @ReactorActor func aServerThatDoesNotAnswerIsNotWaitedForForEver() async throws {
    let dovecot = try FakeDovecot()
    try dovecot.start()
    let fixture = try fixture(dovecot, "smtpd_sasl_auth_timeout = 1s")
    dovecot.isSilent = true
    let client = try await fixture.connect()
    #expect(
      try await client.ask("AUTH PLAIN \(Self.alice)")
        == "454 4.7.0 Temporary authentication failure: Connection lost to authentication server")
    // It would keep all others waiting: the next has a connection of its own.
    dovecot.isSilent = false
    #expect(try await client.ask("AUTH PLAIN \(Self.alice)") == Self.success)
    #expect(dovecot.connections == 2)
    let lines = try fixture.logLines().filter { $0.contains("Dovecot auth socket") }
    #expect(
      lines == [
        "smtpd: warning: SASL: Dovecot auth socket '\(dovecot.path)' does not answer: it is "
          + "connected to anew",
        "smtpd: SASL: Dovecot auth socket '\(dovecot.path)' answers again",
      ])
    // Whoever makes it happen again does not fill the log.
    dovecot.isSilent = true
    let other = try await fixture.connect()
    #expect(try await other.ask("AUTH PLAIN \(Self.alice)").hasPrefix("454 4.7.0"))
    dovecot.isSilent = false
    #expect(try await other.ask("AUTH PLAIN \(Self.alice)") == Self.success)
    #expect(dovecot.connections == 3)
    #expect(try fixture.logLines().filter { $0.contains("Dovecot auth socket") } == lines)
  }

  @Test @ReactorActor func aServerThatIsSlowWithOneUserServesTheOthers() async throws {
    let dovecot = try FakeDovecot()
    try dovecot.start()
    let fixture = try fixture(dovecot, "smtpd_sasl_auth_timeout = 1s")
    let client = try await fixture.connect()
    let other = try await fixture.connect()
    try await client.send("AUTH PLAIN \(FakeDovecot.letters("slow"))\r\n")
    try await dovecot.waitForLines(3)
    #expect(try await other.ask("AUTH PLAIN \(Self.alice)") == Self.success)
    #expect(try await client.replies(1)[0].hasPrefix("454 4.7.0 Temporary authentication"))
    // Nobody waits for the late answer.
    try await dovecot.waitForLines(5)
    #expect(dovecot.lines.last == "CANCEL\t1")
    #expect(dovecot.connections == 1)
  }

  @Test @ReactorActor func aServerThatSpeaksOtherwiseIsNotUsed() async throws {
    let dovecot = try FakeDovecot()
    dovecot.greeting = "VERSION\t2\t0\n"
    try dovecot.start()
    let fixture = try fixture(dovecot)
    let client = try await fixture.connect()
    #expect(try await !client.ask("EHLO c").contains("AUTH"))
    let lines = try fixture.logLines().filter { $0.contains("Dovecot auth socket") }
    #expect(lines.first?.hasSuffix("it speaks another version of the protocol") == true)
  }

  @Test @ReactorActor func aClientThatLeavesEndsItsExchange() async throws {
    let dovecot = try FakeDovecot()
    try dovecot.start()
    let client = try await fixture(dovecot).connect()
    #expect(try await client.ask("AUTH LOGIN") == "334 VXNlcm5hbWU6")
    client.stream.close()
    try await dovecot.waitForLines(4)
    #expect(dovecot.lines.last == "CANCEL\t1")
  }

  @Test @ReactorActor func passwordsAreInNoLog() async throws {
    let dovecot = try FakeDovecot()
    try dovecot.start()
    let fixture = try fixture(dovecot, debugPeer: IPAddress("192.0.2.7"))
    let client = try await fixture.connect()
    _ = try await client.ask("EHLO c")
    let secret = FakeDovecot.letters("secret")
    let user = FakeDovecot.letters("alice")
    _ = try await client.ask("AUTH PLAIN \(FakeDovecot.letters("\0alice\0wrong"))")
    _ = try await client.ask("AUTH LOGIN")
    _ = try await client.ask(user)
    _ = try await client.ask("*")
    try await client.send("AUTH FOO\r\n\(secret)\r\n")
    _ = try await client.replies(2)
    try await client.send("AUTH LOGIN\r\n\(user)\r\n\(secret)\r\n")
    _ = try await client.replies(3)
    try await client.send("NOOP\r\nAUTH PLAIN \(Self.alice)\r\n")
    _ = try await client.replies(1)
    let text = try fixture.logLines().joined(separator: "\n")
    for secret in [secret, user, Self.alice, FakeDovecot.letters("\0alice\0wrong")] {
      #expect(!text.contains(secret))
    }
    #expect(text.contains("smtpd: < unknown[192.0.2.7]: AUTH LOGIN"))
    #expect(text.contains("improper command pipelining after NOOP"))
  }
}
