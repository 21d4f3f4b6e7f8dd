import Foundation
import RealPeers
import TestSupport
import Testing

extension EndToEnd {
  /// What an administrator sees: the commands, and what they say about mistakes.
  @Suite(.enabled(if: Subject.isMartinet))
  struct AdministrationTests {
    @Test(.timeLimit(.minutes(2)))
    func theQueueIsListedWithTheReasonsForItsDelay() throws {
      let dead = try Loopback.freePort()
      let server = try MartinetInstance(relayPort: dead)
      try server.start()
      #expect(try server.queueCommand("mailq").map(\.description) == ["Mail queue is empty"])
      #expect(try server.queueCommand("postqueue", "-j").isEmpty)

      var load = MailLoad(port: server.port)
      load.recipients = { ["rcpt\($0)@sink.test", "other\($0)@sink.test"] }
      let result = try load.run(0..<3, within: .seconds(20))
      try #require(result.acknowledged.count == 3)
      try server.log.wait(forCount: 6, of: "status=deferred", until: .after(.seconds(20)))
      let reason = "connect to 127.0.0.1[127.0.0.1]:\(dead): Connection refused"
      for command in [["mailq"], ["postqueue", "-p"]] {
        try expectListing(server, command, of: result, reason: reason)
      }
      try expectObjects(server, of: result, reason: reason)

      let sink = try ScriptedSink(port: dead)
      _ = try server.queueCommand("postqueue", "-f")
      try server.log.wait(forCount: 3, of: ": removed", until: .after(.seconds(20)))
      #expect(sink.received.count == 3)
      #expect(try server.queueCommand("mailq").map(\.description) == ["Mail queue is empty"])
      try server.stop()
      #expect(throws: PeerError.self) { try server.queueCommand("mailq") }
    }

    private func expectListing(
      _ server: MartinetInstance, _ command: [String], of result: MailLoadResult, reason: String
    ) throws {
      let lines =
        command.count == 1
        ? try server.queueCommand(command[0]) : try server.queueCommand(command[0], command[1])
      let text = lines.map(\.description)
      #expect(text.first?.hasPrefix("----Queue ID----- --Size-- ---Arrival Time----") == true)
      #expect(text.last?.hasSuffix(" Kbytes in 3 Requests.") == true)
      #expect(text.count { $0.hasSuffix("(\(reason))") } == 3)
      for (number, id) in result.acknowledged {
        let first = try #require(text.firstIndex { $0.hasPrefix("\(id) ") })
        #expect(text[first].hasSuffix(" sender\(number)@source.test"))
        let indent = String(repeating: " ", count: 47)
        #expect(
          Set(text[(first + 2)...(first + 3)]) == [
            "\(indent)rcpt\(number)@sink.test", "\(indent)other\(number)@sink.test",
          ])
      }
    }

    private func expectObjects(
      _ server: MartinetInstance, of result: MailLoadResult, reason: String
    ) throws {
      let lines = try server.queueCommand("postqueue", "-j")
      #expect(lines.count == 3)
      for line in lines {
        let object = try #require(
          try JSONSerialization.jsonObject(with: Data(line.description.utf8)) as? [String: Any])
        let id = try #require(object["queue_id"] as? String)
        let number = try #require(result.acknowledged.first { $0.value == id }?.key)
        #expect(object["queue_name"] as? String == "deferred")
        #expect(object["sender"] as? String == "sender\(number)@source.test")
        #expect((object["message_size"] as? Int).map { $0 > 2000 } == true)
        let recipients = try #require(object["recipients"] as? [[String: String]])
        #expect(recipients.map { $0["delay_reason"] } == [reason, reason])
        #expect(
          Set(recipients.map { $0["address"] }) == [
            "rcpt\(number)@sink.test", "other\(number)@sink.test",
          ])
      }
    }

    @Test(
      .timeLimit(.minutes(1)),
      arguments: [
        ("smtpd_timeout", "soon", "time"), ("message_size_limit", "many", "number"),
        ("smtpd_hard_error_limit", "0", "at least"), ("mynetworks", "10.0.0.0/99", "10.0.0.0/99"),
        ("smtpd_relay_restrictions", "permit", "smtpd_relay_restrictions"),
      ])
    func aBadValueIsNamedAndNothingStarts(name: String, value: String, expected: String) throws {
      let server = try MartinetInstance(settings: [name: value])
      let text = try String(
        contentsOf: server.folder.url.appending(path: "etc/main.cf"), encoding: .utf8)
      let lines = text.split(separator: "\n")
      let line = try #require(lines.firstIndex { $0.hasPrefix("\(name) =") }) + 1
      for command in ["check", "run"] {
        let outcome = try server.outcome(of: command)
        // What passes the check would start, and run on.
        try #require(outcome.exit == .code(1), "\(command)")
        let said = outcome.errors.split(separator: "\n").filter { $0.contains("error: ") }
        #expect(
          said.contains { $0.contains("etc/main.cf, line \(line): \(name): ") }, "\(outcome.errors)"
        )
        #expect(said.contains { $0.contains(expected) }, "\(outcome.errors)")
      }
    }

    @Test(.timeLimit(.minutes(1)))
    func aGoodConfigurationPassesTheCheckAndIsShown() throws {
      let server = try MartinetInstance(settings: ["hopcount_limit": "17", "mydomain": "here.test"])
      let check = try server.outcome(of: "check")
      #expect(check.exit == .code(0), "\(check.errors)")
      let assigned = try server.command("config", "-n").map(\.description)
      #expect(assigned.contains("hopcount_limit = 17"))
      #expect(assigned.contains("queue_directory = \(server.spool)"))
      #expect(!assigned.contains { $0.hasPrefix("smtpd_timeout ") })
      #expect(assigned == assigned.sorted())
      #expect(
        try server.command("config", "hopcount_limit").map(\.description) == ["hopcount_limit = 17"]
      )
      #expect(
        try server.command("config", "-d", "hopcount_limit").map(\.description)
          == ["hopcount_limit = 50"])
    }

    @Test(.timeLimit(.minutes(1)))
    func aSecondStartIsRefusedAndTheFirstGoesOn() throws {
      let server = try MartinetInstance(relayPort: try Loopback.freePort())
      #expect(try server.outcome(of: "status").exit == .code(1))
      try server.start()
      #expect(try server.outcome(of: "status").exit == .code(0))
      let second = try server.outcome(of: "run")
      #expect(second.exit == .code(1))
      #expect(second.errors.contains("already running"))
      _ = try SMTPDialog(greetedAt: server.port)
      #expect(try server.outcome(of: "stop").exit == .code(0))
      #expect(try server.outcome(of: "status").exit == .code(1))
    }

    @Test(.timeLimit(.minutes(1)))
    func theFirstGreetingComesSoonAfterTheStart() throws {
      var times: [Duration] = []
      for _ in 0..<5 {
        let server = try MartinetInstance(relayPort: try Loopback.freePort())
        times.append(try ContinuousClock().measure { try server.start() })
        try server.stop()
      }
      times.sort()
      print("from the start to the first 220: median \(times[2]), longest \(times[4])")
      #expect(times[0] < .seconds(20))
    }
  }
}
