import Foundation
import RealPeers
import TestSupport
import Testing

extension EndToEnd {
  /// `postsuper` with the mail system running, killed and stopped.
  @Suite(.enabled(if: Subject.isMartinet))
  struct OrderTests {
    /// Mail that waits for a next hop that wants none of it, or is not there.
    private struct Scene {
      let server: MartinetInstance
      let port: UInt16
      private let sink: ScriptedSink?
      var ids: [Int: String] = [:]

      init(
        messages: Int, isDead: Bool = false, settings: [String: String] = [:]
      ) throws {
        port = try Loopback.freePort()
        sink =
          isDead
          ? nil
          : try ScriptedSink(port: port) { step in
            if case .recipient = step { .reply("451 4.3.0 later") } else { .accept }
          }
        server = try MartinetInstance(relayPort: port, settings: settings)
        try server.start()
        let load = MailLoad(port: server.port)
        ids = try load.run(0..<messages, within: .seconds(20)).acknowledged
        try #require(ids.count == messages)
        try server.log.wait(forCount: messages, of: "status=deferred", until: .after(.seconds(20)))
      }

      /// What `postsuper` says, line by line; it must succeed.
      func postsuper(_ arguments: String...) throws -> [String] {
        let outcome = try Program.outcome(
          MartinetInstance.executable,
          ["postsuper", "-c", server.folder.path("etc")] + arguments)
        #expect(outcome.exit == .code(0), "\(outcome.errors)")
        return outcome.errors.split(separator: "\n").map(String.init)
      }

      /// The listed ids with their marks.
      func listed() throws -> Set<String> {
        Set(
          try server.queueCommand("mailq").map(\.description).compactMap { line in
            guard line.first?.isNumber == true else { return nil }
            return line.prefix { $0 != " " }.description
          })
      }
    }

    @Test(.timeLimit(.minutes(2)))
    func ordersAreCarriedOutSaidAndLoggedAsPostfixDoes() throws {
      let scene = try Scene(messages: 5)
      let ids = scene.ids
      let (held, gone, old) = (ids[0]!, ids[1]!, ids[2]!)
      #expect(
        try scene.postsuper("-h", held)
          == ["postsuper: \(held): placed on hold", "postsuper: Placed on hold: 1 message"])
      #expect(try scene.postsuper("-h", held) == ["postsuper: Placed on hold: 0 messages"])
      #expect(
        try scene.postsuper("-d", gone)
          == ["postsuper: \(gone): removed", "postsuper: Deleted: 1 message"])
      #expect(try scene.postsuper("-d", "NOSUCH1234567") == ["postsuper: Deleted: 0 messages"])
      #expect(
        try scene.postsuper("-d", "!!")
          == [
            "postsuper: warning: invalid mail queue id: !!", "postsuper: Deleted: 0 messages",
          ])
      #expect(
        try scene.postsuper("-e", held)
          == ["postsuper: \(held): expired", "postsuper: Force-expired: 1 message"])
      #expect(try scene.listed() == Set(["\(held)!#", old, ids[3]!, ids[4]!]))
      #expect(
        try scene.postsuper("-r", old)
          == ["postsuper: \(old): requeued", "postsuper: Requeued: 1 message"])
      try scene.server.log.wait(for: "orig_id=\(old)", until: .after(.seconds(20)))
      try scene.server.log.wait(
        forCount: 6, of: "status=deferred", until: .after(.seconds(20)))
      #expect(try scene.listed().isDisjoint(with: [old, gone]))
      #expect(
        try scene.postsuper("-f", held)
          == [
            "postsuper: \(held): released from hold", "postsuper: Force-expired: 0 messages",
            "postsuper: Released from hold: 1 message",
          ])
      try scene.server.log.wait(
        for: "\(held): from=<sender0@source.test>, status=force-expired, returned to sender",
        until: .after(.seconds(20)))
      #expect(
        try scene.postsuper("-h", "ALL", "deferred").last?.hasPrefix("postsuper: Placed on hold: ")
          == true)
      for line in [
        "\(held): placed on hold", "\(gone): removed", "\(old): requeued", "\(held): expired",
        "\(held): released from hold", "Deleted: 1 message", "Requeued: 1 message",
      ] {
        #expect(
          scene.server.log.lines.contains {
            $0.contains("postfix/postsuper[") && $0.description.hasSuffix("]: \(line)")
          }, "\(line)")
      }
      try scene.server.stop()
    }

    @Test(.timeLimit(.minutes(2)))
    func anOrderHoldsThoughTheQueueManagerIsKilledRightAfterTheAnswer() throws {
      let scene = try Scene(messages: 30)
      let names = scene.ids.values.sorted()
      for round in 0..<3 {
        let mine = Array(names[(round * 10)..<(round * 10 + 10)])
        let file = try scene.server.folder.write(
          mine[0..<5].map { "\($0)\n" }.joined(), to: "ids")
        let deleted = try Program.outcome(
          "sh",
          [
            "-c", "exec \"$0\" postsuper -c \"$1\" -d - < \"$2\"", MartinetInstance.executable,
            scene.server.folder.path("etc"), file,
          ])
        #expect(deleted.errors.hasSuffix("Deleted: 5 messages\n"), "\(deleted.errors)")
        for id in mine[5...] { _ = try scene.postsuper("-h", id) }
        for manager in scene.server.processes(role: "qmgr") { manager.kill() }
      }
      // The answer comes from the next life.
      let deadline = Deadline.after(.seconds(30))
      var listed: Set<String> = []
      while listed.count < 15, !deadline.hasPassed {
        listed = (try? scene.listed()) ?? []
      }
      let expected = (0..<3).flatMap { names[($0 * 10 + 5)..<($0 * 10 + 10)] }
      #expect(listed == Set(expected.map { "\($0)!" }))
      try scene.server.stop()
    }

    @Test(.timeLimit(.minutes(2)))
    func ordersAreWrittenToASpoolAtRest() throws {
      let scene = try Scene(messages: 4, isDead: true)
      let ids = scene.ids
      try scene.server.stop()
      #expect(
        try scene.postsuper("-h", ids[0]!)
          == ["postsuper: \(ids[0]!): placed on hold", "postsuper: Placed on hold: 1 message"])
      #expect(try scene.postsuper("-d", ids[1]!).last == "postsuper: Deleted: 1 message")
      #expect(try scene.postsuper("-r", ids[2]!).last == "postsuper: Requeued: 1 message")
      #expect(try scene.postsuper("-e", ids[3]!).last == "postsuper: Force-expired: 1 message")
      #expect(try scene.postsuper("-e", ids[3]!).last == "postsuper: Force-expired: 0 messages")
      #expect(try scene.postsuper("-d", ids[1]!).last == "postsuper: Deleted: 0 messages")
      let sink = try ScriptedSink(port: scene.port)
      try scene.server.start()
      let log = scene.server.log
      try log.wait(for: "orig_id=\(ids[2]!)", until: .after(.seconds(20)))
      try log.wait(
        for: "\(ids[3]!): from=<sender3@source.test>, status=force-expired, returned to sender",
        until: .after(.seconds(20)))
      // The successor of the requeued one, and the report about the expired one.
      try log.wait(forCount: 2, of: "status=sent", until: .after(.seconds(20)))
      try log.wait(forCount: 3, of: ": removed", until: .after(.seconds(20)))
      #expect(sink.received.count == 2)
      #expect(try scene.listed() == ["\(ids[0]!)!"])
      #expect(try scene.postsuper("-H", "ALL") == ["postsuper: Released from hold: 1 message"])
      try log.wait(for: "\(ids[0]!): removed", until: .after(.seconds(20)))
      try scene.server.stop()
    }

    @Test(.timeLimit(.minutes(2)), .enabled(if: getuid() == 0))
    func nobodyElseGivesOrders() throws {
      let scene = try Scene(messages: 1)
      let etc = scene.server.folder.path("etc")
      let asNobody = ["--reuid", "65534", "--regid", "65534", "--clear-groups"]
      // The folder of a test is its user's alone.
      try FileManager.default.setAttributes(
        [.posixPermissions: 0o755], ofItemAtPath: scene.server.folder.url.path)
      let refused = try Program.outcome(
        "setpriv", asNobody + [MartinetInstance.executable, "postsuper", "-c", etc, "-d", "ALL"])
      #expect(refused.exit == .code(1))
      #expect(
        refused.errors
          == "postsuper: fatal: use of this command is reserved for the superuser\n")
      // With a configuration of one's own one reaches the socket, and is judged there.
      let own = try TemporaryDirectory(prefix: "own")
      for folder in ["segments", "etc"] { try own.makeDirectory(folder) }
      for path in [own.url.path, own.path("segments"), own.path("etc")] {
        try FileManager.default.setAttributes(
          [.ownerAccountID: 65534, .posixPermissions: 0o755], ofItemAtPath: path)
      }
      try FileManager.default.createSymbolicLink(
        atPath: own.path("sockets"), withDestinationPath: scene.server.spool + "/sockets")
      try own.write("queue_directory = \(own.url.path)\n", to: "etc/main.cf")
      try own.write("", to: "etc/master.cf")
      let judged = try Program.outcome(
        "setpriv",
        asNobody + [MartinetInstance.executable, "postsuper", "-c", own.path("etc"), "-d", "ALL"])
      #expect(judged.exit == .code(1))
      #expect(
        judged.errors == "postsuper: fatal: use of this command is reserved for the superuser\n")
      #expect(try scene.listed().count == 1)
      try scene.server.stop()
    }

    @Test(.timeLimit(.minutes(1)))
    func aSpoolOfANewerFormatIsLeftAlone() throws {
      let scene = try Scene(messages: 1)
      let spool = scene.server.spool
      #expect(
        try scene.server.command("check").last?.description
          == "the spool \(spool) is written in format 1")
      let running = try scene.server.outcome(of: "spool", "upgrade")
      #expect(running.exit == .code(1) && running.errors.contains("stop it first"))
      try scene.server.stop()
      #expect(
        try scene.server.command("spool", "upgrade").map(\.description)
          == ["the spool is written in format 1 already"])
      try Data().write(to: URL(filePath: spool + "/format-2"))
      let before = try Self.files(spool)
      for command in [["run"], ["check"], ["spool", "ls"], ["spool", "upgrade"]] {
        let outcome = try Program.outcome(
          MartinetInstance.executable, ["-c", scene.server.folder.path("etc")] + command)
        #expect(outcome.exit != .code(0), "\(command)")
        #expect(outcome.errors.lowercased().contains("newer"), "\(command): \(outcome.errors)")
      }
      #expect(try Self.files(spool) == before)
    }

    /// Every file of a spool with its size and time of change.
    private static func files(_ spool: String) throws -> [String] {
      try Program.run(
        "sh", ["-c", "find \"$0\" -type f -printf '%P %s %T@ %C@\\n' | sort", spool]
      ).map(\.description)
    }

    @Test(.timeLimit(.minutes(1)))
    func theStatusNamesEveryProcessAndTheQueue() throws {
      let scene = try Scene(messages: 2)
      let lines = try scene.server.command("status").map(\.description)
      for process in scene.server.processes {
        #expect(
          lines.contains { $0.contains(" PID \(process.pid)") || $0.hasSuffix(": \(process.pid)") })
      }
      #expect(lines.last == "queue: 0 incoming, 0 active, 2 deferred, 0 on hold")
      try scene.server.stop()
    }

    /// The memory in which a queue manager marks what it has in hand, as `/proc` names it.
    private static func marks(_ manager: RunningProcess) throws -> String {
      // The file has no size: what reads it by that reads a part.
      let maps = try Program.run("cat", ["/proc/\(manager.pid)/maps"]).map(\.description)
      let line = try #require(maps.first { $0.contains("memfd:record-marks") })
      // Addresses, rights, offset, device, inode.
      return String(line.split(separator: " ")[4])
    }

    @Test(.timeLimit(.minutes(1)))
    func theMarksOfWhatIsInHandOutliveTheQueueManager() throws {
      let scene = try Scene(messages: 1)
      let first = try #require(scene.server.processes(role: "qmgr").first)
      let before = try Self.marks(first)
      first.kill()
      #expect(RunningProcess.waitForEnd(of: [first], until: .after(.seconds(20))))
      // The command waits for the next one, which may still await the last attempt's results.
      let said = try scene.postsuper("-h", "ALL")
      #expect(said.contains("postsuper: Placed on hold: 1 message"), "\(said)")
      let second = try #require(scene.server.processes(role: "qmgr").first)
      #expect(second.pid != first.pid)
      #expect(try Self.marks(second) == before)
      try scene.server.stop()
    }

    @Test(.timeLimit(.minutes(2)))
    func aMessageToFiveThousandIsOneEntry() throws {
      let scene = try Scene(
        messages: 0, settings: ["smtpd_recipient_limit": "6000"])
      let dialog = try SMTPDialog(greetedAt: scene.server.port)
      try dialog.say("EHLO client.test", expecting: 250)
      try dialog.say("MAIL FROM:<a@source.test>", expecting: 250)
      for number in 0..<5000 { try dialog.say("RCPT TO:<r\(number)@sink.test>", expecting: 250) }
      try dialog.say("DATA", expecting: 354)
      try dialog.say("Subject: many\r\n\r\nhello\r\n.", expecting: 250)
      try scene.server.log.wait(
        forCount: 5000, of: "status=deferred", until: .after(.seconds(60)))
      let lines = try scene.server.queueCommand("postqueue", "-j")
      #expect(lines.count == 1)
      let object = try #require(
        try JSONSerialization.jsonObject(with: Data(lines[0].description.utf8)) as? [String: Any])
      let recipients = try #require(object["recipients"] as? [[String: String]])
      #expect(
        recipients.map { $0["address"] } == (0..<5000).map { "r\($0)@sink.test" })
      let text = try scene.server.queueCommand("mailq").map(\.description)
      #expect(text.count { $0.hasSuffix("@sink.test") } == 5000)
      #expect(text.last?.hasSuffix(" in 1 Request.") == true)
      #expect(text.count { $0.hasSuffix(" a@source.test") } == 1)
      try scene.server.stop()
    }
  }
}
