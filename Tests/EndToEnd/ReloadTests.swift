import Foundation
import Glibc
import RealPeers
import TestSupport
import Testing

extension EndToEnd {
  /// The configuration is read anew: what serves is replaced, and nobody notices.
  @Suite(.enabled(if: Subject.isMartinet))
  struct ReloadTests {
    private func text(of file: String, _ server: MartinetInstance) throws -> String {
      String(decoding: try server.folder.read(file), as: UTF8.self)
    }

    @Test(.timeLimit(.minutes(4)))
    func tenReloadsUnderLoadLoseRefuseAndRepeatNothing() throws {
      let sink = try ScriptedSink()
      let server = try MartinetInstance(
        relayPort: sink.port, settings: Subject.quickRetries, logsToFile: true)
      try server.start()
      let before = server.processes
      let master = try #require(before.first { $0.arguments.last == "run" })
      let descriptors = master.descriptors
      var load = MailLoad(port: server.port)
      load.sessions = 100
      load.rest = .milliseconds(200)
      load.lastCall = .after(.seconds(60))
      let run = load.start(0..<10_000_000, within: .seconds(180))
      try run.wait(forAcknowledged: 200, until: .after(.seconds(60)))
      for number in 1...10 {
        // Half of them change the number of processes too.
        try server.configure(["smtpd_process_count": "\(1 + number % 3)"])
        try server.command("reload", within: .seconds(60))
        let soFar = run.resultSoFar.acknowledged.count
        try run.wait(forAcknowledged: soFar + 50, until: .after(.seconds(60)))
      }
      let result = try #require(run.result(until: run.deadline))
      #expect(result.refused.isEmpty, "\(result.refused.values.prefix(3))")
      #expect(result.brokenSessions == 0 && result.uncertain.isEmpty)
      #expect(result.acknowledged.count > 700)
      try sink.wait(forCount: result.acknowledged.count, until: .after(.seconds(60)))
      var arrivals = Arrivals(of: load)
      arrivals.add(sink)
      #expect(arrivals.missing(result.acknowledged.keys).isEmpty)
      #expect(arrivals.repeated.isEmpty && arrivals.broken.isEmpty)
      // All sessions are over: who was leaving has left, and left nothing in master.
      let old = before.filter { $0 != master && !$0.arguments.contains("qmgr") }
      #expect(RunningProcess.waitForEnd(of: old, until: .after(.seconds(20))))
      #expect(
        RunningProcess.wait(until: .after(.seconds(20))) {
          server.processes(role: "smtpd").count == 2 && server.processes(role: "local").count == 1
        })
      #expect(
        RunningProcess.wait(until: .after(.seconds(20))) {
          master.descriptors <= descriptors + 2
        }, "\(descriptors) before, \(master.descriptors) now")
      #expect(server.processes(role: "qmgr") == before.filter { $0.arguments.contains("qmgr") })
      let log = try String(contentsOfFile: server.logFile ?? "", encoding: .utf8)
      #expect(!log.contains("killed by") && !log.contains("died while"))
      try server.stop()
    }

    /// A broken configuration, and what is said of it.
    struct Fault: Sendable, CustomStringConvertible {
      var main = ""
      var master = ""
      let said: String
      var description: String { said }
    }

    static let faults: [Fault] = [
      Fault(main: "smtpd_timeout = soon\n", said: "smtpd_timeout"),
      Fault(main: "session_limit = 0\n", said: "session_limit"),
      Fault(main: "myhostname = $mydomain\nmydomain = $myhostname\n", said: "myhostname"),
      Fault(main: "message_size_limit = 1${\n", said: "message_size_limit"),
      Fault(main: "transport_maps = nonsense:/etc/none\n", said: "transport_maps"),
      Fault(main: "mynetworks = 300.1.1.1/8\n", said: "mynetworks"),
      Fault(main: "smtpd_relay_restrictions = permit\n", said: "smtpd_re"),
      Fault(main: " a line that goes on from nothing\n", said: "main.cf, line 1"),
      Fault(master: "smtp inet n - n -\n", said: "master.cf, line"),
      Fault(master: "nowhere:25 inet n - n - - smtpd\n", said: "nowhere"),
    ]

    @Test(.timeLimit(.minutes(4)))
    func aBrokenConfigurationChangesNothingAndSaysWhatIsWrongAndWhere() throws {
      // The one that greets is the last to be started.
      let server = try MartinetInstance(
        relayPort: try Loopback.freePort(), settings: ["smtpd_process_count": "1"])
      try server.start()
      let family = Set(server.processes)
      let master = try #require(family.first { $0.arguments.last == "run" })
      let main = try text(of: "etc/main.cf", server)
      let services = try text(of: "etc/master.cf", server)
      for fault in Self.faults {
        try server.folder.write(fault.main + main + fault.main, to: "etc/main.cf")
        try server.folder.write(services + fault.master, to: "etc/master.cf")
        let command = try server.outcome(of: "reload")
        #expect(command.exit == .code(1), "\(fault)")
        #expect(command.errors.contains(fault.said), "\(fault): \(command.errors)")
        #expect(
          command.errors.contains(".cf, line "), "\(fault): \(command.errors)")
        // Who sends the signal without the command meets the same judgement.
        let start = server.log.lines.count
        master.send(SIGHUP)
        let end = try server.log.wait(
          for: "the configuration is not reloaded: nothing has changed", from: start,
          until: .after(.seconds(30)))
        let said = server.log.lines[start..<end.index].map(\.description)
        #expect(said.contains { $0.contains(fault.said) && $0.contains(".cf, line ") }, "\(said)")
      }
      #expect(Set(server.processes) == family)
      try server.folder.write(main, to: "etc/main.cf")
      try server.folder.write(services, to: "etc/master.cf")
      try server.command("reload")
      #expect(Set(server.processes) != family)
      try server.stop()
    }

    /// An agent of the other configuration would deliver by its usual program, to a user here, or
    /// put the mail off.
    @Test(.enabled(if: getuid() == 0), .timeLimit(.minutes(2)))
    func mailOfATransportThatIsRenamedIsDeliveredByIt() throws {
      let folder = try OpenFolder()
      let gate = folder.path("gate")
      try #require(mkfifo(gate, 0o666) == 0 && chmod(gate, 0o666) == 0)
      let script = try folder.script("deliver", "cat > message.$$; read line < gate")
      let service = " unix - n n - - pipe\n  user=\(spareAccount) argv=\(script) ${recipient}"
      let server = try MartinetInstance(
        settings: ["transport_maps": "static:former:"], services: ["former" + service])
      try server.start()
      var load = MailLoad(port: server.port)
      load.recipients = { ["a@d\($0).test"] }
      try #require(load.run(0..<100, within: .seconds(30)).acknowledged.count == 100)
      // All that an agent takes at once.
      #expect(
        RunningProcess.wait(until: .after(.seconds(20))) {
          ((try? folder.names()) ?? []).count { $0.hasPrefix("message.") } == 50
        })
      let services = try text(of: "etc/master.cf", server)
      try server.folder.write(
        services.replacing("former unix", with: "latter unix"), to: "etc/master.cf")
      try server.configure(["transport_maps": "static:latter:"])
      try server.command("reload", within: .seconds(60))
      let opened = open(gate, O_RDWR)
      defer { close(opened) }
      try #require(opened >= 0 && write(opened, String(repeating: "\n", count: 100), 100) == 100)
      try server.log.wait(forCount: 100, of: ": removed", until: .after(.seconds(60)))
      let fates = server.log.fates(by: "pipe")
      #expect(fates.count == 100 && fates.allSatisfy { $0.contains("status=sent") })
      try server.stop()
    }

    @Test(.timeLimit(.minutes(2)))
    func aPortThatCannotBeOpenedRefusesTheReloadAsAWhole() throws {
      // The one that greets is the last to be started.
      let server = try MartinetInstance(
        relayPort: try Loopback.freePort(), settings: ["smtpd_process_count": "1"])
      try server.start()
      let family = Set(server.processes)
      let sink = try ScriptedSink()
      let services = try text(of: "etc/master.cf", server)
      let another = try Loopback.freePort()
      try server.folder.write(
        services + "127.0.0.1:\(another) inet n - n - - smtpd\n"
          + "127.0.0.1:\(sink.port) inet n - n - - smtpd\n", to: "etc/master.cf")
      let command = try server.outcome(of: "reload")
      #expect(command.exit == .code(1))
      let line = services.count { $0 == "\n" } + 2
      #expect(
        command.errors.contains(
          "/master.cf, line \(line): service 127.0.0.1:\(sink.port): "
            + "cannot listen on 127.0.0.1 port \(sink.port)"))
      #expect(throws: PeerError.self) { try SMTPDialog(port: another) }
      #expect(Set(server.processes) == family)
      try SMTPDialog(greetedAt: server.port).say("QUIT", expecting: 221)
      try server.stop()
    }

    @Test(.timeLimit(.minutes(2)))
    func listenersComeAndGoAndOneTakesThePlaceOfAllAddresses() throws {
      let port = try Loopback.freePort()
      let other = try Loopback.freePort()
      let server = try MartinetInstance(
        relayPort: try Loopback.freePort(), services: ["\(port) inet n - n - - smtpd"])
      try server.start()
      let services = try text(of: "etc/master.cf", server)
      let kept = try #require(services.split(separator: "\n").first)
      let old = try SMTPDialog(greetedAt: port)
      try server.folder.write(
        "\(kept)\n127.0.0.1:\(port) inet n - n - - smtpd\n127.0.0.1:\(other) inet n - n - - smtpd\n",
        to: "etc/master.cf")
      try server.command("reload")
      try SMTPDialog(greetedAt: other).say("QUIT", expecting: 221)
      try SMTPDialog(greetedAt: port).say("QUIT", expecting: 221)
      try server.folder.write("\(kept)\n", to: "etc/master.cf")
      try server.command("reload")
      #expect(throws: PeerError.self) { try SMTPDialog(port: other) }
      #expect(throws: PeerError.self) { try SMTPDialog(port: port) }
      try old.say("QUIT", expecting: 221)
      try SMTPDialog(greetedAt: server.port).say("QUIT", expecting: 221)
      try server.stop()
    }

    @Test(.timeLimit(.minutes(2)))
    func newAndDeferredMailTakesTheNewRelayhost() throws {
      let first = try ScriptedSink { step in
        if case .recipient = step { return .reply("450 4.2.0 not now") }
        return .accept
      }
      let second = try ScriptedSink()
      let server = try MartinetInstance(relayPort: first.port, settings: Subject.quickRetries)
      try server.start()
      let load = MailLoad(port: server.port)
      #expect(try load.run(0..<5, within: .seconds(20)).acknowledged.count == 5)
      try server.log.wait(forCount: 5, of: "status=deferred", until: .after(.seconds(20)))
      try server.configure(["relayhost": "[127.0.0.1]:\(second.port)"])
      try server.command("reload")
      #expect(try load.run(5..<10, within: .seconds(20)).acknowledged.count == 5)
      try second.wait(forCount: 10, until: .after(.seconds(30)))
      var arrivals = Arrivals(of: load)
      arrivals.add(second)
      #expect(arrivals.missing(0..<10).isEmpty && arrivals.repeated.isEmpty)
      try server.stop()
    }

    @Test(.timeLimit(.minutes(2)))
    func anOldSessionGoesOnUntilItsTimeIsOver() throws {
      let sink = try ScriptedSink()
      let server = try MartinetInstance(
        relayPort: sink.port, settings: ["smtpd_banner": "$myhostname ESMTP before"])
      try server.start()
      let dialog = try SMTPDialog(greetedAt: server.port)
      try dialog.say("MAIL FROM:<a@source.test>", expecting: 250)
      try dialog.say("RCPT TO:<b@sink.test>", expecting: 250)
      try dialog.say("DATA", expecting: 354)
      try dialog.send("Subject: begun before")
      try server.configure(["smtpd_banner": "$myhostname ESMTP after"])
      try server.command("reload")
      let fresh = try SMTPDialog(port: server.port)
      #expect(try fresh.expect(220).description.hasSuffix("ESMTP after"))
      try dialog.say("\r\nended after\r\n.", expecting: 250)
      try dialog.say("NOOP", expecting: 250)
      try sink.wait(forCount: 1, until: .after(.seconds(20)))

      try server.configure(["reload_drain_time": "1s"])
      try server.command("reload")
      #expect(
        try fresh.reply().lines == ["421 4.3.2 mx.martinet.test Service shutting down"])
      try fresh.expectClose()
      // The time counts from the reload at which a process was replaced.
      try dialog.say("QUIT", expecting: 221)
      try server.stop()
    }

    @Test(.timeLimit(.minutes(2)))
    func tooManyOldConfigurationsEndTheOldest() throws {
      let server = try MartinetInstance(
        relayPort: try Loopback.freePort(), settings: ["reload_generation_limit": "2"])
      try server.start()
      var dialogs: [SMTPDialog] = []
      for _ in 0..<3 {
        dialogs.append(try SMTPDialog(greetedAt: server.port))
        try server.command("reload")
      }
      #expect(try dialogs[0].reply().code == 421)
      try dialogs[1].say("NOOP", expecting: 250)
      try dialogs[2].say("NOOP", expecting: 250)
      for dialog in dialogs.dropFirst() { try dialog.say("QUIT", expecting: 221) }
      try server.stop()
    }

    @Test(.timeLimit(.minutes(4)))
    func deathsInTheMiddleOfAReloadCostNothing() throws {
      let sink = try ScriptedSink()
      let server = try MartinetInstance(
        relayPort: sink.port, settings: Subject.quickRetries, logsToFile: true)
      try server.start()
      var load = MailLoad(port: server.port)
      load.sessions = 20
      load.retries = true
      load.rest = .milliseconds(20)
      load.lastCall = .after(.seconds(25))
      let run = load.start(0..<10_000_000, within: .seconds(120))
      for role in ["qmgr", "smtpd", "qmgr", "smtp"] {
        try run.wait(
          forAcknowledged: run.resultSoFar.acknowledged.count + 20, until: .after(.seconds(60)))
        let victim = try #require(server.processes(role: role).first)
        let reload = try Program(
          MartinetInstance.executable, ["-c", server.folder.path("etc"), "reload"])
        victim.kill()
        #expect(try reload.waitForExit(until: .after(.seconds(60))) == .code(0), "\(role)")
      }
      let result = try #require(run.result(until: run.deadline))
      var arrivals = Arrivals(of: load)
      var count = arrivals.add(sink)
      while !arrivals.missing(result.acknowledged.keys).isEmpty {
        do { try sink.wait(forCount: count + 1, until: .after(.seconds(30))) } catch { break }
        count = arrivals.add(sink, from: count)
      }
      #expect(arrivals.missing(result.acknowledged.keys).isEmpty && arrivals.broken.isEmpty)
      try server.stop()
    }

    @Test(.timeLimit(.minutes(2)))
    func aRenamedLogIsOpenedAnewByAllProcesses() throws {
      let sink = try ScriptedSink()
      let server = try MartinetInstance(relayPort: sink.port, logsToFile: true)
      try server.start()
      let path = try #require(server.logFile)
      let old = try SMTPDialog(greetedAt: server.port)
      try FileManager.default.moveItem(atPath: path, toPath: path + ".1")
      try server.command("reload")
      #expect(
        try MailLoad(port: server.port).run(0..<5, within: .seconds(20)).acknowledged.count == 5)
      try sink.wait(forCount: 5, until: .after(.seconds(20)))
      try old.say("QUIT", expecting: 221)
      let isThere = RunningProcess.wait(until: .after(.seconds(20))) {
        let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        return ["/smtpd[", "/qmgr[", "/smtp["].allSatisfy(text.contains)
          && text.split(separator: "\n").count { $0.contains(": removed") } == 5
          && text.contains("ehlo=1 quit=1 commands=2")
      }
      #expect(isThere)
      let rotated = try String(contentsOfFile: path + ".1", encoding: .utf8)
      #expect(rotated.contains("daemon started") && !rotated.contains("status=sent"))
      try server.stop()
    }

    @Test(.timeLimit(.minutes(2)))
    func whatCannotChangeIsNamedAndTheRestIsTaken() throws {
      let server = try MartinetInstance(relayPort: try Loopback.freePort())
      try server.start()
      let master = try #require(server.processes.first { $0.arguments.last == "run" })
      try server.configure([
        "queue_directory": server.folder.path("elsewhere"), "smtpd_banner": "$myhostname new",
      ])
      master.send(SIGHUP)
      try server.log.wait(
        for: "warning: ignoring queue_directory parameter value change",
        until: .after(.seconds(20)))
      try server.log.wait(
        for: "warning: to change queue_directory, stop and start", until: .after(.seconds(20)))
      try server.log.wait(for: "reload -- version", until: .after(.seconds(30)))
      #expect(try SMTPDialog(port: server.port).expect(220).description.hasSuffix(" new"))
      try server.stop()
    }
  }
}
