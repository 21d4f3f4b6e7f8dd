import Foundation
import Glibc
import RealPeers
import Testing

extension EndToEnd {
  /// Server processes in reserve take connections while the first ones are hung, leaving or busy.
  @Suite(.enabled(if: Subject.isMartinet))
  struct ReserveTests {
    /// Two server processes, of which the one in reserve has gone back there after the start,
    /// unless it is always needed.
    private static func server(
      relayPort: UInt16, _ settings: [String: String] = [:], isAlwaysNeeded: Bool = false
    ) throws -> (server: MartinetInstance, first: RunningProcess, spare: RunningProcess) {
      var all = ["smtpd_process_count": "2", "smtpd_reserve_time": "1ms"]
      all.merge(settings) { $1 }
      let server = try MartinetInstance(relayPort: relayPort, settings: all)
      try server.start()
      // They are started in the order of their ranks.
      let processes = server.processes(role: "smtpd").sorted { $0.pid < $1.pid }
      try #require(processes.count == 2)
      if isAlwaysNeeded { return (server, processes[0], processes[1]) }
      var inARow = 0
      for _ in 0..<200 where inARow < 5 {
        inARow = try visit(server) == processes[0].pid ? inARow + 1 : 0
      }
      try #require(inARow == 5, "the first process does not serve")
      return (server, processes[0], processes[1])
    }

    /// A session; the process that greeted it.
    @discardableResult
    private static func visit(_ server: MartinetInstance) throws -> pid_t {
      let start = server.log.lines.count
      try SMTPDialog(greetedAt: server.port).say("QUIT", expecting: 221)
      return try greeter(server, from: start, "disconnect from")
    }

    private static func greeter(
      _ server: MartinetInstance, from start: Int, _ text: String
    ) throws -> pid_t {
      let line = try server.log.wait(for: "]: \(text)", from: start, until: .after(.seconds(20)))
      let match = try #require("\(line.line)".firstMatch(of: #/smtpd\[(\d+)\]: /#))
      return try #require(pid_t(match.1))
    }

    @Test(.timeLimit(.minutes(2)))
    func aConnectionIsLeftToTheFirstProcessForAWhile() throws {
      let (server, first, _) = try Self.server(
        relayPort: try Loopback.freePort(), ["smtpd_reserve_delay": "10s"])
      first.send(SIGSTOP)
      let start = server.log.lines.count
      let dialog = try SMTPDialog(port: server.port, timeout: .milliseconds(300))
      #expect(throws: PeerError.self) { try dialog.expect(220) }
      first.send(SIGCONT)
      #expect(try Self.greeter(server, from: start, "connect from") == first.pid)
      try server.stop()
    }

    @Test(.timeLimit(.minutes(2)))
    func aHungProcessIsReplacedAndServesAgainAfterwards() throws {
      let (server, first, spare) = try Self.server(relayPort: try Loopback.freePort())
      first.send(SIGSTOP)
      for _ in 0..<3 { #expect(try Self.visit(server) == spare.pid) }
      // Nobody waited for the watchdog.
      #expect(server.log.count(of: "watchdog timeout") == 0)
      first.send(SIGCONT)
      var visits = 0
      while try Self.visit(server) != first.pid {
        visits += 1
        try #require(visits < 500, "the first process does not serve again")
      }
      try server.stop()
    }

    @Test(.timeLimit(.minutes(2)))
    func aProcessThatLeavesTakesItsTimeAtNobodysExpense() throws {
      let sink = try ScriptedSink()
      let (server, first, spare) = try Self.server(relayPort: sink.port)
      let start = server.log.lines.count
      let slow = try SMTPDialog(greetedAt: server.port)
      #expect(try Self.greeter(server, from: start, "connect from") == first.pid)
      try slow.say("MAIL FROM:<a@source.test>", expecting: 250)
      try slow.say("RCPT TO:<b@sink.test>", expecting: 250)
      try slow.say("DATA", expecting: 354)
      first.send(SIGTERM)
      // Who comes before the signal has been seen is still the first one's, and turned away.
      var visits = 0
      while (try? Self.visit(server)) != spare.pid {
        visits += 1
        try #require(visits < 200, "the other process does not serve")
      }
      // It goes on to take the content of one session while the other serves all the rest.
      for _ in 0..<5 { #expect(try Self.visit(server) == spare.pid) }
      try slow.send("Subject: slow")
      try slow.say(".", expecting: 250)
      try sink.wait(forCount: 1, until: .after(.seconds(20)))
      #expect(RunningProcess.waitForEnd(of: [first], until: .after(.seconds(20))))
      try server.stop()
    }

    @Test(.timeLimit(.minutes(2)))
    func aProcessInReserveHelpsTheBusyOne() throws {
      let sink = try ScriptedSink()
      let (server, _, spare) = try Self.server(
        relayPort: sink.port, ["smtpd_reserve_load": "1", "smtpd_reserve_delay": "2ms"],
        isAlwaysNeeded: true)
      let start = server.log.lines.count
      let help = "smtpd[\(spare.pid)]: connect from"
      var sent = 0
      while !server.log.lines[start...].contains(where: { "\($0)".contains(help) }) {
        try #require(sent < 4000, "the process in reserve does not help")
        let result = try MailLoad(port: server.port).run(sent..<sent + 40, within: .seconds(60))
        #expect(result.acknowledged.count == 40)
        sent += 40
      }
      try sink.wait(forCount: sent, until: .after(.seconds(60)))
      try server.stop()
    }
  }
}
