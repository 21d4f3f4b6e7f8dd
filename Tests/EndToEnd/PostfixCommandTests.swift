import Foundation
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
      for command in ["stop", "reload", "abort", "flush"] {
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
    func theLogFileIsRotatedWhileTheSystemRuns() throws {
      let settings = ["maillog_file_rotate_suffix": "%Y-old"]
      let server = try MartinetInstance(
        relayPort: try Loopback.freePort(), settings: settings, logsToFile: true)
      #expect(try postfix(server, "start").exit == .code(0))
      let path = server.folder.path("log")
      let rotate = try postfix(server, "logrotate")
      #expect(rotate.exit == .code(0), "\(rotate.errors)")
      let folder = server.folder.url.path
      let names = { () throws -> [String] in
        try FileManager.default.contentsOfDirectory(atPath: folder).filter {
          $0.hasPrefix("log.") && $0.contains("-old")
        }
      }
      #expect(try names().map { $0.hasSuffix("-old.gz") } == [true])
      // Where the mail system goes on as before, so does its log.
      let certificate = server.folder.path("no-certificate")
      try server.configure([
        "maillog_file_rotate_suffix": "%Y-unused", "smtpd_tls_security_level": "may",
        "smtpd_tls_cert_file": certificate, "smtpd_tls_key_file": certificate,
      ])
      let unloaded = try postfix(server, "logrotate")
      #expect(unloaded.exit == .code(1) && unloaded.errors.contains("did not reload"))
      #expect(
        !(try FileManager.default.contentsOfDirectory(atPath: folder).joined().contains("-unused")))
      try server.configure([
        "maillog_file_rotate_suffix": "%Y-old", "smtpd_tls_security_level": "none",
      ])
      // Everybody writes to the new file.
      try SMTPDialog(greetedAt: server.port).say("QUIT", expecting: 221)
      #expect(try postfix(server, "stop").exit == .code(0))
      let text = try String(contentsOfFile: path, encoding: .utf8)
      #expect(text.contains("disconnect from "))
      // Nothing is overwritten.
      let taken = folder + "/" + (try #require(try names().first?.dropLast(3)))
      try Data().write(to: URL(filePath: taken))
      let again = try postfix(server, "logrotate")
      #expect(again.exit == .code(1) && again.errors.contains("is there already"))
      try server.configure(["maillog_file_compressor": "no-such-program"])
      try FileManager.default.removeItem(atPath: taken)
      #expect(try postfix(server, "logrotate").errors.contains("no-such-program"))
      try server.configure(["maillog_file": "/dev/stdout"])
      let refused = try postfix(server, "logrotate")
      #expect(refused.errors.contains("fatal: not rotating '/dev/stdout'"))
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
