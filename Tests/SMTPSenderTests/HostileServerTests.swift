import LinuxSystem
import MailTypes
import Primitives
import Reactor
import ServiceKit
import Streams
import Testing

/// Servers that do what no server should.
@Suite struct HostileServerTests {
  init() { Reactor.startThread() }

  private static let pause = Duration.milliseconds(300)

  /// The last two of `delays=a/b/c/d` in seconds.
  @ReactorActor private func delays(_ fixture: SenderFixture) throws -> (Double, Double) {
    let log = try fixture.log()
    let parts = log.firstMatch(of: #/delays=[^/]+/[^/]+/([^/]+)/([^,]+),/#)
    let match = try #require(parts, "\(log)")
    return (try #require(Double(match.1)), try #require(Double(match.2)))
  }

  @Test @ReactorActor func aServerThatHangsUpUnderTheContentIsTriedAgain() async throws {
    let fixture = try await SenderFixture()
    let server = try WireServer()
    let body = String(repeating: String(repeating: "x", count: 70) + "\r\n", count: 200_000)
    try fixture.deliver(StoredMessage(number: 1, body: body), to: server.port)
    let session = try await server.greeted()
    try await session.takeEnvelope()
    session.close()
    let verdict = try #require(try await fixture.result().verdicts.first)
    #expect(verdict.outcome == .deferred)
    let text = String(decoding: verdict.text, as: UTF8.self)
    #expect(text.hasPrefix("lost connection with "))
    #expect(text.hasSuffix(" while sending message body"))
  }

  /// The server's pace is what is tested: it says a byte, and another one, until the client leaves.
  @Test @ReactorActor func aReplyThatTricklesInDoesNotOutliveItsTimeLimit() async throws {
    let fixture = try await SenderFixture("smtp_helo_timeout = 1s\n")
    let server = try WireServer()
    try fixture.deliver(StoredMessage(number: 1, body: "x\r\n"), to: server.port)
    let session = try await server.accept()
    let trickle = reactorTask {
      for byte in "220-" + String(repeating: "z", count: 400) {
        try? await session.stream.write(Array("\(byte)".utf8))
        try? await sleep(until: Reactor.shared.now + .milliseconds(50))
      }
    }
    let result = try await fixture.result()
    trickle.cancel()
    #expect(result.connectionFailed)
    let text = String(decoding: try #require(result.verdicts.first).text, as: UTF8.self)
    #expect(text.hasSuffix(" timed out while receiving the initial server greeting"))
    let (connection, transmission) = try delays(fixture)
    #expect(connection >= 0.9)
    #expect(transmission == 0)
  }

  @Test @ReactorActor func theHandshakeIsPartOfTheConnectionsDelay() async throws {
    let fixture = try await SenderFixture()
    let server = try WireServer()
    try fixture.deliver(StoredMessage(number: 1, body: "x\r\n"), to: server.port)
    let session = try await server.accept()
    try await session.say("220 sink.test ESMTP")
    try await session.expect("EHLO ")
    try await sleep(until: Reactor.shared.now + Self.pause)
    try await session.say("250-sink.test", "250 PIPELINING")
    try await session.takeEnvelope()
    _ = try await session.content()
    try await session.say("250 2.0.0 Ok")
    #expect(try await fixture.result().verdicts.map(\.outcome) == [.sent])
    #expect(try delays(fixture).0 >= 0.29)
  }

  @Test(arguments: [
    "MAIL FROM:", "RCPT TO:", "DATA",
  ]) @ReactorActor
  func aServerThatLeavesAtAnyCommandIsTriedAgain(command: String) async throws {
    for says421 in [true, false] {
      let fixture = try await SenderFixture()
      let server = try WireServer()
      try fixture.deliver(StoredMessage(number: 1, body: "x\r\n"), to: server.port, recipients: 2)
      let session = try await server.accept()
      try await session.say("220 sink.test ESMTP")
      try await session.expect("EHLO ")
      try await session.say("250 sink.test")
      for line in ["MAIL FROM:", "RCPT TO:", "RCPT TO:", "DATA"] {
        try await session.expect(line)
        if line == command { break }
        try await session.say("250 2.1.0 Ok")
      }
      if says421 { try await session.say("421 4.3.2 going away") }
      session.close()
      let result = try await fixture.result()
      #expect(result.verdicts.map(\.outcome) == [.deferred, .deferred])
      #expect(!result.connectionFailed)
      #expect(server.sessions == 1)
    }
  }
}
