import Foundation
import RealPeers
import TestSupport
import Testing

extension EndToEnd {
  /// Those who know the result of a delivery die together, or lose sight of each other.
  @Suite(.enabled(if: Subject.isMartinet))
  struct DeathTogetherTests {
    /// Who dies, in which order, while a server takes its time over three messages.
    enum Deaths: CaseIterable {
      case queueManagerThenMaster
      case masterThenQueueManager
      case masterThenQueueManagerAndRepliesComeLater
      case queueManagerThenAgentsThenMaster
    }

    /// Accepts one message, refuses one, and puts one off; all only when asked to.
    private static func sink(
      _ attempts: Monitor<[String]>, _ isReleased: Monitor<Bool>
    ) throws -> ScriptedSink {
      try ScriptedSink { step in
        guard case .content(let message) = step, let recipient = message.recipients.first else {
          return .accept
        }
        let count = attempts.change { attempts in
          attempts.append(recipient)
          return attempts.count { $0 == recipient }
        }
        let released: Bool? = isReleased.wait(until: .after(.seconds(40))) { $0 ? true : nil }
        guard released == true else { return .close }
        switch recipient {
        case "refused@sink.test": return .reply("550 5.7.1 not wanted")
        case "later@sink.test": return count == 1 ? .reply("450 4.2.0 come again") : .accept
        default: return .accept
        }
      }
    }

    /// How many records stand in the files of agents: each begins with its length and checksum.
    private static func recordsKept(_ server: MartinetInstance) -> Int {
      let folder = server.spool + "/results"
      let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
      var count = 0
      for name in names {
        var rest = [UInt8](FileManager.default.contents(atPath: folder + "/" + name) ?? Data())
          .dropFirst(8)
        while rest.count >= 8 {
          let length = rest.prefix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
          guard rest.count >= 8 + length else { break }
          count += 1
          rest = rest.dropFirst(8 + length)
        }
      }
      return count
    }

    @Test(.timeLimit(.minutes(2)), arguments: Deaths.allCases)
    func noDeliveryWithAFinalReplyIsMadeAgain(_ deaths: Deaths) throws {
      let attempts = Monitor<[String]>([])
      let isReleased = Monitor(false)
      let sink = try Self.sink(attempts, isReleased)
      let server = try MartinetInstance(
        relayPort: sink.port,
        settings: Subject.quickRetries.merging(["smtp_process_count": "1"]) { $1 })
      try server.start()
      let names = ["sent@sink.test", "refused@sink.test", "later@sink.test"]
      var load = MailLoad(port: server.port)
      load.recipients = { [names[$0]] }
      try #require(try load.run(0..<3, within: .seconds(20)).acknowledged.count == 3)
      let all: Bool? = attempts.wait(until: .after(.seconds(20))) { $0.count == 3 ? true : nil }
      try #require(all == true)

      let log = server.log
      let family = server.processes
      let master = try #require(family.first { $0.arguments.contains("run") })
      let queueManager = try #require(server.processes(role: "qmgr").first)
      let agents = server.processes(role: "smtp")
      let writers = server.processes(role: "smtpd")
      let replies = {
        isReleased.change { $0 = true }
        try log.wait(forCount: 3, of: "status=", until: .after(.seconds(20)))
      }
      switch deaths {
      case .queueManagerThenMaster:
        master.signal(SIGSTOP)
        queueManager.kill()
        try replies()
        try server.killMaster()
      case .masterThenQueueManager:
        try server.killMaster()
        queueManager.kill()
        try replies()
      case .masterThenQueueManagerAndRepliesComeLater:
        try server.killMaster()
        queueManager.kill()
      case .queueManagerThenAgentsThenMaster:
        master.signal(SIGSTOP)
        queueManager.kill()
        try replies()
        let areKept = RunningProcess.wait(until: .after(.seconds(20))) {
          Self.recordsKept(server) == 3
        }
        #expect(areKept)
        for agent in agents { agent.kill() }
        try server.killMaster()
      }
      // The next master waits for the port, but not for the agents of the last one.
      #expect(RunningProcess.waitForEnd(of: writers, until: .after(.seconds(20))))
      try server.start()
      if deaths == .masterThenQueueManagerAndRepliesComeLater {
        #expect(!agents.map(\.isAlive).contains(false))
        try replies()
      }
      try server.log.wait(forCount: 4, of: ": removed", until: .after(.seconds(60)))
      #expect(RunningProcess.waitForEnd(of: family, until: .after(.seconds(10))))
      #expect(attempts.read { $0 }.count { $0 == "sent@sink.test" } == 1)
      #expect(attempts.read { $0 }.count { $0 == "refused@sink.test" } == 1)
      #expect(attempts.read { $0 }.count { $0 == "later@sink.test" } == 2)
      #expect(server.log.count(of: "sender non-delivery notification:") == 1)
      try server.stop()
    }

    @Test(.timeLimit(.minutes(2)), .enabled(if: getuid() == 0))
    func aChannelThatBreaksIsReplacedAndNothingIsRepeated() throws {
      let attempts = Monitor<[String]>([])
      let isReleased = Monitor(false)
      let sink = try Self.sink(attempts, isReleased)
      let server = try MartinetInstance(
        relayPort: sink.port,
        settings: Subject.quickRetries.merging(["smtp_process_count": "1"]) { $1 })
      try server.start()
      var load = MailLoad(port: server.port)
      load.recipients = { _ in ["sent@sink.test"] }
      try #require(try load.run(0..<1, within: .seconds(20)).acknowledged.count == 1)
      let one: Bool? = attempts.wait(until: .after(.seconds(20))) { $0.count == 1 ? true : nil }
      try #require(one == true)
      let agents = server.processes(role: "smtp")
      let writers = server.processes(role: "smtpd")
      for process in agents { #expect(try process.breakChannels() == 1) }
      try server.log.wait(for: "smtp pid", "new channel to qmgr", until: .after(.seconds(20)))
      isReleased.change { $0 = true }
      try server.log.wait(forCount: 1, of: ": removed", until: .after(.seconds(20)))
      for process in writers { #expect(try process.breakChannels() == 1) }
      try server.log.wait(
        forCount: writers.count + 1, of: "new channel to qmgr", until: .after(.seconds(20)))
      try #require(try load.run(1..<2, within: .seconds(20)).acknowledged.count == 1)
      try server.log.wait(forCount: 2, of: ": removed", until: .after(.seconds(20)))
      #expect(attempts.read(\.count) == 2)
      #expect(server.log.count(of: "died while it had") == 0)
      #expect(server.processes(role: "smtp") == agents)
      #expect(server.processes(role: "smtpd") == writers)
      try server.stop()
    }
  }
}
