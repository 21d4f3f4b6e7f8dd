import Foundation
package import TestSupport

/// A running Martinet with its files in a folder of its own and its log as lines.
package final class MartinetInstance: MailServer {
  /// The executable: `MARTINET` of the environment, or the one built beside the tests.
  package static let executable: String =
    ProcessInfo.processInfo.environment["MARTINET"]
    ?? URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
    .appending(path: "martinet").path

  /// The user that the roles run as when the tests run as root.
  package static let owner = "postfix"

  /// The folder with `etc`, `spool` and `data`.
  package let folder: TemporaryDirectory
  /// The port of `smtpd` on loopback.
  package let port: UInt16
  /// Where the spool is.
  package let spool: String
  /// The log file, when the log of all starts goes to one; `log` is empty then.
  package let logFile: String?
  private let executable: String
  private let settings: [String: String]
  private let prefix: [String]
  private let running = Monitor<Program?>(nil)

  /// Writes the configuration; starts nothing. `settings` come on top of a relay for everything
  /// that goes to `relayPort` of loopback, if one is named. A `user` runs it without root's rights.
  /// With `activation`, `systemd-socket-activate` opens the port and gets these options. A
  /// `launcher` is a command that runs the one behind it.
  package init(
    relayPort: UInt16? = nil, settings: [String: String] = [:], services: [String] = [],
    spool: String? = nil, descriptorsMax: Int? = nil, user: String? = nil,
    logsToFile: Bool = false, activation: [String]? = nil, launcher: [String] = [],
    executable: String = MartinetInstance.executable
  ) throws {
    self.executable = executable
    folder = try TemporaryDirectory(prefix: "martinet")
    let port = try Loopback.freePort()
    self.port = port
    self.spool = try spool ?? folder.makeDirectory("spool")
    let limit = descriptorsMax.map { ["prlimit", "--nofile=\($0)"] }
    let identity = user.map { ["setpriv", "--reuid", $0, "--regid", $0, "--clear-groups"] }
    let activator = activation.map {
      ["systemd-socket-activate", "--listen=127.0.0.1:\(port)"] + $0
    }
    prefix = launcher + (identity ?? []) + (limit ?? []) + (activator ?? [])
    var all = RelaySettings.base(relayPort: relayPort)
    all["queue_directory"] = self.spool
    all["data_directory"] = try folder.makeDirectory("data")
    logFile = logsToFile ? folder.path("log") : nil
    all["maillog_file"] = logFile ?? "/dev/stdout"
    if getuid() == 0 {
      all["mail_owner"] = Self.owner
      for path in [self.spool, folder.path("data")] {
        try FileManager.default.setAttributes(
          [.ownerAccountName: user ?? Self.owner], ofItemAtPath: path)
      }
    }
    all.merge(settings) { $1 }
    self.settings = all
    try folder.makeDirectory("etc")
    let services = ["127.0.0.1:\(port) inet n - n - - smtpd"] + services
    try folder.write(services.map { "\($0)\n" }.joined(), to: "etc/master.cf")
    try configure([:])
  }

  deinit { running.read { $0?.send(SIGKILL) } }

  /// Writes `main.cf` with settings on top of those given at the start.
  package func configure(_ more: [String: String]) throws {
    try folder.write(RelaySettings.text(settings.merging(more) { $1 }), to: "etc/main.cf")
  }

  /// Runs `martinet -c DIR` with arguments to its end and returns its lines.
  @discardableResult
  package func command(
    _ arguments: String..., within limit: Duration = .seconds(30)
  ) throws(PeerError) -> [LogLine] {
    try Program.run(executable, ["-c", folder.path("etc")] + arguments, within: limit)
  }

  /// The folder with `main.cf` and `master.cf`.
  package var configuration: String { folder.path("etc") }

  /// The main process of the last start.
  package var master: RunningProcess? {
    guard let pid = running.read({ $0?.pid }) else { return nil }
    return processes.first { $0.pid == pid }
  }

  /// Runs `martinet -c DIR` with arguments to its end, whatever that is.
  package func outcome(of arguments: String...) throws(PeerError) -> Program.Outcome {
    try Program.outcome(executable, ["-c", folder.path("etc")] + arguments)
  }

  /// Runs `postqueue` or `mailq` with arguments and returns what it prints.
  package func queueCommand(_ name: String, _ arguments: String...) throws(PeerError) -> [LogLine] {
    try Program.run(executable, [name] + arguments + ["-c", folder.path("etc")])
  }

  /// Starts it and waits until it greets; the processes run then.
  package func start() throws(PeerError) {
    let command = prefix + [executable, "-c", folder.path("etc"), "run"]
    let program = try Program(command[0], Array(command.dropFirst()))
    running.change { $0 = program }
    let deadline = Deadline.after(.seconds(20))
    while true {
      try program.waitUntilListening(on: port)
      do throws(PeerError) {
        try SMTPDialog(port: port).expect(220)
        return
      } catch {
        // A process of a master that was killed a moment ago had the port still, and left.
        if case .closed = error, !deadline.hasPassed { continue }
        let last = program.output.lines.suffix(40).map { "\($0)\n" }.joined()
        throw .failed(program: "martinet: \(error)", output: last + program.errors.text)
      }
    }
  }

  /// The log of the last start.
  package var log: LineLog {
    guard let program = running.read({ $0 }) else { preconditionFailure("not started") }
    return program.output
  }

  /// Asks it to stop and does not wait.
  package func beginStop() { running.read { $0?.send(SIGTERM) } }

  /// Asks it to stop and waits for its end, which must be a clean one.
  package func stop() throws(PeerError) {
    beginStop()
    try waitForEnd()
  }

  /// Waits for its end, which must be a clean one.
  package func waitForEnd() throws(PeerError) {
    guard let program = running.read({ $0 }) else { return }
    let exit = try program.waitForExit(until: .after(.seconds(40)))
    running.change { $0 = nil }
    guard exit == .code(0) else {
      throw .failed(program: "martinet (\(exit))", output: program.errors.text)
    }
  }

  /// Kills `master` alone, as a crash would, and waits for its end.
  package func killMaster() throws(PeerError) {
    guard let program = running.read({ $0 }) else { return }
    program.send(SIGKILL)
    try program.waitForExit(until: .after(.seconds(10)))
  }

  /// The processes of the last start: `master` and its children.
  package var processes: [RunningProcess] {
    guard let program = running.read({ $0 }) else { return [] }
    return RunningProcess.family(of: program.pid)
  }

  /// The processes that run a role.
  package func processes(role: String) -> [RunningProcess] {
    processes.filter { $0.arguments.contains(role) }
  }
}
