import Glibc
import RealPeers
import TestSupport
import Testing

extension EndToEnd {
  /// `postfix`, by which administrators and their scripts know the mail system.
  @Suite(.enabled(if: Subject.isMartinet))
  struct PostfixCommandTests {
    private func postfix(
      _ server: MartinetInstance, _ arguments: String...
    ) throws -> Program.Outcome {
      try Program.outcome(
        MartinetInstance.executable, ["postfix", "-c", server.folder.path("etc")] + arguments)
    }

    @Test(.timeLimit(.minutes(2)))
    func itStartsInTheBackgroundAndStopsWithTheWordsOfPostfix() throws {
      let server = try MartinetInstance(relayPort: try Loopback.freePort(), logsToFile: true)
      let down = "postfix/postfix-script: fatal: the Postfix mail system is not running\n"
      for command in ["stop", "reload", "abort"] {
        let outcome = try postfix(server, command)
        #expect(outcome.exit == .code(1) && outcome.errors == down, "\(command): \(outcome.errors)")
      }
      #expect(try postfix(server, "status").exit == .code(1))
      let start = try postfix(server, "start")
      #expect(start.exit == .code(0), "\(start.errors)")
      #expect(start.errors.contains("postfix/postfix-script: starting the Postfix mail system"))
      // The listeners answer when it returns.
      try SMTPDialog(greetedAt: server.port).say("QUIT", expecting: 221)
      let status = try postfix(server, "status")
      #expect(status.exit == .code(0))
      let words = "postfix/postfix-script: the Postfix mail system is running: PID: "
      let pid = status.errors.split(separator: "\n").first { $0.hasPrefix(words) }
        .flatMap { pid_t($0.dropFirst(words.count)) }
      let family = RunningProcess.family(of: try #require(pid))
      let again = try postfix(server, "start")
      #expect(again.exit == .code(1))
      #expect(
        again.errors
          == "postfix/postfix-script: fatal: the Postfix mail system is already running\n")
      #expect(try postfix(server, "reload").exit == .code(0))
      #expect(try postfix(server, "flush").exit == .code(0))
      #expect(try postfix(server, "-v", "check").exit == .code(0))
      #expect(try postfix(server, "stop").exit == .code(0))
      #expect(RunningProcess.waitForEnd(of: family, until: .after(.seconds(5))))
      #expect(try postfix(server, "start").exit == .code(0))
      #expect(try postfix(server, "abort").exit == .code(0))
      #expect(throws: PeerError.self) { try SMTPDialog(port: server.port) }
      for arguments in [["nonsense"], []] {
        let outcome = try Program.outcome(
          MartinetInstance.executable,
          ["postfix", "-c", server.folder.path("etc")] + arguments)
        #expect(outcome.exit == .code(1) && outcome.errors.contains("usage: postfix"))
      }
    }

    @Test(.timeLimit(.minutes(2)))
    func aStartThatFailsSaysWhy() throws {
      let sink = try ScriptedSink()
      let server = try MartinetInstance(
        relayPort: sink.port, services: ["127.0.0.1:\(sink.port) inet n - n - - smtpd"],
        logsToFile: true)
      let start = try postfix(server, "start")
      #expect(start.exit == .code(1))
      #expect(start.errors.contains("cannot listen on 127.0.0.1 port \(sink.port)"))
      #expect(try postfix(server, "status").exit == .code(1))
      try server.configure(["smtpd_timeout": "soon"])
      let broken = try postfix(server, "start")
      #expect(broken.exit == .code(1) && broken.errors.contains("smtpd_timeout"))
      try server.configure(["maillog_file": "/dev/stdout"])
      #expect(try postfix(server, "start").errors.contains("use start-fg"))
    }
  }
}
