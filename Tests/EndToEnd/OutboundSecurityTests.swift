import Foundation
import RealPeers
import TestSupport
import Testing

extension EndToEnd {
  /// TLS as a client: with the same settings, towards the same servers, beside a Postfix.
  @Suite(.enabled(if: PostfixOracle.isAvailable && Subject.isMartinet))
  struct OutboundSecurityTests {
    /// A transport for mail to a domain of its own.
    struct Case: Sendable {
      let settings: [String: String]
      /// Of the servers below.
      var server = 0
    }

    private static func cases(_ keys: CertificateFiles, fingerprints: [String]) -> [Case] {
      let trust = ["smtp_tls_CAfile": keys.path("rsa.pem")]
      func level(_ level: String, _ more: [String: String] = [:], server: Int = 0) -> Case {
        Case(
          settings: ["smtp_tls_security_level": level].merging(more) { $1 }, server: server)
      }
      let certificate = [
        "smtp_tls_cert_file": keys.path("ecdsa.pem"), "smtp_tls_key_file": keys.path("ecdsa.key"),
      ]
      return [
        Case(settings: [:]), Case(settings: ["smtp_use_tls": "yes"]),
        Case(settings: ["smtp_enforce_tls": "yes"]),
        Case(settings: ["smtp_enforce_tls": "yes", "smtp_tls_enforce_peername": "no"]),
        Case(settings: ["smtp_tls_note_starttls_offer": "yes"]),
        level("may"), level("may", trust), level("encrypt"), level("encrypt", trust),
        level("verify", trust), level("secure", trust), level("verify"),
        level("verify", ["smtp_tls_verify_cert_match": "mx.test"].merging(trust) { $1 }),
        level("secure", ["smtp_tls_secure_cert_match": "a.test:.test"].merging(trust) { $1 }),
        level("secure", ["smtp_tls_secure_cert_match": ".mx.test"].merging(trust) { $1 }),
        level("secure", ["smtp_tls_secure_cert_match": "mx.test"]),
        level("fingerprint", ["smtp_tls_fingerprint_cert_match": fingerprints[0]]),
        level("fingerprint", ["smtp_tls_fingerprint_cert_match": fingerprints[1]]),
        level("encrypt", ["smtp_tls_mandatory_protocols": "<=TLSv1.2"]),
        level("may", ["smtp_tls_protocols": "TLSv1.2", "smtp_tls_exclude_ciphers": "aNULL"]),
        level("encrypt", certificate),
        // A server without TLS, and one whose versions are others.
        level("none", server: 1), level("may", server: 1), level("encrypt", server: 1),
        level("secure", server: 1), level("encrypt", server: 2),
        level("encrypt", ["smtp_tls_mandatory_protocols": ">=TLSv1.2"], server: 2),
        level("may", ["smtp_tls_protocols": ">=TLSv1.2"], server: 2),
      ]
    }

    private static let serverSettings: [[String: String]] = [
      ["smtpd_tls_ask_ccert": "yes", "smtpd_tls_loglevel": "1"],
      ["smtpd_tls_security_level": "none"],
      ["smtpd_tls_protocols": "<=TLSv1", "smtpd_tls_loglevel": "0"],
    ]

    /// What a client's log says, without what differs by nature, sorted.
    private func said(_ server: any MailServer, _ count: Int) throws -> [String] {
      for place in 0..<count {
        try SMTPDialog(greetedAt: server.port).deliver(
          from: "a@source.test", to: ["b@d\(place).test"], content: Array("Subject: x\r\n\r\n".utf8)
        )
      }
      try server.log.wait(forCount: count, of: ", status=", until: .after(.seconds(60)))
      let words = [
        "TLS connection established to", "verification failed", "status=", "SSL_connect error",
        "Host offered",
      ]
      return server.log.lines.map { "\($0)" }.filter { line in
        words.contains { line.contains($0) }
      }.map { line in
        line.replacing(#/^.*\]: /#, with: "").replacing(#/^\w+: to=/#, with: "to=")
          .replacing(#/delay=.*dsn=/#, with: "dsn=").replacing(#/queued as \w+/#, with: "queued")
      }.sorted()
    }

    @Test(.timeLimit(.minutes(5)))
    func whatIsSentAndSaidIsTheSame() throws {
      let keys = try CertificateFiles()
      let fingerprints = try ["rsa", "ecdsa"].map { name in
        let line = try #require(
          try Program.run(
            "openssl",
            ["x509", "-noout", "-fingerprint", "-sha256", "-in", keys.path("\(name).pem")]
          ).first)
        return String("\(line)".split(separator: "=")[1])
      }
      let servers = try Self.serverSettings.map { settings in
        try PostfixOracle(
          settings: [
            "smtpd_tls_security_level": "may", "smtpd_tls_cert_file": keys.path("rsa.pem"),
            "smtpd_tls_key_file": keys.path("rsa.key"), "default_transport": "discard",
            "myhostname": "server.test",
          ].merging(settings) { $1 })
      }
      for server in servers { try server.start() }
      let cases = Self.cases(keys, fingerprints: fingerprints)
      var entries: [String] = []
      var services: [String] = []
      for (place, each) in cases.enumerated() {
        let port = servers[each.server].port
        entries.append("{ d\(place).test = c\(place):[127.0.0.1]:\(port) }")
        let settings = each.settings.map { " -o { \($0.key) = \($0.value) }" }.sorted().joined()
        services.append("c\(place) unix - - n - - smtp -o smtp_tls_loglevel=1\(settings)")
      }
      let settings = [
        "transport_maps": "inline:{ \(entries.joined(separator: ", ")) }",
        "smtp_tls_security_level": "", "smtp_dns_support_level": "",
        "smtp_host_lookup": "native",
      ]
      let oracle = try PostfixOracle(settings: settings, services: services)
      try oracle.start()
      let subject = try MartinetInstance(
        settings: settings,
        services: services)
      try subject.start()
      let wanted = try said(oracle, cases.count)
      let found = try said(subject, cases.count)
      #expect(wanted.count > cases.count + 15)
      for line in Set(wanted).symmetricDifference(found) {
        Issue.record("\(wanted.contains(line) ? "only Postfix" : "only Martinet"): \(line)")
      }
      #expect(found == wanted)
      // What the server saw of the client's certificate.
      let seen = servers[0].log.lines.map { "\($0)" }.filter {
        $0.contains("Untrusted TLS connection established from")
      }.map { $0.replacing(#/^.*\]: /#, with: "") }
      #expect(seen.count == 2 && Set(seen).count == 1 && seen[0].contains("client-signature ECDSA"))
      try subject.stop()
      try oracle.stop()
      for server in servers { try server.stop() }
    }
  }
}
