import Foundation
import RealPeers
import TLSEngine
import TestSupport
import Testing

extension EndToEnd {
  /// The same logins with Martinet and with Postfix, both before the same Dovecot.
  @Suite(
    .enabled(
      if: PostfixOracle.isAvailable && DovecotServer.isAvailable && Subject.isMartinet))
  struct AuthenticationOracleTests {
    private static func letters(_ text: String) -> String {
      Data(text.utf8).base64EncodedString()
    }

    private static let alice = letters("\0alice\0secret")
    private static let wrong = letters("\0alice\0wrong")
    private static let bob = letters("\0bob@example.org\0hunter2")

    private static func settings(_ dovecot: DovecotServer) -> [String: String] {
      [
        "smtpd_sasl_auth_enable": "yes", "smtpd_sasl_type": "dovecot",
        "smtpd_sasl_path": dovecot.socket,
        "smtpd_relay_restrictions": "permit_sasl_authenticated, reject_unauth_destination",
        "smtpd_error_sleep_time": "0", "smtpd_hard_error_limit": "1000", "mynetworks": "10.0.0.0/8",
        "relay_domains": "relay.test",
      ]
    }

    private static let logins: [[String]] = [
      ["AUTH PLAIN \(alice)"],
      ["HELO x", "AUTH PLAIN \(alice)"],
      [
        "EHLO x", "AUTH", "AUTH PLAIN x y z", "AUTH FOO", "AUTH EXTERNAL", "AUTH ANONYMOUS",
        "AUTH PLAIN !!!", "AUTH PLAIN =", "AUTH PLAIN \(wrong)", "AUTH PLAIN", "*", "AUTH PLAIN",
        "", "AUTH PLAIN", "!!", "AUTH PLAIN", alice, "AUTH PLAIN \(alice)", "RSET",
        "AUTH PLAIN \(alice)", "EHLO x", "AUTH PLAIN \(alice)", "MAIL FROM:<a@b> AUTH=<>",
        "RCPT TO:<c@relay.test>", "QUIT",
      ],
      [
        "EHLO x", "AUTH LOGIN", letters("alice"), letters("secret"), "MAIL FROM:<a@b> AUTH=foo",
        "AUTH LOGIN", "QUIT",
      ],
      [
        "EHLO x", "AUTH LOGIN \(letters("alice"))", letters("secret"),
        "MAIL FROM:<a@b> AUTH=foo+3Dbar", "RCPT TO:<c@elsewhere.test>", "QUIT",
      ],
      [
        "EHLO x", "AUTH login", letters("alice"), letters("wrong"), "MAIL FROM:<a@b>",
        "RCPT TO:<c@elsewhere.test>", "AUTH PLAIN \(alice)", "QUIT",
      ],
      ["EHLO x", "AUTH CRAM-MD5", "*", "AUTH CRAM-MD5", letters("alice deadbeef"), "QUIT"],
      ["EHLO x", "AUTH LOGIN", "* ", "AUTH LOGIN", "**", "AUTH LOGIN", "QUIT", "QUIT"],
      ["EHLO x", "AUTH LOGIN", String(repeating: "A", count: 4096), "QUIT"],
      // The most that a response may have: Dovecot must take it, since sessions share it.
      [
        "EHLO x", "AUTH LOGIN", String(repeating: "A", count: 12284), "AUTH PLAIN \(alice)", "QUIT",
      ],
      ["EHLO x", "AUTH LOGIN", String(repeating: "A", count: 12292), "NOOP", "QUIT"],
      ["EHLO x", "AUTH PLAIN \(bob)", "MAIL FROM:<a@b>", "RCPT TO:<c@elsewhere.test>", "QUIT"],
      ["EHLO x", "AUTH PLAIN \(letters("alice\0alice\0secret"))", "QUIT"],
    ]

    private static let variants: [(settings: [String: String], commands: [String])] = [
      (
        ["smtpd_sasl_auth_enable": "no"],
        ["EHLO x", "AUTH PLAIN \(alice)", "MAIL FROM:<a@b> AUTH=x"]
      ),
      (["smtpd_helo_required": "yes"], ["AUTH PLAIN \(alice)", "EHLO x", "AUTH PLAIN \(alice)"]),
      (
        ["smtpd_sasl_security_options": "noanonymous, noplaintext"],
        ["EHLO x", "AUTH PLAIN \(alice)"]
      ),
      (
        ["smtpd_sasl_security_options": ""],
        [
          "EHLO x", "AUTH ANONYMOUS \(letters("joe"))", "MAIL FROM:<a@b>",
          "RCPT TO:<c@relay.test>", "RCPT TO:<c@elsewhere.test>",
        ]
      ),
      (["broken_sasl_auth_clients": "yes"], ["EHLO x", "AUTH PLAIN \(alice)"]),
      (["smtpd_sasl_exceptions_networks": "127.0.0.0/8"], ["EHLO x", "AUTH PLAIN \(alice)"]),
      (["smtpd_discard_ehlo_keywords": "auth"], ["EHLO x", "AUTH PLAIN \(alice)"]),
      (["smtpd_sasl_mechanism_filter": "plain, login"], ["EHLO x", "AUTH PLAIN \(alice)"]),
      (
        ["smtpd_tls_auth_only": "yes"], ["EHLO x", "AUTH PLAIN \(alice)", "MAIL FROM:<a@b> AUTH=x"]
      ),
      (
        ["smtpd_client_auth_rate_limit": "2"],
        ["EHLO x", "AUTH FOO", "AUTH PLAIN \(wrong)", "AUTH PLAIN \(alice)", "MAIL FROM:<a@b>"]
      ),
      (
        [
          "smtpd_sender_login_maps":
            "inline:{alice@x.test=alice, {both@x.test=ALICE, bob@example.org}, @own.test=alice}",
          "smtpd_sender_restrictions": "reject_sender_login_mismatch", "smtpd_delay_reject": "no",
          "recipient_delimiter": "+",
        ],
        [
          "EHLO x", "MAIL FROM:<alice@x.test>", "MAIL FROM:<free@x.test>", "RSET",
          "AUTH PLAIN \(alice)", "MAIL FROM:<ALICE+ext@x.test>", "RSET", "MAIL FROM:<both@x.test>",
          "RSET", "MAIL FROM:<any@own.test>", "RSET", "MAIL FROM:<free@x.test>", "MAIL FROM:<>",
        ]
      ),
    ]

    /// The replies and the log lines of a session, without what differs by nature.
    private func traces(_ commands: [String], _ server: any MailServer) throws -> [String] {
      let before = server.log.lines.count
      let dialog = try SMTPDialog(port: server.port)
      try dialog.expect(220)
      var found: [String] = []
      for command in commands {
        // A challenge with the time of day in it.
        let reply = try dialog.ask(command).description
        found.append(command.hasSuffix("CRAM-MD5") ? String(reply.prefix(4)) : reply)
      }
      dialog.close()
      // Sessions without a command are those that found out whether the server listens.
      let isProbe = { (line: String) in line.hasSuffix("commands=0/0") }
      try server.log.wait("the end of the session", from: before, until: .after(.seconds(20))) {
        $0.contains("disconnect from localhost") && !isProbe($0.description)
      }
      let marks = ["SASL", "sasl_", "rate limit", "disconnect from"]
      found += server.log.lines.dropFirst(before).map(\.description).filter { line in
        marks.contains { line.contains($0) } && !isProbe(line)
      }.map {
        $0.replacing(#/^.*\]: (?:[0-9A-Za-z]{10,}: client)?/#, with: "")
          .replacing(#/ for service .*/#, with: "")
      }
      return found
    }

    @Test(.timeLimit(.minutes(3)))
    func loginsGetTheSameRepliesAndLogLines() throws {
      let dovecot = try DovecotServer()
      try dovecot.start()
      let settings = Self.settings(dovecot)
      let oracle = try PostfixOracle(settings: settings)
      try oracle.start()
      let server = try MartinetInstance(settings: settings)
      try server.start()
      for login in Self.logins {
        let (ours, theirs) = (try traces(login, server), try traces(login, oracle))
        #expect(ours == theirs, "\(login)")
      }
      try server.stop()
      try oracle.stop()
      try dovecot.stop()
    }

    @Test(.timeLimit(.minutes(5)))
    func settingsMeanTheSame() throws {
      let dovecot = try DovecotServer()
      try dovecot.start()
      for (more, commands) in Self.variants {
        let settings = Self.settings(dovecot).merging(more) { $1 }
        let oracle = try PostfixOracle(settings: settings)
        try oracle.start()
        let server = try MartinetInstance(settings: settings)
        try server.start()
        let (ours, theirs) = (try traces(commands, server), try traces(commands, oracle))
        #expect(ours == theirs, "\(more)")
        try server.stop()
        try oracle.stop()
      }
      try dovecot.stop()
    }

    @Test(.enabled(if: Program.find("fail2ban-regex") != nil), .timeLimit(.minutes(1)))
    func wrongPasswordsAreFoundByFail2banAndOutagesAreNot() throws {
      let dovecot = try DovecotServer()
      try dovecot.start()
      let server = try MartinetInstance(settings: Self.settings(dovecot), logsToFile: true)
      try server.start()
      let dialog = try SMTPDialog(greetedAt: server.port)
      for _ in 0..<3 { try dialog.say("AUTH PLAIN \(Self.wrong)", expecting: 535) }
      try dialog.say("AUTH FOO", expecting: 535)
      try dovecot.stop()
      try dialog.say("AUTH PLAIN \(Self.wrong)", expecting: 454)
      try dialog.say("QUIT", expecting: 221)
      try server.stop()
      let log = try #require(server.logFile)
      let found = try Program.run("fail2ban-regex", ["-o", "ip", log, "postfix[mode=auth]"])
      let addresses = found.map(\.description).filter { $0.hasPrefix("127.") }
      #expect(addresses == Array(repeating: "127.0.0.1", count: 3))
    }
  }
}
