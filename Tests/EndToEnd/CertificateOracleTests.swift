import RealPeers
import TLSEngine
import TestSupport
import Testing

extension EndToEnd {
  /// Clients with certificates of all kinds, at Martinet and at a Postfix that trusts the same.
  @Suite(.enabled(if: PostfixOracle.isAvailable && Subject.isMartinet))
  struct CertificateOracleTests {
    private static let site = [
      "mynetworks": "192.0.2.0/24", "relay_domains": "sink.test", "smtpd_tls_ask_ccert": "yes",
    ]

    private static let shown = [
      "subject=", "issuer=", "subject_CN=", "TLS connection established", "verification failed",
      "re-using session", "NOQUEUE: ", "Reusing old session", "disconnect from",
      "SSL_accept:", "TLS cipher list", "session ticket, key expiration",
    ]

    private let clients: TestClients
    private let keys: CertificateFiles

    init() throws {
      clients = try TestClients.shared.get()
      keys = try CertificateFiles()
      try keys.writeClients(clients)
    }

    private func context(_ client: String?, _ versions: TLSVersions) throws -> TLSContext {
      var settings = TLSClientSettings()
      settings.versions = versions
      if let pair = client.flatMap({ clients.pairs[$0] }) {
        settings.credentials = [
          .pair(
            chain: PEMFile(name: "chain", bytes: pair.certificate),
            key: PEMFile(name: "key", bytes: pair.key))
        ]
      }
      return try TLSContext(client: settings)
    }

    /// What a client hears and leaves in the log, and the head of the message that it sends.
    private struct Traces: Equatable {
      var replies: [String] = []
      var lines: [String] = []
      var head: [String] = []
    }

    private func play(
      _ client: String?, _ server: any MailServer, _ sink: ScriptedSink, versions: TLSVersions,
      isRefused: Bool
    ) throws -> [Traces] {
      let context = try context(client, versions)
      var all: [Traces] = []
      var ticket: TLSResumption?
      for _ in 0..<2 {
        let before = server.log.count(of: "disconnect from")
        let start = server.log.lines.count
        var traces = Traces()
        let dialog = try SMTPDialog(greetedAt: server.port)
        try dialog.say("STARTTLS", expecting: 220)
        try dialog.secure(context, resuming: ticket)
        if isRefused {
          // From Postfix it comes when it is asked, from Martinet before.
          traces.replies = try dialog.say("EHLO client.test", expecting: 421).lines
          try dialog.expectClose()
        } else {
          traces.replies.append("\(try dialog.say("EHLO client.test", expecting: 250).code)")
          for command in [
            "MAIL FROM:<a@source.test>", "RCPT TO:<b@elsewhere.test>", "RCPT TO:<b@sink.test>",
            "RSET",
          ] {
            traces.replies.append(try dialog.ask(command).description)
          }
          if traces.replies[3].hasPrefix("250 ") { traces.head = try deliver(dialog, sink) }
          ticket = dialog.resumption
          try dialog.say("QUIT", expecting: 221)
        }
        dialog.close()
        try server.log.wait(
          forCount: before + 1, of: "disconnect from", until: .after(.seconds(20)))
        traces.lines = server.log.lines[start...].map(\.description)
          .filter { line in
            Self.shown.contains { line.contains($0) } && !line.contains(": depth=")
          }
          .map { $0.replacing(#/^.*?\]: /#, with: "").replacing(#/expiration: \d+/#, with: "") }
        // A step is told again when the library was called before all of it had come.
        traces.lines = traces.lines.indices.filter {
          $0 == 0 || traces.lines[$0] != traces.lines[$0 - 1]
        }.map { traces.lines[$0] }
        all.append(traces)
      }
      return all
    }

    /// Sends a message and gives the lines of its trace field that are about the client.
    private func deliver(_ dialog: SMTPDialog, _ sink: ScriptedSink) throws -> [String] {
      let count = sink.received.count
      try dialog.deliver(
        from: "a@source.test", to: ["b@sink.test"], content: Array("Subject: x\r\n\r\n".utf8))
      try sink.wait(forCount: count + 1, until: .after(.seconds(20)))
      let text = String(decoding: sink.received[count].content, as: UTF8.self)
      return text.split(separator: "\n").map(String.init).prefix { !$0.hasPrefix("\tby ") }
    }

    private func compare(
      _ settings: [String: String], clients names: [String?], refused: [String?] = [],
      versions: TLSVersions = .init()
    ) throws -> [[Traces]] {
      let sink = try ScriptedSink()
      let all = keys.settings.merging(Self.site) { $1 }.merging(settings) { $1 }
      let oracle = try PostfixOracle(relayPort: sink.port, settings: all)
      try oracle.start()
      let server = try MartinetInstance(relayPort: sink.port, settings: all)
      try server.start()
      var seen: [[Traces]] = []
      for client in names + refused {
        let isRefused = seen.count >= names.count
        let wanted = try play(client, oracle, sink, versions: versions, isRefused: isRefused)
        let ours = try play(client, server, sink, versions: versions, isRefused: isRefused)
        #expect(ours == wanted, "\(client ?? "none"): \(ours) and not \(wanted)")
        seen.append(wanted)
      }
      try server.stop()
      try oracle.stop()
      return seen
    }

    private static let everybody = [
      nil, "good", "deep", "alien", "self", "old", "server", "nameless", "odd",
    ]

    @Test(.timeLimit(.minutes(3)), arguments: [0x0303, 0x0304] as [UInt16])
    func whoIsTrustedMayRelay(version: UInt16) throws {
      let seen = try compare(
        [
          "smtpd_tls_loglevel": "2", "smtpd_tls_CAfile": keys.path("ca.pem"),
          "smtpd_relay_restrictions": "permit_tls_all_clientcerts, reject_unauth_destination",
        ], clients: Self.everybody, versions: TLSVersions(highest: version))
      for (client, traces) in zip(Self.everybody, seen) {
        let relays = client == "good" || client == "deep"
        #expect(traces[0].replies[2].hasPrefix(relays ? "250 " : "554 "), "\(client ?? "none")")
        #expect(traces[1].replies == traces[0].replies)
        #expect(traces[1].lines.contains { $0.contains("Reusing old session") })
        #expect(traces[0].lines.contains { $0.contains("SSL_accept:SSLv3/TLS read client hello") })
      }
    }

    @Test(.timeLimit(.minutes(3)))
    func whoMustHaveACertificateIsSentAwayWithoutOne() throws {
      let seen = try compare(
        [
          "smtpd_tls_security_level": "encrypt", "smtpd_tls_req_ccert": "yes",
          "smtpd_tls_ask_ccert": "no", "smtpd_tls_CAfile": keys.path("ca.pem"),
          "smtpd_tls_ccert_verifydepth": "0",
          "smtpd_relay_restrictions": "permit_tls_all_clientcerts, reject_unauth_destination",
        ], clients: ["good"], refused: ["deep", "alien", "self", "old", "server", nil])
      #expect(seen[0][0].replies[2].hasPrefix("250 "))
      #expect(seen.dropFirst().allSatisfy { $0.allSatisfy { $0.lines.count > 2 } })
    }

    @Test(.timeLimit(.minutes(3)))
    func fingerprintsCountWhoeverSigned() throws {
      let (known, key) = try (keys.fingerprint("self"), keys.fingerprint("alien", ofKey: true))
      let old = try keys.fingerprint("old")
      let odd = try keys.fingerprint("odd", ofKey: true)
      let server = try keys.fingerprint("server")
      let nameless = try keys.fingerprint("nameless")
      let access =
        "inline:{ { \(old) = REJECT go away }, { \(odd) = 450 later }, { \(server) = OK } }"
      let seen = try compare(
        [
          "smtpd_tls_fingerprint_digest": "sha256",
          "relay_clientcerts": "inline:{ \(known)=a, \(key)=b }",
          "smtpd_relay_restrictions":
            "permit_tls_clientcerts, check_ccert_access \(access), "
            + "reject_unauth_destination",
          "smtpd_recipient_restrictions":
            "check_ccert_access { inline:{ { \(nameless) = 550 no } }, "
            + "{ search_order = pubkey_fingerprint } }",
        ], clients: ["self", "alien", "server", "good", "nameless", nil, "old", "odd"])
      #expect(
        seen.map { String($0[0].replies[2].prefix(3)) }
          == ["250", "250", "250", "554", "554", "554", "554", "450"])
    }
  }
}
