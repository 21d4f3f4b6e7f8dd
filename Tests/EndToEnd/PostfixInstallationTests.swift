import Foundation
import RealPeers
import TestSupport
import Testing

extension EndToEnd {
  /// In the place of a Postfix: its configuration as it stands, and its queue directory.
  @Suite(.enabled(if: Subject.isMartinet && PostfixOracle.isAvailable))
  struct PostfixInstallationTests {
    private static let stock = "/usr/share/postfix"
    /// The folders that Postfix makes, with owner, group and permissions.
    private static let queues: [(name: String, owner: String, group: String, mode: Int)] =
      ["active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming"]
      .map { ($0, "postfix", "root", 0o700) }
      + ["private", "saved", "trace"].map { ($0, "postfix", "root", 0o700) }
      + [
        ("maildrop", "postfix", "postdrop", 0o1730), ("public", "postfix", "postdrop", 0o2710),
        ("pid", "root", "root", 0o755),
      ]

    /// Debian's files as the package installs them, and an empty queue directory.
    private func installation() throws -> TemporaryDirectory {
      let folder = try TemporaryDirectory(prefix: "stock")
      let files = FileManager.default
      try folder.makeDirectory("etc")
      for (from, to) in [("main.cf.debian", "main.cf"), ("master.cf.dist", "master.cf")] {
        try files.copyItem(atPath: "\(Self.stock)/\(from)", toPath: folder.path("etc/\(to)"))
      }
      try folder.makeDirectory("spool")
      for queue in Self.queues {
        let path = try folder.makeDirectory("spool/\(queue.name)")
        try files.setAttributes(
          [
            .ownerAccountName: queue.owner, .groupOwnerAccountName: queue.group,
          ], ofItemAtPath: path)
        // Only chmod(2) itself sets every bit.
        try #require(chmod(path, mode_t(queue.mode)) == 0)
      }
      return folder
    }

    private func use(_ folder: TemporaryDirectory, settings: [String: String]) throws {
      let main = String(decoding: try folder.read("etc/main.cf"), as: UTF8.self)
      try folder.write(
        main + settings.map { "\($0.key) = \($0.value)\n" }.joined(), to: "etc/main.cf")
    }

    private func modes(in folder: TemporaryDirectory) throws -> [String] {
      try Program.run(
        "stat", ["-c", "%n %U %G %a"] + Self.queues.map { folder.path("spool/\($0.name)") }
      ).map(\.description)
    }

    @Test func checkSaysOnlyWhatIsTrueOfAStockInstallation() throws {
      let folder = try installation()
      try use(folder, settings: ["queue_directory": folder.path("spool")])
      let outcome = try Program.outcome(
        MartinetInstance.executable, ["-c", folder.path("etc"), "check"])
      #expect(outcome.exit == .code(0))
      let warnings = outcome.errors.split(separator: "\n").map(String.init)
      // All are settings of the file that have no effect yet.
      #expect(
        warnings.allSatisfy {
          $0.contains("/etc/main.cf, line ") && $0.contains(": it is not implemented yet; ")
        }, "\(warnings)")
      let master = folder.path("etc/master.cf")
      let lines = outcome.output.map(\.description)
      #expect(lines.count { $0.contains(": it is not implemented; ignoring it is safe") } == 1)
      #expect(
        lines.contains {
          $0.hasPrefix(
            "information: \(master): pickup, cleanup, qmgr, tlsmgr, rewrite, bounce, defer, trace, "
              + "verify, flush, proxymap, proxywrite, showq, error, retry, discard, anvil, scache, "
              + "postlog: built in: ")
        })
      #expect(lines.contains { $0.contains("smtp, relay, lmtp: chroot: ") })
    }

    @Test(.timeLimit(.minutes(1)))
    func aRunLivesBesideTheFoldersOfPostfixAndLeavesThemAsTheyWere() throws {
      let folder = try installation()
      let before = try modes(in: folder)
      let sink = try ScriptedSink()
      // What stands in main.cf of the instance is Postfix's default but for the places.
      let server = try MartinetInstance(
        relayPort: sink.port, settings: ["mail_owner": "postfix"], spool: folder.path("spool"))
      try server.start()
      let result = try MailLoad(port: server.port).run(0..<3, within: .seconds(20))
      #expect(result.acknowledged.count == 3)
      try sink.wait(forCount: 3, until: .after(.seconds(20)))
      try server.log.wait(forCount: 3, of: ": removed", until: .after(.seconds(20)))
      #expect(
        try server.queueCommand("postqueue", "-p").map(\.description) == ["Mail queue is empty"])
      // A Postfix that is started now finds its lock taken.
      let status = try Program.outcome(
        "flock", ["-n", folder.path("spool/pid/master.pid"), "true"])
      #expect(status.exit == .code(1))
      try server.stop()
      #expect(try modes(in: folder) == before)
      #expect(try folder.names(in: "spool/public").isEmpty)
      #expect(try folder.names(in: "spool/private").isEmpty)
    }

    @Test(.timeLimit(.minutes(1)))
    func whereAPostfixRunsRunRefusesAndSaysWhy() throws {
      let postfix = try PostfixOracle()
      try postfix.start()
      let server = try MartinetInstance(
        settings: ["mail_owner": "postfix"], spool: postfix.spool)
      let outcome = try server.outcome(of: "run")
      #expect(outcome.exit == .code(1))
      #expect(
        outcome.errors.contains(
          "fatal: a Postfix is running on queue_directory \(postfix.spool) as process "))
      #expect(
        try server.outcome(of: "status").output.map(\.description)
          == ["the mail system is not running"])
      // Its lock and its mail are as they were.
      try SMTPDialog(port: postfix.port).expect(220)
      try postfix.stop()
      let free = try server.outcome(of: "check")
      #expect(free.exit == .code(0), "\(free.errors)")
    }

    @Test(.timeLimit(.minutes(1)))
    func aNumberInTheProcessColumnLimitsTheSessionsOfAService() throws {
      let port = try Loopback.freePort()
      let server = try MartinetInstance(
        settings: ["smtpd_process_count": "2"],
        services: ["127.0.0.1:\(port) inet n - n - 1 smtpd"])
      try server.start()
      let first = try SMTPDialog(port: port, from: 2)
      try first.expect(220)
      let second = try SMTPDialog(port: port, from: 2)
      try first.say("QUIT", expecting: 221)
      try second.expect(220)
      try second.say("QUIT", expecting: 221)
      let log = server.log
      try server.stop()
      // The one was served when the other had gone.
      let lines = log.lines.map(\.description).filter {
        $0.contains("connect from localhost[127.0.0.2]")
      }
      .map { $0.contains("disconnect from") }
      #expect(lines == [false, true, false, true])
    }
  }
}
