import Primitives
import Reactor
import Testing

@testable import SMTPReceiver

@Suite struct SoftBounceTests {
  init() { Reactor.startThread() }

  @Test(arguments: [
    ("250 2.1.0 Ok\r\n", "250 2.1.0 Ok\r\n"),
    ("550 5.1.1 <a@b>: no 550 5.1.1\r\n", "450 4.1.1 <a@b>: no 550 5.1.1\r\n"),
    ("500 Error\r\n", "400 Error\r\n"),
    ("554-5.7.1 a\r\n554 5.7.1 b\r\n", "454-4.7.1 a\r\n454 4.7.1 b\r\n"),
    ("250 Ok\r\n503 5.5.1 Error\r\n", "250 Ok\r\n403 4.5.1 Error\r\n"), ("5", "4"), ("", ""),
  ])
  func whatIsPermanentBecomesTemporary(before: String, after: String) {
    var bytes = Array(before.utf8)
    SoftReplies.soften(&bytes, from: 0)
    #expect(String(decoding: bytes, as: UTF8.self) == after)
  }

  @Test @ReactorActor func repliesAndTheirLogLinesAreSoft() async throws {
    let fixture = try Fixture(softBounce: true)
    let client = try await fixture.connect()
    #expect(try await client.ask("FOO") == "400 4.5.2 Error: command not recognized")
    _ = try await client.ask("HELO c")
    _ = try await client.ask("MAIL FROM:<>")
    #expect(
      try await client.ask("RCPT TO:<c@elsewhere.example>")
        == "454 4.7.1 <c@elsewhere.example>: Relay access denied")
    #expect(try await client.ask("DATA") == "454 4.5.1 Error: no valid recipients")
    let reject = try #require(try fixture.logLines().first { $0.contains("reject: RCPT") })
    #expect(reject.contains(": 454 4.7.1 <c@elsewhere.example>: Relay access denied; from=<>"))
  }
}
