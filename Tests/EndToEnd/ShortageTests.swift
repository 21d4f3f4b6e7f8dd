import RealPeers
import Testing

extension EndToEnd {
  /// Disk, descriptors and memory run short.
  @Suite(.enabled(if: Subject.isMartinet))
  struct ShortageTests {
    @Test(.timeLimit(.minutes(5)), arguments: TemporaryFileSystem.available)
    func aFullDiskIsRefusedForNowAndLosesNothing(kind: TemporaryFileSystem.Kind) throws {
      let disk = try TemporaryFileSystem(kind, megabytes: 64)
      let dead = try Loopback.freePort()
      var settings = Subject.quickRetries
      settings["message_size_limit"] = "1000000"
      // Sessions stay, however often they are refused.
      settings["smtpd_soft_error_limit"] = "1000"
      settings["smtpd_hard_error_limit"] = "1000"
      // The postmaster's notice of the shortage would be one message more at the sink.
      settings["notify_classes"] = ""
      let server = try MartinetInstance(relayPort: dead, settings: settings, spool: disk.path)
      try server.start()
      var load = MailLoad(port: server.port)
      load.size = { _ in 200_000 }
      let full = try load.run(0..<500, within: .seconds(90))
      #expect(full.acknowledged.count > 20)
      #expect(full.refused.count > 20)
      #expect(full.refused.values.allSatisfy { $0.hasPrefix("452 4.3.1 ") })
      #expect(full.brokenSessions == 0)

      let sink = try ScriptedSink(port: dead)
      try sink.wait(forCount: full.acknowledged.count, until: .after(.seconds(60)))
      try server.log.wait(
        forCount: full.acknowledged.count, of: ": removed", until: .after(.seconds(20)))
      try server.log.wait(forCount: 1, of: "the spool has room", until: .after(.seconds(20)))
      // What is still refused while the last segments go comes back, as senders do.
      load.returnsAfter = .milliseconds(200)
      let again = try load.run(500..<550, within: .seconds(30))
      #expect(again.acknowledged.count == 50)
      #expect(again.refused.isEmpty)
      try sink.wait(
        forCount: full.acknowledged.count + again.acknowledged.count, until: .after(.seconds(30)))
      var arrivals = Arrivals(of: load)
      arrivals.add(sink)
      #expect(arrivals.missing(full.acknowledged.keys).isEmpty)
      #expect(arrivals.missing(again.acknowledged.keys).isEmpty)
      #expect(arrivals.repeated.isEmpty)
      #expect(arrivals.broken.isEmpty)
      try server.stop()
    }

    @Test(.timeLimit(.minutes(5)), arguments: TemporaryFileSystem.available)
    func aFullDiskIsFreedByMovingTheMailThatStays(kind: TemporaryFileSystem.Kind) throws {
      let disk = try TemporaryFileSystem(kind, megabytes: 64)
      let dead = try Loopback.freePort()
      let live = try ScriptedSink()
      var settings = Subject.quickRetries
      settings["message_size_limit"] = "1000000"
      settings["smtpd_soft_error_limit"] = "1000"
      settings["smtpd_hard_error_limit"] = "1000"
      settings["transport_maps"] = "inline:{ { late.test=smtp:[127.0.0.1]:\(dead) } }"
      let server = try MartinetInstance(
        relayPort: live.port, settings: settings, spool: disk.path)
      try server.start()
      var load = MailLoad(port: server.port)
      load.size = { _ in 200_000 }
      // Every segment keeps some mail that cannot be delivered.
      load.recipients = { ["rcpt\($0)@\($0 % 10 == 0 ? "late" : "sink").test"] }
      load.returnsAfter = .milliseconds(100)
      let result = try load.run(0..<500, within: .seconds(90))
      #expect(result.acknowledged.count == 500)
      #expect(server.log.count(of: "were moved out of") > 0)
      let late = try ScriptedSink(port: dead)
      try live.wait(forCount: 450, until: .after(.seconds(30)))
      try late.wait(forCount: 50, until: .after(.seconds(30)))
      try server.log.wait(forCount: 500, of: ": removed", until: .after(.seconds(20)))
      var arrivals = Arrivals(of: load)
      arrivals.add(live)
      arrivals.add(late)
      #expect(arrivals.missing(0..<500).isEmpty)
      #expect(arrivals.repeated.isEmpty)
      #expect(arrivals.broken.isEmpty)
      try server.stop()
    }

    @Test(.timeLimit(.minutes(3)))
    func sessionsBeyondTheDescriptorsWaitOrAreRefusedAndTheRestIsServed() throws {
      let sink = try ScriptedSink()
      let server = try MartinetInstance(
        relayPort: sink.port, settings: Subject.quickRetries, descriptorsMax: 200)
      try server.start()
      let family = server.processes
      var idle: [SMTPDialog] = []
      for _ in 0..<600 { idle.append(try SMTPDialog(port: server.port)) }
      let served = try idle.prefix(50).map { try $0.reply().code }
      #expect(served.allSatisfy { $0 == 220 || $0 == 421 })
      #expect(served.contains(220))
      for dialog in idle { dialog.close() }

      var load = MailLoad(port: server.port)
      load.retries = true
      let result = try load.run(0..<100, within: .seconds(60))
      #expect(result.acknowledged.count == 100)
      try sink.wait(forCount: 100, until: .after(.seconds(60)))
      #expect(family.allSatisfy { $0.isAlive })
      try server.stop()
    }

    @Test(.timeLimit(.minutes(3)))
    func fiveThousandIdleSessionsAreServedAndSmall() throws {
      try #require(DescriptorLimit.raise() >= 6000)
      let server = try MartinetInstance(relayPort: try Loopback.freePort())
      try server.start()
      _ = try SMTPDialog(greetedAt: server.port)
      let before = server.processes(role: "smtpd").reduce(0) { $0 + $1.memory }
      let atRest = server.processes.reduce(0) { $0 + $1.memory }
      var idle: [SMTPDialog] = []
      for _ in 0..<5000 { idle.append(try SMTPDialog(greetedAt: server.port)) }
      let after = server.processes(role: "smtpd").reduce(0) { $0 + $1.memory }
      let each = (after - before) / 5000
      print("at rest \(atRest / 1024) KiB; each of 5000 idle sessions \(each) bytes")
      #expect(each <= 16384)
      #expect(atRest <= 40 << 20)
      for dialog in idle { try dialog.say("NOOP", expecting: 250) }
      for dialog in idle { try dialog.say("QUIT", expecting: 221) }
      try server.stop()
    }
  }
}
