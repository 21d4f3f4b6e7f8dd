import RealPeers
import Testing

extension EndToEnd {
  /// What the log tells of sessions that end in an unusual way: the same dialogues to a private
  /// Postfix and to Martinet, and the same lines.
  struct SessionLogOracleTests {
    private static let settings = [
      "mydestination": "here.test", "local_recipient_maps": "", "mynetworks": "192.0.2.0/24",
      "smtpd_error_sleep_time": "0", "smtpd_recipient_limit": "2",
      "smtpd_recipient_overshoot_limit": "2", "inet_interfaces": "loopback-only",
      "smtpd_sender_restrictions": "check_sender_access inline:{ {a@hold.test = HOLD} }",
    ]

    /// Commands that are answered, then bytes after which the client hangs up.
    private struct Scene: CustomStringConvertible {
      var commands: [String]
      var last = ""

      var description: String { "\(commands) and then \(last.count) bytes" }
    }

    private static let scenes: [Scene] = {
      let envelope = ["EHLO c.test", "MAIL FROM:<a@c.test>", "RCPT TO:<b@here.test>"]
      let contents = [
        "", String(repeating: "a", count: 200), "one\r\n", "one\r\ntwo", "one\r\n..two\r\n",
        "one\n", "a: b\r\n\r\none\r\n.two\r\nthree", "one\r", "one\r\n.", "one\r\n.\r",
      ]
      let lost =
        contents.map { Scene(commands: envelope + ["DATA"], last: $0) }
        + ["BDAT 20\r\none", "BDAT 20\r\none\r\ntwo\r\n", "MAI"].map {
          Scene(commands: envelope, last: $0)
        }
      let recipients = (0..<8).map { "RCPT TO:<u\($0)@here.test>" }
      let overshoot = Scene(commands: envelope.prefix(2) + recipients + ["QUIT"])
      let held = ["MAIL FROM:<a@hold.test>"] + recipients.prefix(2)
      return lost + [
        overshoot, Scene(commands: ["EHLO c.test"] + held + ["RSET"] + held + ["QUIT"]),
      ]
    }()

    @Test(.enabled(if: PostfixOracle.isAvailable), .timeLimit(.minutes(2)))
    func theLinesOfASessionAreTheSame() throws {
      // What Postfix 3.7 has no parameter for, it does not see.
      let theirs = try Self.play(on: try PostfixOracle(settings: Self.settings))
      let ours = try Self.play(
        on: try MartinetInstance(
          settings: Self.settings.merging(["smtpd_process_count": "1"]) { $1 }))
      for (scene, (their, our)) in zip(Self.scenes, zip(theirs, ours)) {
        #expect(our == their, "\(scene)")
      }
    }

    private static func play(on server: any MailServer) throws -> [[String]] {
      try server.start()
      // The connections by which the start was seen: a greeting, and here one that says nothing.
      let connections = server is PostfixOracle ? 1 : 2
      try server.log.wait(
        forCount: connections, of: "disconnect from", until: .after(.seconds(20)))
      var next = server.log.lines.count
      var lines: [[String]] = []
      for scene in scenes {
        let dialog = try SMTPDialog(greetedAt: server.port)
        for command in scene.commands { _ = try dialog.ask(command) }
        try dialog.send(raw: Array(scene.last.utf8))
        dialog.close()
        let end = try server.log.wait(
          for: "disconnect from", from: next, until: .after(.seconds(20))
        ).index
        lines.append(server.log.lines[next...end].compactMap { plain("\($0)") })
        next = end + 1
      }
      try server.stop()
      return lines
    }

    /// A line of `smtpd` without what differs from run to run; `nil` for one that is not its own.
    private static func plain(_ line: String) -> String? {
      guard line.contains("/smtpd["), let start = line.firstRange(of: "]: ") else { return nil }
      let text = String(line[start.upperBound...])
      if text.hasPrefix("connect from ") || text.contains(": client=") { return nil }
      return text.replacing(#/^[0-9A-Za-z]{10,}: /#, with: "ID: ")
        .replacing("unknown[127.0.0.1]", with: "localhost[127.0.0.1]")
    }
  }
}
