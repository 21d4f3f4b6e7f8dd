import Configuration
import MailTypes
import Primitives
import Reactor
import SMTPClientCore
import ServiceKit
import Testing

@testable import SMTPSender

/// Postfix's time limits by their names.
@Suite struct TimeLimitTests {
  init() { Reactor.startThread() }

  @Test func eachLimitIsThatOfItsParameter() {
    let names = [
      "connect", "helo", "mail", "rcpt", "data_init", "data_xfer", "data_done", "rset", "quit",
    ]
    let text = names.enumerated().map { "smtp_\($1)_timeout = \($0 + 11)s\n" }.joined()
    let configuration = Configuration.evaluate(
      MainFile(Array(text.utf8), file: "main.cf"), host: HostFacts(hostname: "mx", interfaces: [])
    ).configuration
    let limits = SenderSettings(configuration, transport: "smtp").client.timeouts
    #expect(
      [
        limits.connect, limits.helo, limits.mail, limits.rcpt, limits.dataInit,
        limits.dataTransfer, limits.dataDone, limits.reset, limits.quit,
      ] == (11..<20).map { .seconds($0) })
  }

  struct Silence: Sendable, CustomTestStringConvertible {
    let parameter: String
    /// Replies before the server falls silent.
    let replies: Int
    let activity: String
    var testDescription: String { "\(parameter) after \(replies) replies" }
  }

  static let silences = [
    Silence(parameter: "helo", replies: 0, activity: "receiving the initial server greeting"),
    Silence(parameter: "helo", replies: 1, activity: "performing the EHLO handshake"),
    Silence(parameter: "mail", replies: 2, activity: "sending MAIL FROM"),
    Silence(parameter: "rcpt", replies: 3, activity: "sending RCPT TO"),
    Silence(parameter: "data_init", replies: 4, activity: "sending DATA command"),
    Silence(parameter: "data_xfer", replies: 5, activity: "sending message body"),
    Silence(
      parameter: "data_done", replies: 5,
      activity: "sending end of data -- message may be sent more than once"),
  ]

  /// All other limits have their defaults of minutes, and the result comes within ten seconds.
  @Test(arguments: silences) @ReactorActor
  func aServerThatFallsSilentMeetsTheLimitOfThatStep(silence: Silence) async throws {
    let fixture = try await SenderFixture("smtp_\(silence.parameter)_timeout = 1s\n")
    let server = try WireServer()
    let isBlocked = silence.parameter == "data_xfer"
    // More than the buffers between both ends hold.
    let body = String(repeating: "0123456789\r\n", count: isBlocked ? 1_500_000 : 1)
    try fixture.deliver(StoredMessage(number: 1, body: body), to: server.port)
    let session = try await server.accept()
    let dialogue = [
      ("220 sink.test ESMTP", "EHLO "), ("250 sink.test", "MAIL FROM:"), ("250 ok", "RCPT TO:"),
      ("250 ok", "DATA"), ("354 go on", isBlocked ? "" : "Subject:"),
    ]
    for (reply, command) in dialogue.prefix(silence.replies) {
      try await session.say(reply)
      if !command.isEmpty { try await session.expect(command) }
    }
    let result = try await fixture.result()
    #expect(result.verdicts.map(\.outcome) == [.deferred])
    #expect(result.connectionFailed == (silence.replies < 2))
    let text = String(decoding: try #require(result.verdicts.first).text, as: UTF8.self)
    #expect(text.hasSuffix(" timed out while \(silence.activity)"))
    session.close()
  }

  /// Nothing of the second message has been tried then: it gets a connection of its own.
  @Test @ReactorActor func aSilentResetMeetsItsLimitAndCostsOnlyTheConnection() async throws {
    let fixture = try await SenderFixture("smtp_rset_timeout = 1s\n")
    let server = try WireServer()
    try fixture.deliver(StoredMessage(number: 1, body: "x\r\n"), to: server.port)
    let session = try await server.accept()
    try await session.say("220 sink.test ESMTP")
    try await session.expect("EHLO ")
    try await session.say("250 sink.test")
    try await session.expect("MAIL FROM:")
    try await session.say("550 5.1.8 no")
    #expect(try await fixture.result().verdicts.map(\.outcome) == [.bounced])
    try fixture.deliver(StoredMessage(number: 2, body: "y\r\n"), to: server.port)
    try await session.expect("RSET")
    let other = try await server.greeted()
    try await other.takeEnvelope()
    _ = try await other.content()
    try await other.say("250 2.0.0 Ok")
    #expect(try await fixture.result().verdicts.map(\.outcome) == [.sent])
    session.close()
  }

  @Test @ReactorActor func aSilentGoodbyeMeetsItsLimit() async throws {
    let fixture = try await SenderFixture(
      """
      smtp_quit_timeout = 1s
      smtp_skip_quit_response = no
      smtp_connection_cache_time_limit = 1s

      """)
    let server = try WireServer()
    try fixture.deliver(StoredMessage(number: 1, body: "x\r\n"), to: server.port)
    let session = try await server.greeted()
    try await session.takeEnvelope()
    _ = try await session.content()
    try await session.say("250 2.0.0 Ok")
    #expect(try await fixture.result().verdicts.map(\.outcome) == [.sent])
    try await session.expect("QUIT")
    #expect(try await session.rest().isEmpty)
  }
}
