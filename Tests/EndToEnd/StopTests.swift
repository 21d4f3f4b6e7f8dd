import RealPeers
import Testing

extension EndToEnd {
  /// SIGTERM: nothing new is begun, what is under way ends as it should, within `drain_time`.
  @Suite(.enabled(if: Subject.isMartinet))
  struct StopTests {
    @Test(.timeLimit(.minutes(1)))
    func aStopSaysGoodbyeToIdleSessionsAndLeavesNothing() throws {
      let server = try MartinetInstance(relayPort: try Loopback.freePort())
      try server.start()
      let family = server.processes
      let dialog = try SMTPDialog(greetedAt: server.port)
      let inTransaction = try SMTPDialog(greetedAt: server.port)
      try inTransaction.say("MAIL FROM:<a@source.test>", expecting: 250)
      try server.stop()
      #expect(try dialog.reply().lines == ["421 4.3.2 mx.martinet.test Service shutting down"])
      try dialog.expectClose()
      #expect(try inTransaction.reply().code == 421)
      #expect(RunningProcess.waitForEnd(of: family, until: .after(.seconds(1))))
      #expect(throws: PeerError.self) { try SMTPDialog(port: server.port) }
    }

    @Test(.timeLimit(.minutes(1)))
    func whoComesWhileAStopWaitsForASessionIsRefusedByTheKernel() throws {
      let server = try MartinetInstance(relayPort: try Loopback.freePort())
      try server.start()
      let dialog = try SMTPDialog(greetedAt: server.port)
      for (line, code) in [
        ("MAIL FROM:<a@source.test>", 250), ("RCPT TO:<b@sink.test>", 250), ("DATA", 354),
      ] { try dialog.say(line, expecting: code) }
      server.beginStop()
      try server.log.wait(for: "terminating on signal", until: .after(.seconds(10)))
      let deadline = Deadline.after(.seconds(20))
      var isRefused = false
      while !isRefused, !deadline.hasPassed {
        do { _ = try SMTPDialog(port: server.port) } catch { isRefused = true }
      }
      #expect(isRefused)
      try dialog.say("Subject: last\r\n\r\nx\r\n.", expecting: 250)
      try server.stop()
    }

    @Test(.timeLimit(.minutes(1)))
    func aDeliveryAfterTheDotIsWaitedForAndOneBeforeItIsBrokenOff() throws {
      let reached = Monitor<Set<String>>([])
      let isReleased = Monitor(false)
      let sink = try ScriptedSink { step in
        switch step {
        case .recipient("early@sink.test"):
          reached.change { _ = $0.insert("early") }
          return isReleased.read { $0 } ? .accept : .hang
        case .content(let message) where message.recipients == ["late@sink.test"]:
          reached.change { _ = $0.insert("late") }
          let release: Bool? = isReleased.wait(until: .after(.seconds(20))) { $0 ? true : nil }
          return release == nil ? .close : .accept
        default: return .accept
        }
      }
      let server = try MartinetInstance(relayPort: sink.port, settings: Subject.quickRetries)
      try server.start()
      var load = MailLoad(port: server.port)
      load.recipients = { [$0 == 0 ? "early@sink.test" : "late@sink.test"] }
      try #require(try load.run(0..<2, within: .seconds(20)).acknowledged.count == 2)
      let both: Bool? = reached.wait(until: .after(.seconds(20))) { $0.count == 2 ? true : nil }
      try #require(both == true)
      server.beginStop()
      try server.log.wait(for: "terminating on signal", until: .after(.seconds(10)))
      isReleased.change { $0 = true }
      let log = server.log
      try server.stop()
      #expect(log.count(of: "status=sent") == 1)
      #expect(sink.received.map(\.recipients) == [["late@sink.test"]])

      try server.start()
      try sink.wait(forCount: 2, until: .after(.seconds(20)))
      try server.log.wait(forCount: 1, of: ": removed", until: .after(.seconds(20)))
      #expect(sink.received.map(\.recipients) == [["late@sink.test"], ["early@sink.test"]])
      try server.stop()
    }

    @Test(.timeLimit(.minutes(1)))
    func aNextHopThatSaysNothingAfterTheDotHoldsUpAStopOnlyForTheDrainTime() throws {
      let reached = Monitor(0)
      let sink = try ScriptedSink { step in
        guard case .content = step else { return .accept }
        let number = reached.change { count in
          count += 1
          return count
        }
        return number == 1 ? .hang : .accept
      }
      var settings = Subject.quickRetries
      settings["drain_time"] = "2s"
      let server = try MartinetInstance(relayPort: sink.port, settings: settings)
      try server.start()
      let load = MailLoad(port: server.port)
      try #require(try load.run(0..<1, within: .seconds(20)).acknowledged.count == 1)
      let inHand: Bool? = reached.wait(until: .after(.seconds(20))) { $0 == 1 ? true : nil }
      try #require(inHand == true)
      let time = try ContinuousClock().measure { try server.stop() }
      print("a stop with a silent next hop and a drain_time of 2 s took \(time)")
      #expect(time >= .seconds(1))
      #expect(time < .seconds(10))
      try server.start()
      try server.log.wait(forCount: 1, of: ": removed", until: .after(.seconds(20)))
      var arrivals = Arrivals(of: load)
      arrivals.add(sink)
      #expect(arrivals.counts == [0: 1])
      try server.stop()
    }
  }
}
