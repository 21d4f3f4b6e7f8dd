import Foundation
import Glibc
import RealPeers
import TestSupport
import Testing

extension EndToEnd {
  /// What the processes are to the system: rights, threads, their log.
  @Suite(.enabled(if: Subject.isMartinet))
  struct ProcessTests {
    /// The helper threads that each role may have beside its loop.
    private static let helpers: [String: Set<String>] = [
      "smtpd": ["spool", "spool-large"],
      "qmgr": ["spool-read", "spool-journal", "spool-report"],
      "smtp": [], "local": ["mailbox"], "control": [],
    ]

    @Test(.enabled(if: getuid() == 0), .timeLimit(.minutes(1)))
    func whoeverNeedsNoRootIsTheMailOwnerForGood() throws {
      let owner = try #require(getpwnam(MartinetInstance.owner)).pointee
      let server = try MartinetInstance(relayPort: try Loopback.freePort())
      try server.start()
      for role in ["smtpd", "qmgr", "smtp", "control"] {
        let processes = server.processes(role: role)
        #expect(!processes.isEmpty)
        for process in processes {
          // One of several may greet while another is still being started.
          let end = Deadline.after(.seconds(20))
          while process.status("NoNewPrivs") != ["1"], !end.hasPassed {
            Monitor(()).pause(.milliseconds(10))
          }
          let user = [String](repeating: "\(owner.pw_uid)", count: 4)
          #expect(process.status("Uid") == user, "\(role)")
          #expect(
            process.status("Gid") == [String](repeating: "\(owner.pw_gid)", count: 4), "\(role)")
          #expect(process.status("Groups") == ["\(owner.pw_gid)"], "\(role)")
          #expect(process.status("NoNewPrivs") == ["1"], "\(role)")
          for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
            #expect(process.status(set) == ["0000000000000000"], "\(role) \(set)")
          }
        }
      }
      #expect(server.processes(role: "local").first?.status("Uid").first == "0")
      try server.stop()
    }

    /// A package that is unpacked must not leave an old master with new children, or none.
    @Test(.timeLimit(.minutes(2)))
    func whileAnotherVersionLiesInItsPlaceTheOldOneStartsItsOwnProcesses() throws {
      let folder = try TemporaryDirectory()
      let file = folder.path("martinet")
      try FileManager.default.copyItem(atPath: MartinetInstance.executable, toPath: file)
      let server = try MartinetInstance(
        settings: ["smtpd_process_count": "1"], executable: file)
      try server.start()
      let master = try #require(server.master)
      try folder.write("another version", to: "new")
      try #require(rename(folder.path("new"), file) == 0)
      let old = try #require(server.processes(role: "smtpd").first)
      old.kill()
      try server.log.wait(for: "killed by signal 9", until: .after(.seconds(20)))
      try SMTPDialog(port: server.port).expect(220)
      let next = try #require(server.processes(role: "smtpd").first { $0 != old })
      master.send(SIGHUP)
      try server.log.wait(for: "reload -- version", until: .after(.seconds(20)))
      #expect(RunningProcess.waitForEnd(of: [next], until: .after(.seconds(20))))
      try SMTPDialog(port: server.port).expect(220)
      // As ps shows them.
      for process in server.processes where process != master {
        #expect(process.arguments.first == file && process.status("Name") == ["martinet"])
      }
      try server.stop()
    }

    @Test(.timeLimit(.minutes(1)))
    func aValueThatNobodyReadsStaysOutOfTheLog() throws {
      let server = try MartinetInstance(settings: ["valias_password": "geheim"])
      try server.start()
      try #require(server.master).send(SIGHUP)
      let log = server.log
      try log.wait(for: "reload -- version", until: .after(.seconds(20)))
      try server.stop()
      let lines = log.lines.map(\.description)
      #expect(lines.count { $0.hasSuffix("unused parameter: valias_password") } == 2)
      #expect(!lines.contains { $0.contains("geheim") })
      let check = try server.outcome(of: "check")
      #expect(check.errors.contains("unused parameter: valias_password=geheim"))
    }

    @Test(.timeLimit(.minutes(2)))
    func underLoadEachProcessHasOneThreadAndItsNamedHelpers() throws {
      let sink = try ScriptedSink()
      let server = try MartinetInstance(relayPort: sink.port)
      try server.start()
      var load = MailLoad(port: server.port)
      load.sessions = 20
      let run = load.start(0..<1000, within: .seconds(60))
      var seen: [String: Set<String>] = [:]
      while run.result(until: .after(.milliseconds(50))) == nil {
        for role in Self.helpers.keys {
          for process in server.processes(role: role) {
            let names = process.helperNames
            #expect(Set(names).count == names.count, "\(role): \(names)")
            seen[role, default: []].formUnion(names)
          }
        }
      }
      #expect(run.result(until: run.deadline)?.acknowledged.count == 1000)
      print("helper threads under load: \(seen)")
      for (role, names) in seen {
        #expect(names.isSubset(of: Self.helpers[role] ?? []), "\(role): \(names)")
      }
      try sink.wait(forCount: 1000, until: .after(.seconds(60)))
      try server.stop()
    }

    @Test(.timeLimit(.minutes(2)))
    func mailFlowsOnWhileNobodyReadsTheLogAndTheLossIsCounted() throws {
      let sink = try ScriptedSink()
      let settings = ["log_buffer_size": "16384"]
      let server = try MartinetInstance(relayPort: sink.port, settings: settings)
      let pipe = server.folder.path("log-pipe")
      try #require(mkfifo(pipe, 0o600) == 0)
      let reading = open(pipe, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
      try #require(reading >= 0)
      try server.configure(["maillog_file": pipe])
      try server.start()
      let count = 2000
      let result = try MailLoad(port: server.port).run(0..<count, within: .seconds(60))
      #expect(result.acknowledged.count == count)
      try sink.wait(forCount: count, until: .after(.seconds(60)))
      try #require(fcntl(reading, F_SETFL, 0) == 0)
      let log = LineLog(reading: reading)
      try log.wait(for: "postfix/", " log lines were dropped", until: .after(.seconds(20)))
      try server.stop()
      try log.waitForEnd(until: .after(.seconds(20)))
    }
  }
}
