import Foundation
import RealPeers
import TLSEngine
import TestSupport
import Testing

extension EndToEnd {
  /// TLS as a server, with clients that others wrote and beside a Postfix with the same keys.
  struct SecurityTests {
    private static func secured(
      _ port: UInt16, _ context: TLSContext, name: String? = nil, helo: String = "client.test"
    ) throws -> SMTPDialog {
      let dialog = try SMTPDialog(greetedAt: port)
      try dialog.say("STARTTLS", expecting: 220)
      try dialog.secure(context, name: name)
      try dialog.say("EHLO \(helo)", expecting: 250)
      return dialog
    }

    @Test(.enabled(if: Subject.isMartinet), .timeLimit(.minutes(2)), arguments: [false, true])
    func swaksDeliversThroughTLS(wrapped: Bool) throws {
      let keys = try CertificateFiles()
      let sink = try ScriptedSink()
      let wrapper = try Loopback.freePort()
      let server = try MartinetInstance(
        relayPort: sink.port, settings: keys.settings,
        services: ["127.0.0.1:\(wrapper) inet n - n - - smtpd -o smtpd_tls_wrappermode=yes"])
      try server.start()
      let output = try Program.run(
        "swaks",
        [
          "--server", "127.0.0.1:\(wrapped ? wrapper : server.port)", "--from", "a@source.test",
          "--to", "b@sink.test",
          wrapped ? "--tls-on-connect" : "--tls", "--helo", "client.test",
        ])
      #expect(output.contains { $0.contains("=== TLS started with cipher TLSv1.3:") })
      try sink.wait(forCount: 1, until: .after(.seconds(20)))
      let text = String(decoding: sink.received[0].content, as: UTF8.self)
      #expect(
        text.contains("\n\t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)\n"))
      #expect(text.contains(" with ESMTPS id "))
      try server.stop()
    }

    @Test(
      .enabled(if: Subject.isMartinet), .timeLimit(.minutes(2)), arguments: ["-tls1_2", "-tls1_3"])
    func opensslShakesHands(version: String) throws {
      let keys = try CertificateFiles()
      let server = try MartinetInstance(settings: keys.settings)
      try server.start()
      let outcome = try Program.outcome(
        "openssl",
        [
          "s_client", "-starttls", "smtp", "-connect", "127.0.0.1:\(server.port)", version,
          "-CAfile", keys.path("ecdsa.pem"), "-verify_hostname", "mx.test", "-verify_return_error",
        ])
      #expect(outcome.exit == .code(0))
      #expect(outcome.output.contains { $0.contains("Verify return code: 0 (ok)") })
      try server.log.wait(
        forCount: 1, of: "Anonymous TLS connection established from localhost[127.0.0.1]: TLSv1.",
        until: .after(.seconds(10)))
      try server.stop()
    }

    /// CVE-2011-0411, with the words put before the handshake in the same packet.
    @Test(.timeLimit(.minutes(2)))
    func nothingFromBeforeTheHandshakeIsHeardBehindIt() throws {
      let keys = try CertificateFiles()
      let server = try Subject.relay(to: nil, settings: keys.settings)
      let dialog = try SMTPDialog(greetedAt: server.port)
      try dialog.send(raw: Array("STARTTLS\r\nMAIL FROM:<evil@source.test>\r\nRSET".utf8))
      try dialog.expect(220)
      try dialog.secure(.unverifiedClient())
      try dialog.say("RCPT TO:<a@sink.test>", expecting: 503)
      try dialog.say("QUIT", expecting: 221)
      try server.stop()
    }

    @Test(.enabled(if: Subject.isMartinet), .timeLimit(.minutes(2)))
    func aTicketIsGoodInEveryProcessOfItsServiceAlone() throws {
      let keys = try CertificateFiles()
      let other = try Loopback.freePort()
      var settings = keys.settings
      settings["smtpd_process_count"] = "3"
      // No process takes more than ten sessions.
      settings["session_limit"] = "30"
      let server = try MartinetInstance(
        settings: settings, services: ["127.0.0.1:\(other) inet n - n - - smtpd"])
      try server.start()
      let context = try TLSContext.unverifiedClient()
      let first = try Self.secured(server.port, context)
      let ticket = try #require(first.resumption)
      // Sessions that stay open fill one process after the other.
      var open = [first]
      for port in Array(repeating: server.port, count: 24) + [other] {
        let dialog = try SMTPDialog(greetedAt: port)
        try dialog.say("STARTTLS", expecting: 220)
        let facts = try dialog.secure(context, resuming: ticket)
        #expect(facts.isResumed == (port == server.port))
        try dialog.say("NOOP", expecting: 250)
        open.append(dialog)
      }
      let serving = Set(
        server.log.lines.filter { $0.contains("]: connect from localhost") }.compactMap {
          "\($0)".split(separator: "smtpd[").last?.prefix { $0 != "]" }
        })
      #expect(serving.count == 3)
      try server.stop()
    }

    @Test(.enabled(if: Subject.isMartinet), .timeLimit(.minutes(2)))
    func whatIsWrongWithCertificatesIsSaidBeforeTheStart() throws {
      let keys = try CertificateFiles()
      let server = try MartinetInstance(settings: keys.settings)
      try server.start()
      try server.stop()
      #expect(try server.outcome(of: "check").exit == .code(0))
      for (parameter, value, fault) in [
        ("smtpd_tls_cert_file", "/nonexistent", "cannot read /nonexistent"),
        ("smtpd_tls_key_file", keys.path("ecdsa.key"), "the private key is not that of"),
        ("smtpd_tls_eckey_file", keys.path("ecdsa.pem"), "no private key in it"),
        ("smtpd_tls_chain_files", keys.path("rsa.pem"), "a certificate without the private key"),
        ("tls_server_sni_maps", "inline:{ a.test=/nonexistent }", "cannot read /nonexistent"),
      ] {
        try server.configure([parameter: value])
        for command in ["check", "run"] {
          let outcome = try server.outcome(of: command)
          #expect(outcome.exit == .code(1), "\(command) with \(parameter)")
          #expect(outcome.errors.contains(fault), "\(outcome.errors)")
          #expect(outcome.errors.contains("main.cf, line "), "\(outcome.errors)")
        }
      }
    }

    @Test(.enabled(if: Subject.isMartinet), .timeLimit(.minutes(3)))
    func anIdleSessionTakesLittleMemory() throws {
      let keys = try CertificateFiles()
      var settings = keys.settings
      settings["smtpd_process_count"] = "1"
      let server = try MartinetInstance(settings: settings)
      try server.start()
      let context = try TLSContext.unverifiedClient()
      let process = try #require(server.processes(role: "smtpd").first)
      // The first sessions bring up what all share.
      var open = try (0..<50).map { _ in try Self.secured(server.port, context) }
      let before = process.memory
      open += try (0..<1000).map { _ in try Self.secured(server.port, context) }
      let each = (process.memory - before) / 1000
      #expect(each > 1000 && each <= 32 << 10, "\(each) bytes a session")
      for dialog in open { try dialog.say("QUIT", expecting: 221) }
      try server.stop()
    }
  }
}
