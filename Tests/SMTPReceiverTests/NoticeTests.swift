import Configuration
import LinuxSystem
import MailTypes
import Primitives
import QueueFormat
import QueueStore
import Reactor
import SMTPServerCore
import ServiceKit
import Streams
import Testing

@testable import SMTPReceiver

/// What the postmaster hears of sessions (`notify_classes`).
@Suite(.timeLimit(.minutes(1))) struct NoticeTests {
  init() { Reactor.startThread() }

  private func notices(_ classes: String) throws -> SessionNotices? {
    let text = """
      notify_classes = \(classes)
      error_notice_recipient = errors@example.org
      bounce_notice_recipient = bounces@example.org
      smtpd_history_flush_threshold = 4
      myhostname = mx.example.org
      """
    let evaluation = Configuration.evaluate(
      MainFile(Array(text.utf8), file: "main.cf"),
      host: HostFacts(hostname: "mx.example.org", interfaces: []))
    try #require(!evaluation.hasErrors)
    return SessionNotices(evaluation.configuration)
  }

  /// Waits until all sessions are over, and their notices written.
  @ReactorActor private func end(of fixture: Fixture) async throws {
    try #require(
      await fixture.sessions.waitForEnd(until: Reactor.shared.now + .seconds(30)))
  }

  private func text(of message: PendingRecord) -> String {
    String(decoding: message.content, as: UTF8.self).replacing("\r\n", with: "\n")
  }

  @Test(arguments: [
    ("250 2.0.0 Ok: queued as 4Xy", true), ("250 2.0.0 Ok: 21 bytes queued as 4Xy", true),
    ("250 2.0.0 Ok: 21 bytes", false), ("250 2.0.0 Ok: bytes queued as 4Xy", false),
  ])
  func aMessageThatIsTakenMakesUpForErrors(_ reply: String, _ isTaken: Bool) {
    var history = SessionHistory()
    history.sent(Array("502 5.5.2 Error: command not recognized\r\n".utf8)[...], linesMax: 100)
    #expect(history.errors == .protocol)
    history.sent(Array("\(reply)\r\n".utf8)[...], linesMax: 100)
    #expect(history.errors.isEmpty == isTaken)
  }

  @Test(
    arguments: [
      ("550 5.1.1 <a>: Recipient address rejected: User unknown", NoticeClasses.bounce),
      ("552 5.3.4 Error: message file too big", .bounce),
      ("554 5.4.0 Error: too many hops", .bounce),
      ("554 5.7.1 <a>: Relay access denied", .policy), ("450 4.7.1 later", .policy),
      ("504 5.5.2 <a>: Helo command rejected: need fully-qualified hostname", .policy),
      ("501 5.1.7 Bad sender address syntax", .protocol), ("500 Error", .protocol),
      ("421 4.7.0 mx Error: too many errors", .policy),
      ("452 4.3.1 Insufficient system storage", .resource),
      ("451 4.3.0 Error: queue file write error", .resource),
      ("451 4.3.0 <a>: Temporary lookup failure", .data), ("250 2.1.0 Ok", NoticeClasses()),
      ("354 End", NoticeClasses()),
      ("421 4.4.2 mx Error: timeout exceeded", NoticeClasses()),
    ] as [(String, NoticeClasses)])
  func repliesAreOfAClass(_ reply: String, _ classes: NoticeClasses) {
    #expect(NoticeClasses(ofReply: Array(reply.utf8)[...]) == classes)
  }

  @Test @ReactorActor func aSessionWithErrorsIsToldWhenItIsOver() async throws {
    let fixture = try Fixture(notices: try notices("policy, protocol"))
    let client = try await fixture.connect()
    _ = try await client.ask("HELO")
    _ = try await client.ask("AUTH PLAIN AHUAcA==")
    try await client.send("FOO\r\nQUIT\r\n")
    _ = try await client.rest()
    try await end(of: fixture)
    try #require(fixture.spool.messages.count == 1)
    let notice = fixture.spool.messages[0]
    #expect("\(notice.envelope.sender)" == "double-bounce@mx.example.org")
    #expect(notice.envelope.recipients.map { "\($0.address)" } == ["errors@example.org"])
    #expect(
      text(of: notice).contains(
        """
        To: Postmaster <errors@example.org>
        Subject: Martinet SMTP server: errors from unknown[192.0.2.7]
        """))
    #expect(
      text(of: notice).hasSuffix(
        """
        Transcript of session follows.

         Out: 220 mx.example.org ESMTP Martinet
         In:  HELO
         Out: 501 Syntax: HELO hostname
         In:  AUTH (left out)
         Out: 503 5.5.1 Error: authentication not enabled
         In:  FOO
         Out: 500 5.5.2 Error: command not recognized
         In:  QUIT
         Out: 221 2.0.0 Bye

        For other details, see the local mail logfile

        """))
  }

  /// The end of a process cancels sessions, and their notice is written nevertheless.
  @Test @ReactorActor func aSessionThatIsShutDownIsTold() async throws {
    let fixture = try Fixture(
      aliases: ["uncancelled:oncall@elsewhere.example"], notices: try notices("protocol"))
    let client = try await fixture.connect()
    _ = try await client.ask("FOO")
    await fixture.sessions.drain(deadline: Reactor.shared.now + .seconds(10))
    #expect(try await client.rest() == "421 4.3.2 mx.example.org Service shutting down\r\n")
    try #require(fixture.spool.messages.count == 1)
    let notice = fixture.spool.messages[0]
    #expect(
      notice.envelope.recipients.map { "\($0.address)" } == ["oncall@elsewhere.example"])
    #expect(
      text(of: notice).contains(
        " In:  FOO\n Out: 500 5.5.2 Error: command not recognized\n"
          + " Out: 421 4.3.2 mx.example.org Service shutting down\n"))
  }

  @Test @ReactorActor func whatIsNotToBeToldIsNot() async throws {
    let fixture = try Fixture(notices: try notices("bounce, data"))
    let client = try await fixture.connect()
    _ = try await client.ask("FOO")
    try await client.send("QUIT\r\n")
    _ = try await client.rest()
    try await end(of: fixture)
    #expect(fixture.spool.messages.isEmpty)
    #expect(try notices("2bounce, delay") == nil)
  }

  @Test @ReactorActor func aMessageMakesUpForErrorsBeforeIt() async throws {
    let fixture = try Fixture(notices: try notices("protocol"))
    let client = try await fixture.connect()
    for line in ["FOO", "HELO c", "MAIL FROM:<a@b.test>", "RCPT TO:<c@d.test>", "DATA"] {
      _ = try await client.ask(line)
    }
    _ = try await client.ask("Subject: x\r\n\r\nx\r\n.")
    try await client.send("QUIT\r\n")
    _ = try await client.rest()
    try await end(of: fixture)
    #expect(fixture.spool.messages.count == 1)
  }

  @Test @ReactorActor func aLostClientIsSaidAndATranscriptIsBounded() async throws {
    let fixture = try Fixture(notices: try notices("protocol")) {
      $0.hardErrorLimit = 1000
      $0.softErrorLimit = 1000
    }
    let client = try await fixture.connect()
    for _ in 0..<100 { _ = try await client.ask(String(repeating: "x", count: 1000)) }
    client.stream.close()
    try await end(of: fixture)
    try #require(fixture.spool.messages.count == 1)
    let text = text(of: fixture.spool.messages[0])
    #expect(text.contains("\nSession aborted, reason: lost connection\n"))
    #expect(text.contains(" more lines are left out)"))
    #expect(text.utf8.count < 20_000)
  }

  @Test @ReactorActor func troubleOfThisHostIsToldOnceInALongTime() async throws {
    let fixture = try Fixture(notices: try notices("resource, software"))
    fixture.intake.queueRefusal = .insufficientStorage
    for _ in 0..<2 {
      let client = try await fixture.connect()
      _ = try await client.ask("HELO c")
      _ = try await client.ask("MAIL FROM:<a@b.test>")
      try await client.send("QUIT\r\n")
      _ = try await client.rest()
      try await end(of: fixture)
    }
    #expect(fixture.spool.messages.count == 1)
    let text = text(of: fixture.spool.messages[0])
    #expect(text.contains(" In:  MAIL\n Out: 452 4.3.1 Insufficient system storage\n"))
  }
}
