import Configuration
import LinuxSystem
import MailTypes
import Primitives
import Reactor
import SASL
import ServiceKit
import Streams
import TLSPolicy
import TestSupport
import Testing

/// Logins to servers whose every word the test says itself.
@Suite(.timeLimit(.minutes(2))) struct AuthenticationTests {
  init() {
    ThisProcess.ignoreBrokenPipes()
    Reactor.startThread()
  }

  /// A sender that may not read its table of passwords itself.
  @ReactorActor private func fixture(_ entries: String, _ more: String = "") async throws
    -> SenderFixture
  {
    let settings =
      "smtp_sasl_auth_enable = yes\nsmtp_sasl_password_maps = hash:/not/here\n" + more
    let configuration = Configuration.evaluate(
      MainFile(Array(settings.utf8), file: "main.cf"),
      host: HostFacts(hostname: "mx", interfaces: [])
    ).configuration
    let keys = try KeyMaterial(
      ofClients: [configuration], list: { _ in .success([]) },
      read: { _, _ in .success(Array(entries.utf8)) })
    return try await SenderFixture(settings, keys: keys)
  }

  @ReactorActor private func asked(
    _ server: WireServer, mechanisms: String
  ) async throws -> WireSession {
    let session = try await server.accept()
    try await session.say("220 sink.test ESMTP")
    try await session.expect("EHLO ")
    try await session.say("250-sink.test", "250-AUTH \(mechanisms)", "250 PIPELINING")
    return session
  }

  private func letters(_ text: String) -> String {
    String(decoding: Base64.encoded(Array(text.utf8)), as: UTF8.self)
  }

  /// The example of RFC 2195 2; the connection is used again without a second login.
  @Test @ReactorActor func cramWithThePasswordThatMasterRead() async throws {
    let fixture = try await fixture("127.0.0.1 tim:tanstaaftanstaaf\n")
    let server = try WireServer()
    let messages = [
      StoredMessage(number: 1, body: "x\r\n"), StoredMessage(number: 2, body: "y\r\n"),
    ]
    try fixture.deliver(messages[0], to: server.port)
    let session = try await asked(server, mechanisms: "PLAIN CRAM-MD5")
    try await session.expect("AUTH CRAM-MD5")
    try await session.say("334 " + letters("<1896.697170952@postoffice.reston.mci.net>"))
    try await session.expect(letters("tim b913a602c7eda7a495b4e6e7334d3890"))
    try await session.say("235 2.7.0 ok")
    for (place, message) in messages.enumerated() {
      if place > 0 { try fixture.deliver(message, to: server.port) }
      try await session.takeEnvelope()
      #expect(try await session.content() == message.wire)
      try await session.say("250 2.0.0 Ok")
      #expect(try await fixture.result().verdicts.map(\.outcome) == [.sent])
    }
    #expect(server.sessions == 1)
    #expect(!(try fixture.log()).contains("tanstaaf"))
  }

  @Test @ReactorActor func theNextHopIsAskedAndPLAINIsUsedWhereItMay() async throws {
    let server = try WireServer()
    let fixture = try await fixture(
      "[127.0.0.1]:\(server.port) u:opensesame\n", "smtp_sasl_security_options =\n")
    try fixture.deliver(StoredMessage(number: 1, body: "x\r\n"), to: server.port)
    let session = try await asked(server, mechanisms: "PLAIN")
    try await session.expect("AUTH PLAIN " + letters("\0u\0opensesame"))
    try await session.say("535 5.7.8 no")
    let result = try await fixture.result()
    #expect(result.verdicts.map(\.outcome) == [.deferred])
    let log = try fixture.log()
    #expect(log.contains("dsn=4.7.8"))
    #expect(log.contains("server 127.0.0.1[127.0.0.1] said: 535 5.7.8 no"))
    #expect(!log.contains("opensesame") && !log.contains(letters("\0u\0opensesame")))
  }

  @Test(arguments: [" ", ",", "\t, "]) @ReactorActor
  func whatStandsBeforeANextHopDoesNotHideTheLogin(start: String) async throws {
    let server = try WireServer()
    let fixture = try await fixture("[127.0.0.1]:\(server.port) tim:tanstaaftanstaaf\n")
    let message = StoredMessage(number: 1, body: "x\r\n")
    let nextHop = "\(start)[127.0.0.1]:\(server.port), [192.0.2.1]"
    try fixture.post(fixture.request(message, nextHop: nextHop), message)
    let session = try await asked(server, mechanisms: "CRAM-MD5")
    try await session.expect("AUTH CRAM-MD5")
    try await session.say("535 5.7.8 no")
    #expect(try await fixture.result().verdicts.map(\.outcome) == [.deferred])
  }

  @Test @ReactorActor func whoHasNoEntryIsAStranger() async throws {
    let fixture = try await fixture("other.test u:p\n")
    let server = try WireServer()
    let message = StoredMessage(number: 1, body: "x\r\n")
    try fixture.deliver(message, to: server.port)
    let session = try await asked(server, mechanisms: "PLAIN CRAM-MD5")
    try await session.takeEnvelope()
    #expect(try await session.content() == message.wire)
    try await session.say("250 2.0.0 Ok")
    #expect(try await fixture.result().verdicts.map(\.outcome) == [.sent])
  }

  /// As Postfix has it: a man in the middle who breaks the handshake must not be told the password.
  @Test @ReactorActor func oldMailWithALoginWaitsForTLSWhereOtherMailGoesWithout() async throws {
    let fixture = try await fixture(
      "127.0.0.1 u:opensesame\n",
      "smtp_tls_security_level = may\nsmtp_sasl_security_options =\nminimal_backoff_time = 300s\n")
    let server = try WireServer()
    try fixture.deliver(
      StoredMessage(number: 1, body: "x\r\n"), to: server.port, age: .seconds(9999))
    let session = try await server.accept()
    try await session.say("220 sink.test ESMTP")
    try await session.expect("EHLO ")
    try await session.say("250-sink.test", "250-AUTH PLAIN", "250 STARTTLS")
    try await session.expect("STARTTLS")
    try await session.say("220 go")
    session.close()
    let result = try await fixture.result()
    #expect(result.verdicts.map(\.status) == [EnhancedStatus(4, 7, 5)])
    #expect(!result.connectionFailed)
    #expect(server.sessions == 1)
  }

  @Test @ReactorActor func mailWaitsWhileALoginCannotBeLookedUp() async throws {
    let fixture = try await fixture(
      "", "smtp_sasl_password_maps = fail:opensesame\n")
    let server = try WireServer()
    try fixture.deliver(StoredMessage(number: 1, body: "x\r\n"), to: server.port)
    #expect(try await fixture.result().verdicts.map(\.outcome) == [.deferred])
    let log = try fixture.log()
    #expect(log.contains("warning: smtp_sasl_password_maps lookup error for 127.0.0.1"))
    #expect(log.contains("dsn=4.3.0") && !log.contains("opensesame"))
    #expect(server.sessions == 0)
  }
}
