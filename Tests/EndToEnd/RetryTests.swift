import RealPeers
import Testing

extension EndToEnd {
  struct RetryTests {
    @Test(.timeLimit(.minutes(2)))
    func aTemporaryRefusalIsFollowedByAnotherAttempt() throws {
      let refusals = Monitor(0)
      let sink = try ScriptedSink { step in
        guard case .recipient = step else { return .accept }
        let number = refusals.change { count in
          count += 1
          return count
        }
        return number <= 20 ? .reply("450 4.2.0 come again") : .accept
      }
      let server = try Subject.relay(to: sink.port, settings: Subject.quickRetries)
      let load = MailLoad(port: server.port)
      let result = try load.run(0..<20, within: .seconds(30))
      #expect(result.acknowledged.count == 20)
      try sink.wait(forCount: 20, until: .after(.seconds(60)))
      try server.log.wait(forCount: 20, of: ": removed", until: .after(.seconds(20)))
      var arrivals = Arrivals(of: load)
      arrivals.add(sink)
      #expect(arrivals.missing(0..<20).isEmpty)
      #expect(arrivals.repeated.isEmpty)
      #expect(arrivals.broken.isEmpty)
      let deferred = server.log.lines.filter { $0.contains("status=deferred") }
      #expect(!deferred.isEmpty)
      #expect(deferred.allSatisfy { $0.contains("dsn=4.2.0") && $0.contains("come again") })
      try server.stop()
    }

    @Test(.timeLimit(.minutes(2)))
    func oneRecipientRefusedForNowIsTriedAgainAlone() throws {
      let seen = Monitor(false)
      let sink = try ScriptedSink { step in
        guard case .recipient("late@sink.test") = step else { return .accept }
        let again = seen.change { seen in
          defer { seen = true }
          return seen
        }
        return again ? .accept : .reply("451 4.3.0 later")
      }
      let server = try Subject.relay(to: sink.port, settings: Subject.quickRetries)
      var load = MailLoad(port: server.port)
      load.recipients = { _ in ["first@sink.test", "late@sink.test", "last@sink.test"] }
      try #require(try load.run(0..<1, within: .seconds(20)).acknowledged.count == 1)
      try server.log.wait(forCount: 1, of: ": removed", until: .after(.seconds(40)))
      #expect(
        sink.received.map(\.recipients) == [
          ["first@sink.test", "last@sink.test"], ["late@sink.test"],
        ])
      try server.stop()
    }

    @Test(.timeLimit(.minutes(2)))
    func aConnectionLostAfterTheDotIsARetry() throws {
      let lost = Monitor(false)
      let sink = try ScriptedSink { step in
        guard case .content = step else { return .accept }
        let again = lost.change { lost in
          defer { lost = true }
          return lost
        }
        return again ? .accept : .close
      }
      let server = try Subject.relay(to: sink.port, settings: Subject.quickRetries)
      let load = MailLoad(port: server.port)
      try #require(try load.run(0..<1, within: .seconds(20)).acknowledged.count == 1)
      try sink.wait(forCount: 1, until: .after(.seconds(40)))
      try server.log.wait(forCount: 1, of: ": removed", until: .after(.seconds(20)))
      #expect(sink.received.count == 1)
      #expect(server.log.count(of: "lost connection with") == 1)
      #expect(server.log.count(of: "status=deferred") == 1)
      try server.stop()
    }

    @Test(.timeLimit(.minutes(2)))
    func aPermanentRefusalGoesBackToTheSender() throws {
      let sink = try ScriptedSink { step in
        guard case .recipient("rcpt0@sink.test") = step else { return .accept }
        return .reply("550 5.1.1 nobody of that name")
      }
      let server = try Subject.relay(to: sink.port)
      let load = MailLoad(port: server.port)
      try #require(try load.run(0..<1, within: .seconds(20)).acknowledged.count == 1)
      try sink.wait(forCount: 1, until: .after(.seconds(30)))
      let report = sink.received[0]
      #expect(report.sender.isEmpty)
      #expect(report.recipients == ["sender0@source.test"])
      // The report breaks long lines wherever a word ends.
      let text = String(decoding: report.content, as: UTF8.self)
        .split(whereSeparator: \.isWhitespace).joined(separator: " ")
      #expect(text.contains("said: 550 5.1.1 nobody of that name (in reply to RCPT TO command)"))
      #expect(text.contains("rcpt0@sink.test"))
      #expect(text.contains("MAILER-DAEMON"))
      try server.log.wait(forCount: 2, of: ": removed", until: .after(.seconds(20)))
      #expect(server.log.count(of: "status=bounced") == 1)
      #expect(server.log.count(of: "sender non-delivery notification: ") == 1)
      try server.stop()
    }

    @Test(.timeLimit(.minutes(2)))
    func aReportThatCannotBeDeliveredIsDropped() throws {
      let sink = try ScriptedSink { step in
        if case .recipient = step { .reply("550 5.1.1 no") } else { .accept }
      }
      let server = try Subject.relay(to: sink.port)
      let load = MailLoad(port: server.port)
      try #require(try load.run(0..<1, within: .seconds(20)).acknowledged.count == 1)
      try server.log.wait(forCount: 2, of: ": removed", until: .after(.seconds(30)))
      #expect(sink.received.isEmpty)
      #expect(server.log.count(of: "sender non-delivery notification: ") == 1)
      try server.stop()
    }

    @Test(.timeLimit(.minutes(2)))
    func aDeadNextHopHoldsUpNobodyElse() throws {
      let dead = try Loopback.freePort()
      let sink = try ScriptedSink()
      var settings = Subject.quickRetries
      settings["transport_maps"] = "inline:{ dead.test=smtp:[127.0.0.1]:\(dead) }"
      let server = try Subject.relay(to: sink.port, settings: settings)
      var load = MailLoad(port: server.port)
      load.recipients = { ["rcpt\($0)@\($0 % 2 == 0 ? "dead" : "sink").test"] }
      let result = try load.run(0..<200, within: .seconds(30))
      #expect(result.acknowledged.count == 200)
      try sink.wait(forCount: 100, until: .after(.seconds(20)))
      try server.log.wait(for: "status=deferred", "Connection refused", until: .after(.seconds(20)))
      let risen = try ScriptedSink(port: dead)
      try risen.wait(forCount: 100, until: .after(.seconds(60)))
      try server.log.wait(forCount: 200, of: ": removed", until: .after(.seconds(20)))
      var arrivals = Arrivals(of: load)
      arrivals.add(sink)
      arrivals.add(risen)
      #expect(arrivals.missing(0..<200).isEmpty)
      #expect(arrivals.repeated.isEmpty)
      #expect(risen.received.allSatisfy { $0.recipients[0].hasSuffix("@dead.test") })
      try server.stop()
    }

    @Test(.timeLimit(.minutes(3)))
    func aFullQueueOutlivesARestart() throws {
      let dead = try Loopback.freePort()
      let server = try Subject.relay(to: dead, settings: Subject.quickRetries)
      var load = MailLoad(port: server.port)
      load.sessions = 20
      let result = try load.run(0..<2000, within: .seconds(60))
      #expect(result.acknowledged.count == 2000)
      try server.stop()
      let sink = try ScriptedSink(port: dead)
      try server.start()
      try sink.wait(forCount: 2000, until: .after(.seconds(90)))
      try server.log.wait(forCount: 2000, of: ": removed", until: .after(.seconds(20)))
      var arrivals = Arrivals(of: load)
      arrivals.add(sink)
      #expect(arrivals.missing(0..<2000).isEmpty)
      #expect(arrivals.repeated.isEmpty)
      #expect(arrivals.broken.isEmpty)
      try server.stop()
    }
  }
}
