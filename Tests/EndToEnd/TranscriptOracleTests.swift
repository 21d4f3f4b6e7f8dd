import RealPeers
import Testing

extension EndToEnd {
  /// The same sessions to a private Postfix and to Martinet: the postmaster reads the same of them
  /// (`notify_classes`).
  struct TranscriptOracleTests {
    private static let settings = [
      "notify_classes": "policy, protocol, bounce", "error_notice_recipient": "errors@post.test",
      "bounce_notice_recipient": "bounces@post.test", "mail_name": "Mail",
      "smtpd_error_sleep_time": "0",
      "smtpd_recipient_restrictions":
        "check_recipient_access inline:{no@x.test=reject}, permit_mynetworks, reject",
    ]

    private static let sessions = [
      ["HELO", "FOO", "QUIT"],
      ["HELO c.test", "MAIL FROM:<a@b.test>", "RCPT TO:<no@x.test>", "RSET", "QUIT"],
      ["HELO c.test", "MAIL FROM:<a b>", "MAIL FROM:<a@b.test> SIZE=99999999999"],
    ]

    @Test(.enabled(if: PostfixOracle.isAvailable), .timeLimit(.minutes(2)))
    func noticesAreTheSame() throws {
      let sinks = [try ScriptedSink(), try ScriptedSink()]
      let theirs = try Self.play(
        on: PostfixOracle(relayPort: sinks[0].port, settings: Self.settings), sinks[0])
      let ours = try Self.play(
        on: MartinetInstance(relayPort: sinks[1].port, settings: Self.settings), sinks[1])
      #expect(theirs.count == Self.sessions.count)
      for (session, (their, our)) in zip(Self.sessions, zip(theirs, ours)) {
        #expect(our == their, "\(session)")
      }
    }

    /// For each session the notice of it: its envelope, and the lines that are no dates and names.
    private static func play(
      on server: any MailServer, _ sink: ScriptedSink
    ) throws -> [[String]] {
      try server.start()
      var found: [[String]] = []
      for lines in sessions {
        let gone = server.log.count(of: ": removed")
        let dialog = try SMTPDialog(greetedAt: server.port)
        for line in lines { _ = try dialog.ask(line) }
        dialog.close()
        try server.log.wait(forCount: gone + 1, of: ": removed", until: .after(.seconds(20)))
        let notice = try #require(sink.received.last)
        let text = String(decoding: notice.content, as: UTF8.self)
        let differing = ["Received:", "\tid ", "Date:", "Message-Id:", "Auto-Submitted:"]
        found.append(
          notice.commands.sorted().map { $0.replacing(/[ ]SIZE=\d+/, with: "") }
            + text.split(separator: "\n").map(String.init).filter { line in
              !differing.contains { line.hasPrefix($0) }
            }.map { $0.replacing("unknown[127.0.0.1]", with: "localhost[127.0.0.1]") })
      }
      try server.stop()
      return found
    }
  }
}
