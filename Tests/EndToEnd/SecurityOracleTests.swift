import RealPeers
import TLSEngine
import TestSupport
import Testing

extension EndToEnd {
  /// The same TLS dialogues with Martinet and with a Postfix that has the same keys.
  @Suite(.enabled(if: PostfixOracle.isAvailable && Subject.isMartinet))
  struct SecurityOracleTests {
    private static let commands = [
      "NOOP", "MAIL FROM:<a@b.test>", "HELO client.test", "RCPT TO:<a@b.test>", "DATA", "RSET",
      "FOO", "BDAT 0 LAST", "XCLIENT NAME=x", "XFORWARD NAME=x", "AUTH PLAIN", "STARTTLS x",
      "STARTTLS",
    ]

    /// The replies to the commands one after the other, until the handshake.
    private func replies(_ port: UInt16) throws -> [String] {
      let dialog = try SMTPDialog(port: port)
      try dialog.expect(220)
      return try Self.commands.map { "\($0): \(try dialog.ask($0))" }
    }

    @Test(
      .timeLimit(.minutes(3)),
      arguments: [
        ["smtpd_tls_security_level": "none"], ["smtpd_tls_security_level": "may"],
        ["smtpd_tls_security_level": "encrypt"],
        ["smtpd_tls_security_level": "may", "smtpd_discard_ehlo_keywords": "starttls"],
        [
          "smtpd_tls_security_level": "may", "smtpd_tls_cert_file": "", "smtpd_tls_eccert_file": "",
        ],
        ["smtpd_tls_security_level": "", "smtpd_use_tls": "yes"],
        ["smtpd_tls_security_level": "", "smtpd_enforce_tls": "yes"],
      ])
    func repliesBeforeTheHandshakeAreTheSame(settings: [String: String]) throws {
      let keys = try CertificateFiles()
      let all = keys.settings.merging(settings) { $1 }
      let oracle = try PostfixOracle(settings: all)
      try oracle.start()
      let server = try MartinetInstance(settings: all)
      try server.start()
      #expect(try replies(server.port) == replies(oracle.port))
      try server.stop()
      try oracle.stop()
    }

    /// How a client speaks.
    struct Client: Sendable, CustomStringConvertible {
      let description: String
      var versions = TLSVersions()
      var ciphers: String?
      var name: String?
      var greeting = "EHLO client.test"
    }

    private static let clients = [
      Client(description: "TLS 1.3"),
      Client(description: "TLS 1.2", versions: TLSVersions(highest: 0x0303)),
      Client(
        description: "RSA", versions: TLSVersions(highest: 0x0303),
        ciphers: "ECDHE-RSA-AES256-GCM-SHA384"),
      Client(
        description: "static RSA", versions: TLSVersions(highest: 0x0303),
        ciphers: "AES256-GCM-SHA384"),
      Client(
        description: "DHE", versions: TLSVersions(highest: 0x0303),
        ciphers: "DHE-RSA-AES256-GCM-SHA384"),
      Client(description: "a name with a certificate", name: "named.test"),
      Client(description: "a name below", name: "a.below.test"),
      Client(description: "a name without", name: "other.test"),
      Client(description: "HELO", greeting: "HELO client.test"),
    ]

    /// What the log and the trace field say of a session, without what differs by nature.
    private func traces(_ client: Client, _ server: any MailServer, _ sink: ScriptedSink) throws
      -> [String]
    {
      let context = try TLSContext.unverifiedClient(
        versions: client.versions, ciphers: client.ciphers)
      let dialog = try SMTPDialog(greetedAt: server.port)
      try dialog.say("STARTTLS", expecting: 220)
      try dialog.secure(context, name: client.name)
      try dialog.say(client.greeting, expecting: 250)
      try #expect(dialog.ask("STARTTLS").description == "554 5.5.1 Error: TLS already active")
      let count = sink.received.count
      try dialog.deliver(
        from: "a@source.test", to: ["b@sink.test"], content: Array("Subject: x\r\n\r\n".utf8))
      try dialog.say("QUIT", expecting: 221)
      try sink.wait(forCount: count + 1, until: .after(.seconds(20)))
      let text = String(decoding: sink.received[count].content, as: UTF8.self)
      let trace = text.split(separator: "\n").map(String.init).prefix { !$0.hasPrefix("\tfor ") }
        .map {
          $0.replacing(#/ \((Postfix|Martinet)\)/#, with: "").replacing(#/ id \w+$/#, with: "")
        }
      let log = server.log.lines.filter {
        $0.contains("TLS connection established") || $0.contains("TLS SNI")
      }.map {
        "\($0)".replacing(#/^.*]: /#, with: "")
      }
      return trace + log.suffix(2)
    }

    @Test(.timeLimit(.minutes(3)))
    func tracesAreTheSame() throws {
      let keys = try CertificateFiles()
      let sink = try ScriptedSink()
      var settings = keys.settings
      let entries = ["named.test", ".below.test"].map { "{ \($0) = \(keys.path("rsa.chain")) }" }
      settings["tls_server_sni_maps"] = "inline:{ \(entries.joined(separator: ", ")) }"
      let oracle = try PostfixOracle(relayPort: sink.port, settings: settings)
      try oracle.start()
      let server = try MartinetInstance(relayPort: sink.port, settings: settings)
      try server.start()
      for client in Self.clients {
        let wanted = try traces(client, oracle, sink)
        #expect(wanted.count > 3)
        #expect(try traces(client, server, sink) == wanted, "\(client)")
      }
      try server.stop()
      try oracle.stop()
    }
  }
}
