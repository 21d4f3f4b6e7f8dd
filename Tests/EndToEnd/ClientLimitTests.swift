import Foundation
import RealPeers
import TLSEngine
import Testing

extension EndToEnd {
  /// What a client may do is counted for the whole host.
  @Suite(.enabled(if: Subject.isMartinet))
  struct ClientLimitTests {
    private static let limits = [
      "mynetworks": "192.0.2.0/24", "mydestination": "here.test",
      "smtpd_relay_restrictions": "permit_mynetworks, reject_unauth_destination",
      "local_transport": "discard:", "smtpd_peername_lookup": "no", "mail_name": "Postfix",
      "smtpd_client_connection_count_limit": "3", "smtpd_client_connection_rate_limit": "6",
      "smtpd_client_message_rate_limit": "3", "smtpd_client_recipient_rate_limit": "4",
      "smtpd_forbid_unauth_pipelining": "yes", "smtpd_error_sleep_time": "0",
    ]

    /// Replies and log lines that a server gives, as far as they are about limits.
    private struct Outcome: Equatable {
      var replies: [String] = []
      var lines: [String] = []
    }

    @Test(.enabled(if: PostfixOracle.isAvailable), .timeLimit(.minutes(2)))
    func limitsAreReachedAsInPostfix() throws {
      let postfix = try PostfixOracle(settings: Self.limits)
      let martinet = try MartinetInstance(settings: Self.limits)
      try postfix.start()
      try martinet.start()
      let log = martinet.log
      let theirs = try Self.play(postfix)
      let ours = try Self.play(martinet)
      #expect(ours.replies == theirs.replies)
      #expect(ours.lines == theirs.lines)
      #expect(theirs.lines.count == 8)
      try martinet.stop()
      try postfix.stop()
      try log.waitForEnd(until: .after(.seconds(20)))
      #expect(
        Self.statistics(log, port: martinet.port)
          == [
            "max connection rate 8/60s for (SERVICE:127.0.0.7)",
            "max connection count 4 for (SERVICE:127.0.0.7)",
            "max message rate 5/60s for (SERVICE:127.0.0.5)",
            "max recipient rate 7/60s for (SERVICE:127.0.0.6)", "max cache size 4",
          ])
    }

    private static func play(_ server: any MailServer) throws -> Outcome {
      var outcome = Outcome()
      func talk(from source: UInt8, _ lines: [String]) throws {
        let dialog = try SMTPDialog(port: server.port, from: source)
        outcome.replies.append(try dialog.reply().description)
        for line in lines { outcome.replies.append(try dialog.ask(line).description) }
        dialog.close()
      }
      try talk(
        from: 5,
        [
          "EHLO a", "MAIL FROM:<@>", "MAIL X", "MAIL FROM:<a@b>", "MAIL FROM:<a@b>", "RSET",
          "MAIL FROM:<a@b>", "RSET", "MAIL FROM:<a@b>", "MAIL FROM:<a@b>", "QUIT",
        ])
      try talk(
        from: 6,
        [
          "EHLO a", "MAIL FROM:<a@b>", "RCPT X", "RCPT TO:<@>", "RCPT TO:<x@here.test> FOO",
          "RCPT TO:<x@here.test>", "RCPT TO:<x@here.test>", "RCPT TO:<x@here.test>",
          "VRFY x@here.test", "RCPT TO:<x@here.test>", "QUIT",
        ])
      var open: [SMTPDialog] = []
      for number in 0..<8 {
        let dialog = try SMTPDialog(port: server.port, from: 7)
        let reply = try dialog.reply()
        outcome.replies.append(reply.description)
        if reply.code == 421 { try dialog.expectClose() } else { open.append(dialog) }
        guard number == 3 else { continue }
        for dialog in open { try dialog.say("QUIT", expecting: 221) }
        try server.log.wait(
          forCount: 3, of: "[127.0.0.7] quit=1", until: .after(.seconds(20)))
      }
      try server.log.wait(for: "rate limit exceeded: 8 from", until: .after(.seconds(20)))
      outcome.lines = lines(server) { $0.contains("limit exceeded") }
      return outcome
    }

    private static func lines(
      _ server: any MailServer, _ isMeant: (String) -> Bool
    ) -> [String] {
      server.log.lines.map(\.description).filter(isMeant).map {
        let text = $0[($0.range(of: "warning: ")?.lowerBound ?? $0.startIndex)...]
        return text.replacing(#/from \S+\[/#, with: "from [")
          .replacingOccurrences(of: "127.0.0.1:\(server.port)", with: "SERVICE")
      }
    }

    private static func statistics(_ log: LineLog, port: UInt16) -> [String] {
      log.lines.map(\.description).compactMap { line in
        line.firstMatch(of: #/postfix\/anvil\[\d+\]: statistics: (.*) at \w{3} [ \d]\d [\d:]{8}$/#)
          .map { String($0.1).replacingOccurrences(of: "127.0.0.1:\(port)", with: "SERVICE") }
      }
    }

    @Test(.enabled(if: PostfixOracle.isAvailable), .timeLimit(.minutes(2)))
    func newTLSSessionsAreCountedAsInPostfix() throws {
      let keys = try CertificateFiles()
      let wrapped = try Loopback.freePort()
      var settings = keys.settings.merging(Self.limits) { $1 }
      settings["smtpd_client_new_tls_session_rate_limit"] = "2"
      settings["smtpd_client_connection_rate_limit"] = "0"
      let services = [
        "127.0.0.1:\(wrapped) inet n - n - - smtpd -o smtpd_tls_wrappermode=yes"
      ]
      let postfix = try PostfixOracle(settings: settings, services: services)
      try postfix.start()
      let theirs = try Self.playTLS(postfix, wrapped)
      try postfix.stop()
      let martinet = try MartinetInstance(settings: settings, services: services)
      try martinet.start()
      let log = martinet.log
      let ours = try Self.playTLS(martinet, wrapped)
      try martinet.stop()
      #expect(ours.replies == theirs.replies)
      #expect(ours.lines == theirs.lines)
      #expect(theirs.lines.count == 6)
      try log.waitForEnd(until: .after(.seconds(20)))
      #expect(
        Self.statistics(log, port: martinet.port)
          .contains { $0.hasPrefix("max newtls rate 3/60s for (") })
    }

    /// Full handshakes, resumed ones, and some that fail, each until they are too many.
    private static func playTLS(_ server: any MailServer, _ wrapped: UInt16) throws -> Outcome {
      var outcome = Outcome()
      func begin(from source: UInt8) throws -> SMTPDialog? {
        let dialog = try SMTPDialog(port: server.port, from: source)
        try dialog.expect(220)
        let reply = try dialog.ask("STARTTLS")
        outcome.replies.append(reply.description)
        if reply.code == 220 { return dialog }
        try dialog.say("QUIT", expecting: 221)
        return nil
      }
      for number in 1...4 {
        guard let dialog = try begin(from: 11) else { continue }
        try dialog.secure(.unverifiedClient())
        // The refusal of the third comes unasked.
        let reply = number == 3 ? try dialog.reply() : try dialog.ask("NOOP")
        outcome.replies.append(reply.description)
        dialog.close()
      }
      var ticket: TLSResumption?
      for _ in 0..<5 {
        let dialog = try #require(try begin(from: 12))
        let facts = try dialog.secure(.unverifiedClient(), resuming: ticket)
        #expect(facts.isResumed == (ticket != nil))
        outcome.replies.append(try dialog.ask("NOOP").description)
        ticket = dialog.resumption
        try dialog.say("QUIT", expecting: 221)
      }
      for number in 1...4 {
        guard let dialog = try begin(from: 13) else { continue }
        try dialog.send("no TLS")
        try server.log.wait(
          forCount: number, of: "SSL_accept error from", until: .after(.seconds(20)))
        dialog.close(reset: true)
      }
      for number in 1...4 {
        let dialog = try SMTPDialog(port: wrapped, from: 14)
        if number < 4 {
          try dialog.secure(.unverifiedClient())
          outcome.replies.append(try dialog.reply().description)
        } else {
          try dialog.expectClose()
        }
        dialog.close()
      }
      try server.log.wait(for: "Refusing TLS service request", until: .after(.seconds(20)))
      outcome.replies = outcome.replies.map { $0.replacing(#/from \S+\[/#, with: "from [") }
      outcome.lines = lines(server) {
        $0.contains("new TLS") || $0.contains("New TLS") || $0.contains("Refusing")
      }.map { $0.replacing(#/:\d+$/#, with: "") }
      return outcome
    }

    @Test(.timeLimit(.minutes(2)))
    func sessionsOfAllProcessesCountAndThoseOfTheDeadDoNot() throws {
      var settings = Self.limits
      settings["smtpd_process_count"] = "2"
      settings["smtpd_client_connection_rate_limit"] = "0"
      let server = try MartinetInstance(settings: settings)
      try server.start()
      var killed = 0
      for _ in 0..<2 {
        var open: [SMTPDialog] = []
        for _ in 0..<3 {
          let dialog = try SMTPDialog(port: server.port, from: 9)
          try dialog.expect(220)
          open.append(dialog)
        }
        try SMTPDialog(port: server.port, from: 9).expect(421)
        let other = try SMTPDialog(port: server.port, from: 10)
        try other.expect(220)
        for process in server.processes(role: "smtpd") {
          process.kill()
          killed += 1
        }
        try server.log.wait(
          forCount: killed, of: "killed by signal 9", until: .after(.seconds(20)))
      }
      try server.stop()
    }

    @Test(.timeLimit(.minutes(1)))
    func trustedClientsAreNotCounted() throws {
      var settings = Self.limits
      settings["mynetworks"] = "127.0.0.9"
      let server = try MartinetInstance(settings: settings)
      try server.start()
      let trusted = try (0..<8).map { _ in
        let dialog = try SMTPDialog(port: server.port, from: 9)
        try dialog.expect(220)
        return dialog
      }
      #expect(trusted.count == 8)
      try server.stop()
    }

    @Test(.timeLimit(.minutes(1)))
    func nearTheLimitOfSessionsNewClientsGetTheSettingsForStress() throws {
      var settings = Self.limits
      settings["smtpd_process_count"] = "1"
      settings["session_limit"] = "10"
      settings["smtpd_client_connection_count_limit"] = "0"
      settings["smtpd_client_connection_rate_limit"] = "0"
      let server = try MartinetInstance(settings: settings)
      try server.start()
      try server.log.wait(for: "disconnect from", until: .after(.seconds(20)))
      let early = try (0..<9).map { _ in
        let dialog = try SMTPDialog(port: server.port)
        try dialog.expect(220)
        return dialog
      }
      try server.log.wait(for: "postfix/smtpd[", "stress=yes", until: .after(.seconds(20)))
      let late = try SMTPDialog(port: server.port)
      try late.expect(220)
      // Under stress smtpd_hard_error_limit is 1.
      #expect(try late.ask("FOO").code == 500)
      try late.expect(421)
      #expect(try early[0].ask("FOO").code == 500)
      #expect(try early[0].ask("NOOP").code == 250)
      for dialog in early { try dialog.say("QUIT", expecting: 221) }
      try server.log.wait(for: "well below its limit", until: .after(.seconds(20)))
      let calm = try SMTPDialog(port: server.port)
      try calm.expect(220)
      #expect(try calm.ask("FOO").code == 500)
      #expect(try calm.ask("NOOP").code == 250)
      try server.stop()
    }

    @Test(.timeLimit(.minutes(1)))
    func whoSpeaksBeforeTheGreetingIsSentAway() throws {
      let server = try MartinetInstance(settings: ["smtpd_process_count": "1"])
      try server.start()
      let process = try #require(server.processes(role: "smtpd").first)
      // The client has spoken for certain when the server looks.
      process.send(SIGSTOP)
      let dialog = try SMTPDialog(port: server.port, from: 9)
      try dialog.send("EHLO early.test")
      process.send(SIGCONT)
      #expect(
        try dialog.reply().lines == ["554 5.5.0 Error: SMTP protocol synchronization"])
      try dialog.expectClose()
      try server.log.wait(
        for: "improper command pipelining after CONNECT from localhost[127.0.0.9]: EHLO early.test",
        until: .after(.seconds(20)))
      try server.stop()
    }

    @Test(.enabled(if: Program.find("fail2ban-regex") != nil), .timeLimit(.minutes(1)))
    func theFiltersOfFail2banFindARefusedFlood() throws {
      let server = try MartinetInstance(settings: Self.limits, logsToFile: true)
      try server.start()
      for source in 20..<40 as Range<UInt8> {
        let dialog = try SMTPDialog(port: server.port, from: source)
        try dialog.expect(220)
        try dialog.say("EHLO flood.test", expecting: 250)
        try dialog.say("MAIL FROM:<a@flood.test>", expecting: 250)
        #expect(try dialog.ask("RCPT TO:<b@elsewhere.test>").code / 100 == 5)
        try dialog.say("QUIT", expecting: 221)
      }
      let angry = try SMTPDialog(port: server.port, from: 50)
      try angry.expect(220)
      for _ in 0..<20 { try angry.say("FOO", expecting: 500) }
      try angry.expect(421)
      try server.stop()
      let log = try #require(server.logFile)
      let found = try Program.run(
        "fail2ban-regex", ["-o", "ip", log, "/etc/fail2ban/filter.d/postfix.conf"])
      let addresses = found.map(\.description).filter { $0.hasPrefix("127.") }
      #expect(addresses == (20..<40).map { "127.0.0.\($0)" } + ["127.0.0.50"])
    }
  }
}
