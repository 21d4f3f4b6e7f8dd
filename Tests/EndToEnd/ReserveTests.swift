import Foundation
import Glibc
import RealPeers
import Testing

extension EndToEnd {
  /// Server processes in reserve take connections while the first ones are hung, full or busy.
  @Suite(.enabled(if: Subject.isMartinet))
  struct ReserveTests {
    private static func server(
      relayPort: UInt16, _ settings: [String: String]
    ) throws -> MartinetInstance {
      let server = try MartinetInstance(
        relayPort: relayPort, settings: settings.merging(["smtpd_process_count": "2"]) { $1 })
      try server.start()
      return server
    }

    /// The processes that have greeted clients.
    private static func greeters(_ server: MartinetInstance) -> Set<String> {
      Set(
        server.log.lines.map(\.description).filter { $0.contains(": connect from") }.compactMap {
          $0.firstMatch(of: #/smtpd\[(\d+)\]/#).map { String($0.1) }
        })
    }

    /// A session, of which the log has told everything in the end.
    private static func visit(_ server: MartinetInstance) throws {
      let before = server.log.count(of: ": disconnect from")
      let dialog = try SMTPDialog(greetedAt: server.port)
      try dialog.say("QUIT", expecting: 221)
      try server.log.wait(
        forCount: before + 1, of: ": disconnect from", until: .after(.seconds(20)))
    }

    @Test(.timeLimit(.minutes(2)))
    func oneProcessServesWhoComesAsLongAsItHasTime() throws {
      let server = try Self.server(
        relayPort: try Loopback.freePort(), ["smtpd_reserve_delay": "60s"])
      for _ in 0..<20 { try Self.visit(server) }
      #expect(Self.greeters(server).count == 1)
      try server.stop()
    }

    @Test(.timeLimit(.minutes(2)))
    func aHungProcessIsReplacedAtOnceAndServesAgainAfterwards() throws {
      let server = try Self.server(relayPort: try Loopback.freePort(), [:])
      try Self.visit(server)
      let first = try #require(Self.greeters(server).first)
      let hung = try #require(
        server.processes(role: "smtpd").first { String($0.pid) == first })
      hung.send(SIGSTOP)
      for _ in 0..<3 { try Self.visit(server) }
      #expect(Self.greeters(server).count == 2)
      // Nobody waited for the watchdog.
      #expect(server.log.count(of: "watchdog timeout") == 0)
      hung.send(SIGCONT)
      let greeted = server.log.count(of: "smtpd[\(first)]: connect from")
      for _ in 0..<200 where server.log.count(of: "smtpd[\(first)]: connect from") == greeted {
        try Self.visit(server)
        // Only time brings the other back into reserve.
        Monitor(()).pause(.milliseconds(50))
      }
      #expect(server.log.count(of: "smtpd[\(first)]: connect from") > greeted)
      try server.stop()
    }

    @Test(.timeLimit(.minutes(2)))
    func aProcessInReserveHelpsTheBusyOne() throws {
      let sink = try ScriptedSink()
      let server = try Self.server(
        relayPort: sink.port, ["smtpd_reserve_load": "1", "smtpd_reserve_delay": "2ms"])
      var sent = 0
      while Self.greeters(server).count < 2 {
        try #require(sent < 4000, "the process in reserve does not help")
        let result = try MailLoad(port: server.port).run(sent..<sent + 40, within: .seconds(60))
        #expect(result.acknowledged.count == 40)
        sent += 40
      }
      try sink.wait(forCount: sent, until: .after(.seconds(60)))
      try server.stop()
    }

    @Test(.timeLimit(.minutes(2)))
    func withoutAReserveEachProcessTakesConnections() throws {
      let server = try Self.server(
        relayPort: try Loopback.freePort(), ["smtpd_reserve_percent": "0"])
      let processes = server.processes(role: "smtpd")
      #expect(processes.count == 2)
      processes[0].send(SIGSTOP)
      try Self.visit(server)
      processes[0].send(SIGCONT)
      processes[1].send(SIGSTOP)
      try Self.visit(server)
      processes[1].send(SIGCONT)
      #expect(Self.greeters(server).count == 2)
      try server.stop()
    }
  }
}
