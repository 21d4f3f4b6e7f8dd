import AccessPolicy
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
    let authority = try TestClients.shared.get().authority.certificate
    let material = try KeyMaterial(of: [configuration], list: { _ in .success([]) }) { path, _ in
      .success(path == "/ca" ? authority : pair.key + pair.certificate)
    }
    return try ServerTLS(configuration, service: "smtp", material: material)
  }

  @ReactorActor private func secure(
    _ client: TestClient, with certificate: String? = nil
  ) async throws {
    var settings = TLSClientSettings()
    if let certificate {
      let pair = try #require(TestClients.shared.get().pairs[certificate])
      settings.credentials = [
        .pair(
          chain: PEMFile(name: "chain", bytes: pair.certificate),
          key: PEMFile(name: "key", bytes: pair.key))
      ]
    }
    _ = try await client.stream.secure(
      asClient: TLSContext(client: settings), deadline: Reactor.shared.now + .seconds(120))
  }

  @Test(arguments: [
    (nil, "Client did not present a certificate", "Anonymous", false),
    ("good", #"Client CN "good.test", Issuer "Test CA" (verified OK)"#, "Trusted", true),
    (
      "alien", #"Client CN "alien.test", Issuer "Strange CA" (not verified)"#, "Untrusted", false
    ),
    (
      "odd", #"Client CN "(a)? ??? (b)", Issuer "(a)? ??? (b)" (not verified)"#, "Untrusted", false
    ),
  ])
  @ReactorActor func onlyATrustedCertificateLetsAStrangerRelay(
    certificate: String?, trace: String, trust: String, relays: Bool
  ) async throws {
    let fixture = try Fixture(
      tls: tls("smtpd_tls_ask_ccert = yes\nsmtpd_tls_CAfile = /ca\n"),
      change: { $0.security = .offered },
      access: {
        $0.restrictions = [
          .relay: ["permit_tls_all_clientcerts", "reject_unauth_destination"]
        ]
      })
    let client = try await fixture.connect()
    _ = try await client.ask("STARTTLS")
    try await secure(client, with: certificate)
    _ = try await client.ask("EHLO client.example")
    _ = try await client.ask("MAIL FROM:<a@client.example>")
    let refusal = "554 5.7.1 <b@elsewhere.example>: Relay access denied"
    #expect(
      try await client.ask("RCPT TO:<b@elsewhere.example>")
        == (relays ? "250 2.1.5 Ok" : refusal))
    _ = try await client.ask("RCPT TO:<b@example.org>")
    _ = try await client.ask("DATA")
    #expect(try await client.ask("Subject: x\r\n\r\n.").hasPrefix("250 2.0.0 Ok: queued as "))
    #expect(try await client.ask("QUIT") == "221 2.0.0 Bye")
    let message = try #require(fixture.spool.messages.first)
    let header = String(decoding: message.content[..<message.headerLength], as: UTF8.self)
    #expect(header.contains("\t(\(trace))\r\n"), "\(header)")
    await fixture.sessions.drain(deadline: Reactor.shared.now + .seconds(120))
    #expect(
      try fixture.logLines().contains {
        $0.hasPrefix("smtpd: \(trust) TLS connection established from unknown[192.0.2.7]: ")
      })
  }

  @Test(arguments: ["good", "alien"])
  @ReactorActor func miltersAreToldOfTrustedCertificates(certificate: String) async throws {
    let milter = try TestMilter()
    let fixture = try Fixture(
      tls: tls("smtpd_tls_ask_ccert = yes\nsmtpd_tls_CAfile = /ca\n"),
      milters: siteMilters("smtpd_milters = inet:127.0.0.1:\(milter.port)"),
      change: { $0.security = .offered })
    let client = try await fixture.connect()
    _ = try await client.ask("STARTTLS")
    try await secure(client, with: certificate)
    _ = try await client.ask("EHLO client.example")
    let told = try #require(milter.events.first { $0.contains("{tls_version}|TLSv1.3|") })
    let isTold = told.contains("{cert_subject}|good.test|{cert_issuer}|Test CA|")
    #expect(isTold == (certificate == "good"), "\(told)")
    #expect(told.contains("cert_") == isTold)
    #expect(try await client.ask("QUIT") == "221 2.0.0 Bye")
    milter.stop()
  }

  @Test(arguments: [
    (nil, "No client certificate presented"), ("self", "Client certificate not trusted"),
  ])
  @ReactorActor func aWrappedServiceSendsAwayWhoHasNoTrustedCertificate(
    certificate: String?, reason: String
  ) async throws {
    let fixture = try Fixture(
      tls: tls(
        "smtpd_tls_wrappermode = yes\nsmtpd_tls_req_ccert = yes\nsmtpd_tls_CAfile = /ca\n")
    ) { $0.security = .demanded }
    let client = try fixture.connectSilently()
    try await secure(client, with: certificate)
    #expect(try await client.rest() == "421 4.7.1 mx.example.org Error: \(reason)\r\n")
    await fixture.sessions.drain(deadline: Reactor.shared.now + .seconds(120))
    let lines = try fixture.logLines()
    #expect(lines.contains("smtpd: NOQUEUE: abort: TLS from unknown[192.0.2.7]: \(reason)"))
    #expect(lines.last == "smtpd: disconnect from unknown[192.0.2.7] commands=0/0")
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
