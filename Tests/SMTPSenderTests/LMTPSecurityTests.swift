import Configuration
import LinuxSystem
import Primitives
import Reactor
import SASL
import ServiceKit
import Streams
import TLSEngine
import TLSPolicy
import TestSupport
import Testing

/// LMTP servers get TLS and logins by the `lmtp_` names of the parameters.
@Suite(.timeLimit(.minutes(2))) struct LMTPSecurityTests {
  init() {
    ThisProcess.ignoreBrokenPipes()
    Reactor.startThread()
  }

  @ReactorActor private func fixture(_ settings: String) async throws -> SenderFixture {
    let all = "process_name = lmtp\n" + settings
    let configuration = Configuration.evaluate(
      MainFile(Array(all.utf8), file: "main.cf"), host: HostFacts(hostname: "mx", interfaces: [])
    ).configuration
    let keys = try KeyMaterial(
      ofClients: [configuration.forLMTP], list: { _ in .success([]) },
      read: { _, _ in .success(Array("127.0.0.1 tim:secret\n".utf8)) })
    return try await SenderFixture(all, keys: keys)
  }

  @Test @ReactorActor func mailGoesOutWithTLSAndALogin() async throws {
    let fixture = try await fixture(
      """
      lmtp_tls_security_level = encrypt
      lmtp_tls_loglevel = 1
      lmtp_sasl_auth_enable = yes
      lmtp_sasl_password_maps = hash:/passwords
      lmtp_sasl_tls_security_options = noanonymous
      smtp_tls_security_level = none

      """)
    let server = try WireServer()
    let message = StoredMessage(number: 1, body: "x\r\n")
    try fixture.deliver(message, to: server.port)
    let session = try await server.accept()
    try await session.say("220 sink.test LMTP")
    try await session.expect("LHLO ")
    try await session.say("250-sink.test", "250-STARTTLS", "250 PIPELINING")
    try await session.expect("STARTTLS")
    try await session.say("220 2.0.0 Ready to start TLS")
    let pair = try TestCertificates.ecdsa.get()
    let context = try TLSContext(
      server: TLSServerSettings(
        name: "test",
        credentials: [
          .pair(
            chain: PEMFile(name: "cert", bytes: pair.certificate),
            key: PEMFile(name: "key", bytes: pair.key))
        ]))
    _ = try await session.stream.secure(
      asServer: context, deadline: Reactor.shared.now + .seconds(60))
    try await session.expect("LHLO ")
    try await session.say("250-sink.test", "250-AUTH PLAIN", "250 PIPELINING")
    let login = String(decoding: Base64.encoded(Array("\0tim\0secret".utf8)), as: UTF8.self)
    try await session.expect("AUTH PLAIN \(login)")
    try await session.say("235 2.7.0 ok")
    try await session.takeEnvelope()
    #expect(try await session.content() == message.wire)
    try await session.say("250 2.0.0 Ok")
    #expect(try await fixture.result().verdicts.map(\.outcome) == [.sent])
    #expect(try fixture.log().contains("TLS connection established to 127.0.0.1[127.0.0.1]"))
  }

  @Test @ReactorActor func aServerWithoutTLSGetsNothingWhereItIsDemanded() async throws {
    let fixture = try await fixture("lmtp_tls_security_level = encrypt\n")
    let server = try WireServer()
    try fixture.deliver(StoredMessage(number: 1, body: "x\r\n"), to: server.port)
    let session = try await server.accept()
    try await session.say("220 sink.test LMTP")
    try await session.expect("LHLO ")
    try await session.say("250 sink.test")
    let verdicts = try await fixture.result().verdicts
    #expect(verdicts.map(\.outcome) == [.deferred])
    #expect(String(decoding: verdicts[0].text, as: UTF8.self).contains("TLS is required"))
  }
}
