import Foundation
import RealPeers
import TestSupport
import Testing

extension EndToEnd {
  /// Logins of the client: with the same settings and the same tables, for root alone, towards the
  /// same servers before Dovecot, beside a Postfix.
  @Suite(
    .enabled(
      if: PostfixOracle.isAvailable && DovecotServer.isAvailable && Subject.isMartinet))
  struct OutboundAuthenticationTests {
    /// A transport for mail to a domain of its own.
    private struct Case {
      /// Of the servers below.
      let server: Int
      /// What its table says; `HOP` stands for the next-hop.
      var entry = "HOP alice:secret"
      var settings: [String: String] = [:]
    }

    private static let plaintext = ["smtp_sasl_security_options": "noanonymous"]

    private static func cases(_ keys: CertificateFiles) -> [Case] {
      func plain(_ more: [String: String]) -> [String: String] { plaintext.merging(more) { $1 } }
      let verified = [
        "smtp_tls_security_level": "verify", "smtp_tls_verify_cert_match": "mx.test",
        "smtp_tls_CAfile": keys.path("rsa.pem"), "smtp_sasl_mechanism_filter": "plain",
      ]
      let encrypted = [
        "smtp_tls_security_level": "encrypt", "smtp_sasl_mechanism_filter": "plain",
      ]
      return [
        Case(server: 0), Case(server: 0, entry: "127.0.0.1 bob@example.org:hunter2"),
        // No mechanism that keeps the password to itself.
        Case(server: 1), Case(server: 1, settings: plaintext),
        Case(server: 1, settings: plain(["smtp_sasl_mechanism_filter": "login"])),
        Case(server: 1, settings: plain(["smtp_sasl_mechanism_filter": "gssapi"])),
        Case(server: 1, entry: "HOP alice:wrong", settings: plaintext),
        Case(
          server: 1, entry: "HOP alice:wrong",
          settings: plain(["smtp_sasl_auth_soft_bounce": "no"])),
        Case(server: 1, entry: "elsewhere.test alice:secret", settings: plaintext),
        Case(server: 2, settings: plaintext),
        // With TLS: the options are those without it, unless they are others.
        Case(server: 0, settings: encrypted),
        Case(
          server: 0,
          settings: encrypted.merging(["smtp_sasl_tls_security_options": "noanonymous"]) { $1 }),
        Case(server: 0, settings: verified),
        Case(
          server: 0,
          settings: verified.merging(["smtp_sasl_tls_verified_security_options": ""]) { $1 }),
      ]
    }

    private static let serverSettings: [[String: String]] = [
      [:], ["smtpd_sasl_mechanism_filter": "plain, login"], ["smtpd_sasl_auth_enable": "no"],
    ]

    /// How many of the cases end in a login, by server.
    private static let loginCounts = [4, 2, 0]

    /// What a client's log says, without what differs by nature, sorted.
    private func said(_ client: any MailServer, _ count: Int) throws -> [String] {
      for place in 0..<count {
        try SMTPDialog(greetedAt: client.port).deliver(
          from: "", to: ["b@d\(place).test"], content: Array("Subject: x\r\n\r\n".utf8))
      }
      try client.log.wait(forCount: count, of: ", status=", until: .after(.seconds(60)))
      return client.log.lines.map { "\($0)" }.filter { $0.contains("status=") }.map { line in
        line.replacing(#/^.*?\]: /#, with: "").replacing(#/^\w+: to=/#, with: "to=")
          .replacing(#/delay=.*dsn=/#, with: "dsn=").replacing(#/queued as \w+/#, with: "queued")
      }.sorted()
    }

    /// The logins that servers see of one client after the other.
    private func logins(_ servers: [PostfixOracle], round: Int) throws -> [String] {
      var found: [String] = []
      for (place, count) in Self.loginCounts.enumerated() where count > 0 {
        let log = servers[place].log
        try log.wait(forCount: count * round, of: "sasl_method=", until: .after(.seconds(20)))
        let lines = log.lines.map { "\($0)" }.filter { $0.contains("sasl_method=") }
        found += lines.dropFirst(count * (round - 1)).map {
          "\(place) \($0.replacing(#/^.*sasl_method=/#, with: ""))"
        }
      }
      return found.sorted()
    }

    @Test(.timeLimit(.minutes(5)))
    func whoLogsInHowAndWhatIsSaidIsTheSame() throws {
      let dovecot = try DovecotServer()
      try dovecot.start()
      let keys = try CertificateFiles()
      let servers = try Self.serverSettings.map { settings in
        try PostfixOracle(
          settings: [
            "smtpd_tls_security_level": "may", "smtpd_tls_cert_file": keys.path("rsa.pem"),
            "smtpd_tls_key_file": keys.path("rsa.key"), "default_transport": "discard",
            "myhostname": "server.test", "mynetworks": "10.0.0.0/8",
            "smtpd_sasl_auth_enable": "yes", "smtpd_sasl_type": "dovecot",
            "smtpd_sasl_path": dovecot.socket,
            "smtpd_relay_restrictions": "permit_sasl_authenticated, reject_unauth_destination",
          ].merging(settings) { $1 })
      }
      for server in servers { try server.start() }
      let cases = Self.cases(keys)
      var entries: [String] = []
      var services: [String] = []
      for (place, each) in cases.enumerated() {
        let hop = "[127.0.0.1]:\(servers[each.server].port)"
        entries.append("{ d\(place).test = c\(place):\(hop) }")
        try keys.write(
          Array((each.entry.replacing("HOP", with: hop) + "\n").utf8), to: "passwords\(place)")
        var settings = each.settings
        settings["smtp_sasl_auth_enable"] = "yes"
        settings["smtp_sasl_password_maps"] = "texthash:" + keys.path("passwords\(place)")
        let options = settings.map { " -o { \($0.key) = \($0.value) }" }.sorted().joined()
        services.append("c\(place) unix - - n - - smtp\(options)")
      }
      let settings = [
        "transport_maps": "inline:{ \(entries.joined(separator: ", ")) }",
        "smtp_dns_support_level": "", "smtp_host_lookup": "native",
      ]
      let oracle = try PostfixOracle(settings: settings, services: services)
      try oracle.start()
      let subject = try MartinetInstance(settings: settings, services: services)
      try subject.start()
      let wanted = try said(oracle, cases.count)
      let wantedLogins = try logins(servers, round: 1)
      let found = try said(subject, cases.count)
      let foundLogins = try logins(servers, round: 2)
      for line in Set(wanted).symmetricDifference(found) {
        Issue.record("\(wanted.contains(line) ? "only Postfix" : "only Martinet"): \(line)")
      }
      #expect(found == wanted)
      #expect(foundLogins == wantedLogins)
      #expect(wantedLogins.count == 6)
      let log = subject.log.lines.map { "\($0)" }.joined(separator: "\n")
      #expect(!log.contains("secret") && !log.contains("hunter2"))
      try subject.stop()
      try oracle.stop()
      for server in servers { try server.stop() }
      try dovecot.stop()
    }

    /// `smtp` runs as a user who may not read the file, and a reload brings the new password.
    @Test(.timeLimit(.minutes(2)))
    func aReloadBringsNewPasswords() throws {
      let dovecot = try DovecotServer()
      try dovecot.start()
      let keys = try CertificateFiles()
      let server = try PostfixOracle(settings: [
        "default_transport": "discard", "myhostname": "server.test", "mynetworks": "10.0.0.0/8",
        "smtpd_sasl_auth_enable": "yes", "smtpd_sasl_type": "dovecot",
        "smtpd_sasl_path": dovecot.socket,
        "smtpd_relay_restrictions": "permit_sasl_authenticated, reject_unauth_destination",
      ])
      try server.start()
      func write(_ password: String) throws {
        try keys.write(Array("127.0.0.1 alice:\(password)\n".utf8), to: "passwords")
      }
      try write("wrong")
      let subject = try MartinetInstance(
        relayPort: server.port,
        settings: [
          "smtp_sasl_auth_enable": "yes",
          "smtp_sasl_password_maps": "hash:" + keys.path("passwords"),
        ])
      try subject.start()
      try SMTPDialog(greetedAt: subject.port).deliver(
        from: "", to: ["b@c.test"], content: Array("Subject: x\r\n\r\n".utf8))
      try subject.log.wait(for: "SASL authentication failed; server", until: .after(.seconds(20)))
      try write("secret")
      try subject.command("reload", within: .seconds(60))
      _ = try subject.queueCommand("postqueue", "-f")
      try subject.log.wait(forCount: 1, of: "status=sent", until: .after(.seconds(20)))
      try subject.stop()
      try server.stop()
      try dovecot.stop()
    }
  }
}
