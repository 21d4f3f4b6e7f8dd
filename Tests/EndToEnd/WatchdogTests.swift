import Foundation
import Glibc
import RealPeers
import Testing

extension EndToEnd {
  /// Processes that hang are replaced, and clients at whose input one died are refused.
  @Suite(.enabled(if: Subject.isMartinet))
  struct WatchdogTests {
    @Test(.timeLimit(.minutes(2)))
    func aProcessThatIsStoppedIsKilledAndReplaced() throws {
      let sink = try ScriptedSink()
      var settings = Subject.quickRetries
      settings["service_watchdog_timeout"] = "1s"
      let server = try MartinetInstance(relayPort: sink.port, settings: settings)
      try server.start()
      for (index, role) in ["smtp", "qmgr", "smtpd"].enumerated() {
        let victim = try #require(server.processes(role: role).first)
        victim.send(SIGSTOP)
        try server.log.wait(
          for: "postfix/master[", "warning: \(role) pid \(victim.pid) watchdog timeout",
          until: .after(.seconds(20)))
        #expect(RunningProcess.waitForEnd(of: [victim], until: .after(.seconds(20))))
        try server.log.wait(
          for: "process \(role) pid \(victim.pid) killed by signal 9", until: .after(.seconds(20)))
        var load = MailLoad(port: server.port)
        load.retries = true
        let numbers = index * 10..<index * 10 + 10
        #expect(try load.run(numbers, within: .seconds(30)).acknowledged.count == 10)
        try sink.wait(forCount: numbers.upperBound, until: .after(.seconds(30)))
      }
      #expect(server.log.count(of: "watchdog timeout") == 3)
      try server.stop()
    }

    @Test(.enabled(if: SystemCallTrace.isAvailable), .timeLimit(.minutes(2)))
    func aCommitThatTakesLongAndIdleProcessesAreNotTakenForHanging() throws {
      let sink = try ScriptedSink()
      let server = try MartinetInstance(
        relayPort: sink.port, settings: ["service_watchdog_timeout": "1s"])
      try server.start()
      let family = server.processes
      let writers = server.processes(role: "smtpd").flatMap { ["-p", "\($0.pid)"] }
      let delay = try Program(
        "strace",
        ["-f", "-o", "/dev/null", "-e", "trace=fdatasync"]
          + ["-e", "inject=fdatasync:delay_enter=6000000"] + writers)
      try delay.errors.wait(
        forCount: writers.count / 2, of: "attached", until: .after(.seconds(20)))
      let result = try MailLoad(port: server.port).run(0..<1, within: .seconds(60))
      #expect(result.acknowledged.count == 1)
      delay.send(SIGINT)
      try delay.waitForExit(until: .after(.seconds(20)))
      try sink.wait(forCount: 1, until: .after(.seconds(30)))
      #expect(server.log.count(of: "watchdog timeout") == 0)
      #expect(server.log.count(of: "killed by") == 0)
      #expect(!family.contains { !$0.isAlive })
      try server.stop()
    }

    @Test(.timeLimit(.minutes(2)))
    func aClientAtWhoseInputAServerDiesIsNamedAndRefusedForAWhile() throws {
      let server = try MartinetInstance(
        relayPort: try Loopback.freePort(),
        settings: ["smtpd_process_count": "1", "smtpd_crash_refusal_time": "5s"])
      try server.start()
      var deaths = 0
      let blame = "died at the input of [127.0.0.2]: it is refused for"
      while server.log.count(of: blame) == 0 {
        try #require(deaths < 30, "no death while input is worked at")
        let flood = try Flood(port: server.port, from: 2)
        let victim = try #require(server.processes(role: "smtpd").first)
        victim.send(SIGSEGV)
        deaths += 1
        try server.log.wait(
          for: "process smtpd pid \(victim.pid) killed by signal 11", until: .after(.seconds(20)))
        flood.waitForEnd()
        // The one greeting that follows shows that another process serves, as the last one at once.
        let other = try SMTPDialog(port: server.port)
        try other.expect(220)
      }
      let refused = try SMTPDialog(port: server.port, from: 2)
      let reply = try refused.reply()
      #expect(reply.lines == ["421 4.3.0 mx.martinet.test Error: server error, try again later"])
      try refused.expectClose()
      try server.log.wait(
        for: "postfix/smtpd[", "warning: refused localhost[127.0.0.2] for another",
        until: .after(.seconds(20)))
      // Also by a process that is started later.
      server.processes(role: "smtpd").first?.kill()
      try SMTPDialog(port: server.port).expect(220)
      try server.log.wait(for: "killed by signal 9", until: .after(.seconds(20)))
      let end = Deadline.after(.seconds(30))
      while try SMTPDialog(port: server.port, from: 2).reply().code == 421 {
        try #require(!end.hasPassed, "the client is still refused")
        // Nothing but the clock ends the refusal.
        Monitor(()).pause(.milliseconds(100))
      }
      #expect(server.log.count(of: "started again in") == 0)
      try server.stop()
    }

    /// A client that sends content without an end.
    private struct Flood {
      private let isOver = Monitor(false)

      /// Begins, and returns when much of it has been taken.
      init(port: UInt16, from source: UInt8) throws {
        let dialog = try SMTPDialog(port: port, from: source)
        try dialog.expect(220)
        try dialog.say("EHLO flood.test", expecting: 250)
        try dialog.say("MAIL FROM:<a@flood.test>", expecting: 250)
        try dialog.say("RCPT TO:<b@sink.test>", expecting: 250)
        try dialog.say("DATA", expecting: 354)
        let content = Array(
          repeatElement(Array("Very much of it.\r\n".utf8), count: 60_000).joined())
        try dialog.send(raw: content)
        let isOver = isOver
        nonisolated(unsafe) let stream = dialog
        Thread.detachNewThread {
          // Ends with the connection.
          while (try? stream.send(raw: content)) != nil {}
          isOver.change { $0 = true }
        }
      }

      func waitForEnd() {
        let ended: Bool? = isOver.wait(until: .after(.seconds(30))) { $0 ? true : nil }
        #expect(ended == true)
      }
    }
  }
}
