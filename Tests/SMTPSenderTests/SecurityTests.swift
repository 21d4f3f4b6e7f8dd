import Configuration
import LinuxSystem
import MailTypes
import Primitives
import Reactor
import ServiceKit
import Streams
import TLSEngine
import TLSPolicy
import TestSupport
import Testing

@testable import SMTPSender

/// TLS towards servers whose every word the test says itself.
@Suite(.timeLimit(.minutes(2))) struct SecurityTests {
  init() {
    ThisProcess.ignoreBrokenPipes()
    Reactor.startThread()
  }

  /// One for all tests, so that sessions can be resumed. Its certificate is that of `mx.test`.
  private static let server = Result {
    let pair = try TestCertificates.ecdsa.get()
    var settings = TLSServerSettings(
      name: "test",
      credentials: [
        .pair(
          chain: PEMFile(name: "cert", bytes: pair.certificate),
          key: PEMFile(name: "key", bytes: pair.key))
      ])
    settings.ticketSecret = TicketSecret(bytes: [UInt8](repeating: 1, count: 32), madeAt: 0)
    return try TLSContext(server: settings)
  }

  private static let trusting = "smtp_tls_CAfile = /ca\n"
  private static let remembering =
    "smtp_tls_session_cache_database = btree:/nowhere\nsmtp_tls_session_cache_timeout = 120s\n"

  @ReactorActor private func fixture(_ settings: String) async throws -> SenderFixture {
    let all = "smtp_tls_loglevel = 1\n" + settings
    let configuration = Configuration.evaluate(
      MainFile(Array(all.utf8), file: "main.cf"), host: HostFacts(hostname: "mx", interfaces: [])
    ).configuration
    let authority = try TestCertificates.ecdsa.get().certificate
    let keys = try KeyMaterial(
      ofClients: [configuration], list: { _ in .success([]) }, read: { _, _ in .success(authority) }
    )
    return try await SenderFixture(all, keys: keys)
  }

  @ReactorActor @discardableResult private func secure(
    _ session: WireSession
  ) async throws -> TLSFacts {
    try await session.stream.secure(
      asServer: Self.server.get(), deadline: Reactor.shared.now + .seconds(60))
  }

  /// A session up to the handshake.
  @ReactorActor private func asked(_ server: WireServer) async throws -> WireSession {
    let session = try await server.accept()
    try await session.say("220 sink.test ESMTP")
    try await session.expect("EHLO ")
    try await session.say("250-sink.test", "250-STARTTLS", "250 PIPELINING")
    try await session.expect("STARTTLS")
    return session
  }

  /// Says something else than TLS when TLS is asked for.
  @ReactorActor private func breakHandshake(_ session: WireSession) async throws {
    try await session.say("220 go")
    // Behind the 220 everything would be forgotten.
    _ = try await session.fill()
    try await session.say("no TLS at all")
  }

  /// A session that has been secured and greeted again.
  @ReactorActor private func secured(
    _ server: WireServer
  ) async throws -> (session: WireSession, facts: TLSFacts) {
    let session = try await asked(server)
    try await session.say("220 2.0.0 Ready to start TLS")
    let facts = try await secure(session)
    try await session.expect("EHLO ")
    try await session.say("250-sink.test", "250 PIPELINING")
    return (session, facts)
  }

  @ReactorActor private func take(_ message: StoredMessage, _ session: WireSession) async throws {
    try await session.takeEnvelope()
    #expect(try await session.content() == message.wire)
    try await session.say("250 2.0.0 Ok")
  }

  @Test(arguments: ["smtp_tls_security_level = may", "smtp_use_tls = yes"]) @ReactorActor
  func contentArrivesThroughTLSByteForByteAndTheConnectionIsUsedAgain(
    setting: String
  ) async throws {
    let fixture = try await fixture(setting + "\n")
    let server = try WireServer()
    let body = (0..<30_000).map { "..dot \($0) \u{e9}\r\n" }.joined()
    let messages = [
      StoredMessage(number: 1, body: body), StoredMessage(number: 2, body: "", headerFirst: false),
    ]
    try fixture.deliver(messages[0], to: server.port)
    let (session, _) = try await secured(server)
    for (place, message) in messages.enumerated() {
      if place > 0 { try fixture.deliver(message, to: server.port) }
      try await take(message, session)
      #expect(try await fixture.result().verdicts.map(\.outcome) == [.sent])
    }
    #expect(server.sessions == 1)
    let log = try fixture.log()
    let name = "127.0.0.1[127.0.0.1]:\(server.port): TLSv1.3 with cipher TLS_AES_256_GCM_SHA384"
    #expect(log.contains(": Untrusted TLS connection established to \(name) (256/256 bits)"))
    #expect(log.contains(": Untrusted TLS connection reused to \(name)"))
  }

  @Test @ReactorActor func inWrapperModeTheHandshakeIsFirst() async throws {
    let fixture = try await fixture(
      "smtp_tls_security_level = encrypt\nsmtp_tls_wrappermode = yes\n")
    let server = try WireServer()
    let message = StoredMessage(number: 1, body: "x\r\n")
    try fixture.deliver(message, to: server.port)
    let session = try await server.accept()
    try await secure(session)
    try await session.say("220 sink.test ESMTP")
    try await session.expect("EHLO ")
    try await session.say("250-sink.test", "250-STARTTLS", "250 PIPELINING")
    try await take(message, session)
    #expect(try await fixture.result().verdicts.map(\.outcome) == [.sent])
  }

  @Test(arguments: [
    ("smtp_tls_security_level = may\n" + trusting, "Trusted", true),
    ("smtp_tls_security_level = encrypt\n", "Untrusted", true),
    (
      "smtp_tls_security_level = secure\nsmtp_tls_secure_cert_match = MX.test\n" + trusting,
      "Verified", true
    ),
    (
      "smtp_tls_security_level = verify\nsmtp_tls_verify_cert_match = a.test:.test\n" + trusting,
      "Verified", true
    ),
    ("smtp_tls_security_level = verify\n" + trusting, "Untrusted", false),
    ("smtp_enforce_tls = yes\n" + trusting, "Untrusted", false),
    (
      "smtp_tls_security_level = secure\nsmtp_tls_secure_cert_match = mx.test\n", "Untrusted", false
    ),
    (
      "smtp_tls_security_level = fingerprint\nsmtp_tls_fingerprint_cert_match = aa:bb\n"
        + trusting,
      "Untrusted", false
    ),
    (
      "smtp_tls_policy_maps = static:{secure match=other.test:.mx.test}\n" + trusting, "Untrusted",
      false
    ),
  ])
  @ReactorActor func aServerHasToShowWhatItsPolicyAsks(
    settings: String, trust: String, isTaken: Bool
  ) async throws {
    let fixture = try await fixture(settings)
    let server = try WireServer()
    let message = StoredMessage(number: 1, body: "x\r\n")
    try fixture.deliver(message, to: server.port)
    let session = try await asked(server)
    try await session.say("220 2.0.0 Ready to start TLS")
    try await secure(session)
    if isTaken {
      try await session.expect("EHLO ")
      try await session.say("250-sink.test", "250 PIPELINING")
      try await take(message, session)
    } else {
      #expect(try await session.rest() == Array("QUIT\r\n".utf8))
    }
    let result = try await fixture.result()
    let verdict = try #require(result.verdicts.first)
    #expect(verdict.outcome == (isTaken ? .sent : .deferred))
    #expect(result.connectionFailed == !isTaken)
    if !isTaken {
      #expect(verdict.status == EnhancedStatus(4, 7, 5))
      #expect(String(decoding: verdict.text, as: UTF8.self) == "Server certificate not verified")
    }
    #expect(try fixture.log().contains(": \(trust) TLS connection established to 127.0.0.1["))
  }

  @Test(arguments: ["none", "may"]) @ReactorActor
  func aRefusalUnderTheContentCountsThoughTheConnectionBreaks(level: String) async throws {
    let fixture = try await fixture("smtp_tls_security_level = \(level)\n")
    let server = try WireServer()
    let body = String(repeating: String(repeating: "x", count: 70) + "\r\n", count: 200_000)
    try fixture.deliver(StoredMessage(number: 1, body: body), to: server.port)
    let session = try await level == "may" ? secured(server).session : server.greeted()
    try await session.takeEnvelope()
    try await session.say("552 5.3.4 too big for me")
    session.close()
    let verdict = try #require(try await fixture.result().verdicts.first)
    #expect(verdict.outcome == .bounced)
    #expect(verdict.status == EnhancedStatus(5, 3, 4))
    let text = String(decoding: verdict.text, as: UTF8.self)
    #expect(text.hasSuffix(" said: 552 5.3.4 too big for me (in reply to end of DATA command)"))
  }

  @Test @ReactorActor func newMailWaitsWhenTheHandshakeFailsAndOldMailGoesWithout() async throws {
    let fixture = try await fixture(
      "smtp_tls_security_level = may\nminimal_backoff_time = 300s\n"
        + "smtp_connection_cache_time_limit = 60s\n")
    let server = try WireServer()
    let message = StoredMessage(number: 1, body: "x\r\n")
    try fixture.deliver(message, to: server.port, age: .seconds(299))
    let broken = try await asked(server)
    try await breakHandshake(broken)
    let early = try await fixture.result()
    #expect(!early.connectionFailed)
    let verdict = try #require(early.verdicts.first)
    #expect(verdict.outcome == .deferred && verdict.status == EnhancedStatus(4, 7, 5))
    #expect(
      String(decoding: verdict.text, as: UTF8.self) == "Cannot start TLS: handshake failure")

    try fixture.deliver(message, to: server.port, age: .seconds(300))
    let again = try await asked(server)
    try await breakHandshake(again)
    let plain = try await server.accept()
    try await plain.say("220 sink.test ESMTP")
    try await plain.expect("EHLO ")
    try await plain.say("250-sink.test", "250-STARTTLS", "250 PIPELINING")
    try await take(message, plain)
    #expect(try await fixture.result().verdicts.map(\.outcome) == [.sent])
    let log = try fixture.log()
    #expect(log.contains("SSL_connect error to 127.0.0.1[127.0.0.1]:\(server.port): -1"))
    #expect(log.contains("warning: TLS library problem: error:"))

    // The connection without TLS waits, but not for mail under another policy.
    let next = StoredMessage(number: 2, body: "y\r\n")
    try fixture.deliver(next, to: server.port)
    let (session, _) = try await secured(server)
    try await take(next, session)
    #expect(try await fixture.result().verdicts.map(\.outcome) == [.sent])
    #expect(server.sessions == 4)
  }

  @Test @ReactorActor func mandatoryTLSIsNeverGivenUp() async throws {
    let fixture = try await fixture("smtp_tls_security_level = encrypt\n")
    let server = try WireServer()
    let message = StoredMessage(number: 1, body: "x\r\n")
    try fixture.deliver(message, to: server.port, age: .seconds(9999))
    let session = try await asked(server)
    try await session.say("220 go")
    session.close()
    let result = try await fixture.result()
    #expect(result.connectionFailed)
    #expect(result.verdicts.map(\.status) == [EnhancedStatus(4, 7, 5)])
    #expect(server.sessions == 1)
    #expect(try fixture.log().contains("]:\(server.port): lost connection"))
  }

  @Test @ReactorActor func aHandshakeHasItsTimeLimit() async throws {
    let fixture = try await fixture(
      "smtp_tls_security_level = encrypt\nsmtp_starttls_timeout = 1s\n")
    let server = try WireServer()
    try fixture.deliver(StoredMessage(number: 1, body: "x\r\n"), to: server.port)
    let session = try await asked(server)
    try await session.say("220 go")
    #expect(try await fixture.result().verdicts.map(\.outcome) == [.deferred])
    #expect(try fixture.log().contains("]:\(server.port): Connection timed out"))
    session.close()
  }

  /// Whether an earlier session is taken up for a message on a connection of its own.
  @ReactorActor private func resumes(
    _ number: UInt64, _ fixture: SenderFixture, _ server: WireServer
  ) async throws -> Bool {
    let message = StoredMessage(number: number, body: "x\r\n")
    try fixture.deliver(message, to: server.port)
    let (session, facts) = try await secured(server)
    try await take(message, session)
    #expect(try await fixture.result().verdicts.map(\.outcome) == [.sent])
    return facts.isResumed
  }

  @Test(arguments: [true, false]) @ReactorActor
  func sessionsAreTakenUpAgainWhereThatIsWanted(isWanted: Bool) async throws {
    let fixture = try await fixture(
      "smtp_tls_security_level = may\nsmtp_connection_reuse_count_limit = 1\n"
        + (isWanted ? Self.remembering : ""))
    let server = try WireServer()
    for number in 1...3 as ClosedRange<UInt64> {
      #expect(try await resumes(number, fixture, server) == (isWanted && number > 1))
    }
  }

  @Test @ReactorActor func sessionsOfServersThatDidNotShowWhoTheyAreAreForgotten() async throws {
    let fixture = try await fixture(
      "smtp_tls_policy_maps = static:{verify protocols=TLSv1.2}\n" + Self.remembering
        + Self.trusting)
    let server = try WireServer()
    for number in 1...2 as ClosedRange<UInt64> {
      try fixture.deliver(StoredMessage(number: number, body: "x\r\n"), to: server.port)
      let session = try await asked(server)
      try await session.say("220 2.0.0 Ready to start TLS")
      let facts = try await secure(session)
      #expect(facts.protocolName == "TLSv1.2" && !facts.isResumed)
      #expect(try await session.rest() == Array("QUIT\r\n".utf8))
      #expect(try await fixture.result().verdicts.map(\.status) == [EnhancedStatus(4, 7, 5)])
    }
  }

  /// Else a server would show its certificate once and never again.
  @Test @ReactorActor func aSessionGetsNoYoungerByBeingTakenUp() async throws {
    let fixture = try await fixture(
      "smtp_tls_security_level = secure\nsmtp_tls_secure_cert_match = mx.test\n"
        + "smtp_connection_reuse_count_limit = 1\n" + Self.remembering + Self.trusting)
    let server = try WireServer()
    let security = try fixture.service.security(of: "smtp")
    let host = "127.0.0.1"
    let key = TLSSessionCache.Key(
      policy: try #require(security.agreementNow(for: "sink.test")).identity, host: host,
      address: host,
      port: server.port, destination: host)
    let sessions = security.sessions
    var births: [MonotonicTime] = []
    for number in 1...3 as ClosedRange<UInt64> {
      #expect(try await resumes(number, fixture, server) == (number > 1))
      births.append(try #require(sessions.find(key, at: Reactor.shared.now)).madeAt)
    }
    #expect(Set(births).count == 1)
    let age = Duration.seconds(120)
    #expect(sessions.find(key, at: births[0] + (age - .milliseconds(1))) != nil)
    #expect(sessions.find(key, at: births[0] + age) == nil)
    #expect(sessions.find(key, at: births[0]) == nil, "it has not been forgotten")
  }

  @Test(arguments: [" ", ",", "\t, ", " inet:"]) @ReactorActor
  func whatStandsBeforeANextHopDoesNotHideItsPolicy(start: String) async throws {
    let server = try WireServer()
    let fixture = try await fixture(
      "smtp_tls_policy_maps = inline:{{[127.0.0.1]:\(server.port) = encrypt}}\n")
    let message = StoredMessage(number: 1, body: "x\r\n")
    let nextHop = "\(start)[127.0.0.1]:\(server.port)"
    try fixture.post(fixture.request(message, nextHop: nextHop), message)
    let session = try await server.greeted()
    #expect(try await session.rest() == [])
    let verdict = try #require(try await fixture.result().verdicts.first)
    #expect(verdict.status == EnhancedStatus(4, 7, 4))
  }

  /// After a reload no process has the number 0, but one is still the first.
  @Test(arguments: [(7 as UInt32, 0 as UInt32), (0, 1)]) @ReactorActor
  func theFirstProcessOfAConfigurationSaysWhatToKnowOfIt(index: UInt32, rank: UInt32) async throws {
    let fixture = try await SenderFixture(
      "smtp_tls_security_level = dane\n", index: index, rank: rank)
    try await fixture.service.start()
    let log = try fixture.log()
    #expect(log.contains("TLSA records are not looked up") == (rank == 0))
  }

  @Test(arguments: [
    ("static:bogus", "client TLS configuration problem", "invalid security level \"bogus\""),
    ("fail:no", "client TLS configuration problem", "policy table lookup error"),
    ("static:dane-only", "no TLSA records found", "TLS policy lookup for "),
  ])
  @ReactorActor func withoutAPolicyNothingIsSent(
    maps: String, reason: String, warning: String
  ) async throws {
    let fixture = try await fixture("smtp_tls_policy_maps = \(maps)\n")
    let server = try WireServer()
    try fixture.deliver(StoredMessage(number: 1, body: "x\r\n"), to: server.port)
    let result = try await fixture.result()
    #expect(!result.connectionFailed)
    let verdict = try #require(result.verdicts.first)
    #expect(verdict.outcome == .deferred && verdict.status == EnhancedStatus(4, 7, 5))
    #expect(String(decoding: verdict.text, as: UTF8.self) == reason)
    #expect(try fixture.log().contains(warning))
    #expect(server.sessions == 0)
  }
}
