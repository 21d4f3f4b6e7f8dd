import Foundation
import RealPeers
import TestSupport
import Testing

extension EndToEnd {
  /// Looking on while sessions go on.
  @Suite(.enabled(if: Subject.isMartinet))
  struct FollowTests {
    @Test(.timeLimit(.minutes(1)))
    func traceShowsTheSessionsOfAClientUntilItIsInterrupted() throws {
      let sink = try ScriptedSink()
      let server = try MartinetInstance(
        relayPort: sink.port, settings: ["smtpd_junk_command_limit": "10000"])
      try server.start()
      let dialog = try SMTPDialog(port: server.port)
      try dialog.expect(220)
      let trace = try Program(
        MartinetInstance.executable,
        ["-c", server.configuration, "trace", "--client", "127.0.0.0/8"])
      // It has begun when a line of the session that goes on is shown.
      let begun = Deadline.after(.seconds(20))
      while trace.output.count(of: "NOOP") == 0 {
        try #require(!begun.hasPassed)
        try dialog.say("NOOP", expecting: 250)
        Monitor(()).pause(.milliseconds(20))
      }
      try dialog.say("HELO follow.test", expecting: 250)
      try dialog.say("MAIL FROM:<a@follow.test>", expecting: 250)
      try dialog.say("RCPT TO:<b@sink.test>", expecting: 250)
      try dialog.say("DATA", expecting: 354)
      try dialog.send(raw: Array("Subject: nobody's business\r\n\r\nbody\r\n.\r\n".utf8))
      try dialog.expect(250)
      try dialog.say("QUIT", expecting: 221)
      try trace.output.wait(for: "> localhost[127.0.0.1]:", ": 221 2.0.0 Bye", until: begun)
      let lines = trace.output.lines.map(\.description)
      #expect(lines.allSatisfy { $0.hasPrefix("< localhost[127.0.0.1]:") || $0.hasPrefix("> ") })
      for text in [": MAIL FROM:<a@follow.test>", ": RCPT TO:<b@sink.test>", ": 354 End data"] {
        #expect(lines.count { $0.contains(text) } == 1, "\(text)")
      }
      #expect(!lines.contains { $0.contains("business") || $0.contains("body") })
      // Nothing of it is in the log.
      #expect(server.log.count(of: ": MAIL FROM:<a@follow.test>") == 0)
      trace.send(SIGINT)
      #expect(try trace.waitForExit(until: .after(.seconds(20))) == .signal(SIGINT))
      let after = try SMTPDialog(port: server.port)
      try after.expect(220)
      try after.say("QUIT", expecting: 221)
      try server.stop()
    }

    @Test(
      .enabled(if: getuid() == 0 && Program.find("setpriv") != nil), .timeLimit(.minutes(1)))
    func onlyRootAndTheMailOwnerMayFollow() throws {
      let server = try MartinetInstance()
      try server.start()
      try FileManager.default.setAttributes(
        [.posixPermissions: 0o755],
        ofItemAtPath: URL(filePath: server.configuration).deletingLastPathComponent().path)
      let outcome = try Program.outcome(
        "setpriv",
        ["--reuid", "games", "--regid", "games", "--clear-groups", MartinetInstance.executable]
          + ["-c", server.configuration, "trace", "--client", "127.0.0.1"])
      #expect(outcome.exit == .code(1))
      #expect(outcome.errors.contains("reserved for the superuser"), "\(outcome.errors)")
      try server.stop()
    }

    @Test(.timeLimit(.minutes(1)))
    func theDialogueOfDebugPeersIsInTheLog() throws {
      let server = try MartinetInstance(settings: ["debug_peer_list": "127.0.0.2, .other.test"])
      try server.start()
      let quiet = try SMTPDialog(port: server.port)
      try quiet.expect(220)
      try quiet.say("HELO quiet.test", expecting: 250)
      let loud = try SMTPDialog(port: server.port, from: 2)
      try loud.expect(220)
      try loud.say("HELO loud.test", expecting: 250)
      try loud.say("QUIT", expecting: 221)
      try server.log.wait(
        for: "/smtpd[", ": > localhost[127.0.0.2]: 221 2.0.0 Bye", until: .after(.seconds(20)))
      #expect(server.log.count(of: ": < localhost[127.0.0.2]: HELO loud.test") == 1)
      #expect(server.log.count(of: "quiet.test") == 0)
      try server.stop()
    }
  }
}
