import Configuration
import LinuxSystem
import Primitives
import QueueStore
import Reactor
import SMTPServerCore
import Streams
import TLSEngine
import TLSPolicy
import TestSupport
import Testing

@testable import SMTPReceiver

@Suite struct SecurityTests {
  init() {
    ThisProcess.ignoreBrokenPipes()
    Reactor.startThread()
  }

  private func tls(_ text: String = "") throws -> ServerTLS {
    let pair = try TestCertificates.ecdsa.get()
    let main =
      "smtpd_tls_security_level = may\nsmtpd_tls_chain_files = /chain\n"
      + "smtpd_tls_received_header = yes\nsmtpd_tls_loglevel = 1\n" + text
    let configuration = Configuration.evaluate(
      MainFile(Array(main.utf8), file: "main.cf"),
      host: HostFacts(hostname: "mx.example.org", interfaces: [])
    ).configuration
    let material = try KeyMaterial(of: [configuration]) { _, _ in
      .success(pair.key + pair.certificate)
    }
    return try ServerTLS(configuration, service: "smtp", material: material)
  }

  @ReactorActor private func secure(_ client: TestClient) async throws {
    _ = try await client.stream.secure(
      asClient: .unverifiedClient(), deadline: Reactor.shared.now + .seconds(120))
  }

  @Test @ReactorActor func mailComesThroughTLSAndItsTraceSaysSo() async throws {
    let fixture = try Fixture(tls: tls()) { $0.security = .offered }
    let client = try await fixture.connect()
    #expect(try await client.ask("EHLO client.example").contains("|250-STARTTLS|"))
    #expect(try await client.ask("STARTTLS") == "220 2.0.0 Ready to start TLS")
    try await secure(client)
    #expect(try await !client.ask("EHLO client.example").contains("STARTTLS"))
    #expect(try await client.ask("MAIL FROM:<a@client.example>") == "250 2.1.0 Ok")
    #expect(try await client.ask("RCPT TO:<b@example.org>") == "250 2.1.5 Ok")
    #expect(try await client.ask("DATA").hasPrefix("354"))
    #expect(try await client.ask("Subject: x\r\n\r\n.").hasPrefix("250 2.0.0 Ok: queued as "))
    #expect(try await client.ask("QUIT") == "221 2.0.0 Bye")
    #expect(try await client.rest() == "")
    let message = try #require(fixture.spool.messages.first)
    let header = String(decoding: message.content[..<message.headerLength], as: UTF8.self)
    #expect(
      header.hasPrefix(
        """
        Received: from client.example (unknown [192.0.2.7])\r
        \t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)\r
        \t key-exchange X25519 server-signature ECDSA (prime256v1) server-digest SHA256)\r
        \t(No client certificate requested)\r
        \tby mx.example.org (Martinet) with ESMTPS id \(message.id)\r
        \tfor <b@example.org>;\u{20}
        """))
    await fixture.sessions.drain(deadline: Reactor.shared.now + .seconds(120))
    let lines = try fixture.logLines()
    #expect(
      lines.contains(
        "smtpd: Anonymous TLS connection established from unknown[192.0.2.7]: TLSv1.3 with cipher "
          + "TLS_AES_256_GCM_SHA384 (256/256 bits) key-exchange X25519 "
          + "server-signature ECDSA (prime256v1) server-digest SHA256"), "\(lines)")
    #expect(
      lines.last == "smtpd: disconnect from unknown[192.0.2.7] ehlo=2 starttls=1 mail=1 rcpt=1 "
        + "data=1 quit=1 commands=7")
  }

  /// CVE-2011-0411: commands that a third party put before the handshake.
  @Test @ReactorActor func whatCameBeforeTheHandshakeIsForgotten() async throws {
    let fixture = try Fixture(tls: tls()) { $0.security = .offered }
    let client = try await fixture.connect()
    _ = try await client.ask("EHLO client.example")
    try await client.send(
      "MAIL FROM:<a@evil.example>\r\n"
        + "STARTTLS\r\nMAIL FROM:<b@evil.example>\r\nRCPT TO:<b@example.org>\r\nRSET")
    let replies = try await client.replies(2)
    #expect(replies.last == "220 2.0.0 Ready to start TLS")
    try await secure(client)
    #expect(try await client.ask("RCPT TO:<b@example.org>") == "503 5.5.1 Error: need MAIL command")
    #expect(try await client.ask("QUIT") == "221 2.0.0 Bye")
  }

  @Test @ReactorActor func aWrappedServiceGreetsUnderTLS() async throws {
    let fixture = try Fixture(tls: tls("smtpd_tls_wrappermode = yes\n")) { $0.security = .demanded }
    let client = try fixture.connectSilently()
    try await secure(client)
    #expect(try await client.replies(1) == ["220 mx.example.org ESMTP Martinet"])
    #expect(try await client.ask("MAIL FROM:<a@b.example>") == "250 2.1.0 Ok")
    #expect(try await client.ask("QUIT") == "221 2.0.0 Bye")
  }

  @Test @ReactorActor func aHandshakeThatFailsEndsTheSession() async throws {
    let fixture = try Fixture(tls: tls()) { $0.security = .offered }
    let client = try await fixture.connect()
    #expect(try await client.ask("STARTTLS") == "220 2.0.0 Ready to start TLS")
    try await client.send("MAIL FROM:<a@b.example>\r\n")
    _ = try await client.rest()
    await fixture.sessions.drain(deadline: Reactor.shared.now + .seconds(120))
    let lines = try fixture.logLines()
    #expect(lines.contains("smtpd: SSL_accept error from unknown[192.0.2.7]: -1"))
    #expect(
      lines.contains { $0.hasPrefix("smtpd: warning: TLS library problem: error:0A00010B:SSL") })
    #expect(lines.contains("smtpd: lost connection after STARTTLS from unknown[192.0.2.7]"))
    #expect(lines.last?.hasSuffix(" starttls=0/1 commands=0/1") == true)
  }

  @Test @ReactorActor func aHandshakeHasItsTime() async throws {
    let fixture = try Fixture(tls: tls("smtpd_starttls_timeout = 1s\n")) { $0.security = .offered }
    let client = try await fixture.connect()
    #expect(try await client.ask("STARTTLS") == "220 2.0.0 Ready to start TLS")
    #expect(try await client.rest() == "")
    await fixture.sessions.drain(deadline: Reactor.shared.now + .seconds(120))
    #expect(
      try fixture.logLines().contains(
        "smtpd: SSL_accept error from unknown[192.0.2.7]: Connection timed out"))
  }

  @Test @ReactorActor func aSessionInItsHandshakeEndsWithTheService() async throws {
    let fixture = try Fixture(tls: tls()) { $0.security = .offered }
    let client = try await fixture.connect()
    #expect(try await client.ask("STARTTLS") == "220 2.0.0 Ready to start TLS")
    await fixture.sessions.drain(deadline: Reactor.shared.now + .seconds(300))
    #expect(try await client.rest() == "")
    #expect(fixture.room.count == 0)
    #expect(
      try fixture.logLines().contains(
        "smtpd: SSL_accept error from unknown[192.0.2.7]: Service shutting down"))
  }
}
