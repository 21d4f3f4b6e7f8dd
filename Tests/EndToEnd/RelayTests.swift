import RealPeers
import Testing

extension EndToEnd {
  struct RelayTests {
    @Test(.timeLimit(.minutes(5)))
    func twentyThousandMessagesArriveOneByOne() throws {
      let count = 20_000
      let sink = try SMTPSink(capturing: true)
      let server = try Subject.relay(to: sink.port)
      var load = MailLoad(port: server.port)
      load.sessions = 50
      load.size = { 200 + $0 % 97 * 40 }
      let result = try load.run(0..<count, within: .seconds(200))
      #expect(result.acknowledged.count == count)
      #expect(result.brokenSessions == 0)
      try server.log.wait(forCount: count, of: ": removed", until: .after(.seconds(120)))
      try sink.stop()
      var arrivals = Arrivals(of: load)
      try arrivals.add(sink)
      #expect(arrivals.missing(0..<count).isEmpty)
      #expect(arrivals.broken.isEmpty)
      #expect(arrivals.repeated.isEmpty)
      #expect(arrivals.strangers == 0)
      #expect(server.log.count(of: "status=sent") == count)
      let acknowledged = Set(result.acknowledged.values)
      #expect(acknowledged.count == count)
      #expect(Set(queueIDs(in: server.log, of: ": removed")) == acknowledged)
      try server.stop()
    }

    @Test(.timeLimit(.minutes(3)))
    func aSourceWithAHundredSessionsLosesNothing() throws {
      let sink = try SMTPSink()
      let server = try Subject.relay(to: sink.port)
      try SMTPSource.send(messages: 5000, sessions: 100, size: 4096, port: server.port)
      try server.log.wait(forCount: 5000, of: ": removed", until: .after(.seconds(60)))
      #expect(server.log.count(of: "status=sent") == 5000)
      try sink.wait(forCount: 5000, until: .after(.seconds(10)))
      try server.stop()
    }

    @Test(.timeLimit(.minutes(3)))
    func aSourceThatReconnectsForEachMessageLosesNothing() throws {
      let sink = try SMTPSink()
      let server = try Subject.relay(to: sink.port)
      try SMTPSource.send(
        messages: 2000, sessions: 50, size: 1000, port: server.port, keepConnections: false)
      try server.log.wait(forCount: 2000, of: ": removed", until: .after(.seconds(60)))
      #expect(server.log.count(of: "status=sent") == 2000)
      try server.stop()
    }

    @Test(.timeLimit(.minutes(5)))
    func largeMessagesGoThroughBesideSmallOnes() throws {
      let sink = try SMTPSink(capturing: true)
      let server = try Subject.relay(to: sink.port)
      var load = MailLoad(port: server.port)
      load.sessions = 12
      load.size = { $0 % 100 == 0 ? 25 << 20 : 1000 + $0 }
      let result = try load.run(0..<400, within: .seconds(120))
      #expect(result.acknowledged.count == 400)
      try server.log.wait(forCount: 400, of: ": removed", until: .after(.seconds(120)))
      try sink.stop()
      var arrivals = Arrivals(of: load)
      try arrivals.add(sink)
      #expect(arrivals.missing(0..<400).isEmpty)
      #expect(arrivals.broken.isEmpty)
      #expect(arrivals.repeated.isEmpty)
      try server.stop()
    }

    @Test(.timeLimit(.minutes(2)))
    func eachRecipientGetsTheMessageOnce() throws {
      let sink = try ScriptedSink()
      let server = try Subject.relay(to: sink.port)
      var load = MailLoad(port: server.port)
      load.recipients = { number in (0..<120).map { "rcpt\(number)-\($0)@sink.test" } }
      let result = try load.run(0..<5, within: .seconds(30))
      #expect(result.acknowledged.count == 5)
      try server.log.wait(forCount: 5, of: ": removed", until: .after(.seconds(60)))
      let recipients = sink.received.flatMap(\.recipients)
      #expect(recipients.count == 600)
      #expect(Set(recipients).count == 600)
      try server.stop()
    }

    @Test(.timeLimit(.minutes(1)))
    func theReceivedFieldNamesWhoCameAndWho() throws {
      let sink = try ScriptedSink()
      let server = try Subject.relay(to: sink.port)
      let dialog = try SMTPDialog(greetedAt: server.port, helo: "caller.test")
      let reply = try dialog.deliver(
        from: "a@b.test", to: ["c@d.test"], content: Array("Subject: x\r\n\r\ny\r\n".utf8))
      let id = try #require(reply.lines.first?.split(separator: " ").last)
      try sink.wait(forCount: 1, until: .after(.seconds(20)))
      let text = String(decoding: sink.received[0].content, as: UTF8.self)
      #expect(text.hasPrefix("Received: from caller.test ("))
      #expect(text.contains("[127.0.0.1])\n\tby mx.martinet.test ("))
      #expect(text.contains(") with ESMTP id \(id)\n\tfor <c@d.test>; "))
      #expect(text.contains("\nSubject: x\n"))
      #expect(text.hasSuffix("\n\ny\n"))
      try server.stop()
    }
  }
}
