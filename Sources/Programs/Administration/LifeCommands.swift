package import ArgumentParser
import Configuration
import Glibc
import LinuxSystem
import Master
import ServiceKit
import SystemPackage

/// `martinet run`.
package struct RunCommand: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Run the mail system in the foreground.")

  @ParentCommand var parent: MartinetCommand

  /// Set by `postfix start`, which waits at the other end of a pipe.
  @Flag(help: .hidden)
  package var background = false

  package init() {}

  package func run() throws {
    let files = try loadChecked(parent.configDirectory)
    let findings = SiteCheck.findings(files).errors
    for finding in findings { Output.error("martinet: error: \(finding)") }
    guard findings.isEmpty else { throw ExitCode(1) }
    let voice = background ? BackgroundStart.leaveTerminal() : nil
    let status = MasterProcess.run(files, judge: SiteCheck.verdict) {
      if let voice { BackgroundStart.served(voice) }
    } complain: {
      Output.error($0, to: voice ?? 2)
    }
    throw ExitCode(status)
  }
}

/// `martinet stop`.
package struct StopCommand: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "stop", abstract: "Stop the mail system and wait until it has stopped.")

  @ParentCommand var parent: MartinetCommand

  package init() {}

  package func run() throws {
    let files = try loadChecked(parent.configDirectory)
    let root = files.configuration[.queueDirectory]
    guard let pid = try InstanceLock.holder(root) else {
      Output.error("martinet: the mail system is not running")
      throw ExitCode(1)
    }
    do throws(Errno) {
      let patience = files.configuration[.drainTime] + .seconds(15)
      guard try RunningProcess.end(pid, patience: patience) else {
        Output.error("martinet: process \(pid) did not end")
        throw Errno.timedOut
      }
    } catch .noSuchProcess {
      return
    } catch {
      Output.error("martinet: cannot stop process \(pid): \(error)")
      throw ExitCode(1)
    }
  }
}

/// `martinet reload`.
package struct ReloadCommand: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "reload",
    abstract: "Have the mail system go on with the changed configuration; 1 if it does not.")

  /// How long the answer may take beyond the start of new processes.
  private static let patience: Duration = .seconds(30)

  @ParentCommand var parent: MartinetCommand

  package init() {}

  package func run() throws {
    let files = try loadChecked(parent.configDirectory)
    let root = files.configuration[.queueDirectory]
    guard let pid = try InstanceLock.holder(root) else {
      Output.error("martinet: the mail system is not running")
      throw ExitCode(1)
    }
    let outcome: ReloadOutcome?
    do throws(Errno) {
      let patience = files.configuration[.serviceStartTimeout] + Self.patience
      outcome = try ReloadRequest.send(to: pid, root: root, patience: patience)
    } catch {
      Output.error("martinet: error: cannot ask process \(pid): \(error)")
      throw ExitCode(1)
    }
    guard let outcome else {
      Output.error("martinet: error: process \(pid) does not answer: see the log")
      throw ExitCode(1)
    }
    let kind = outcome.isTaken ? "warning" : "error"
    for finding in outcome.findings { Output.error("martinet: \(kind): \(finding)") }
    guard outcome.isTaken else { throw ExitCode(1) }
  }
}

/// `martinet status`.
package struct StatusCommand: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "status", abstract: "Say whether the mail system is running; 1 if not.")

  @ParentCommand var parent: MartinetCommand

  package init() {}

  package func run() throws {
    let files = try loadChecked(parent.configDirectory)
    guard let pid = try InstanceLock.holder(files.configuration[.queueDirectory]) else {
      Output.line("the mail system is not running")
      throw ExitCode(1)
    }
    Output.line("the mail system is running: PID: \(pid)")
    do throws(ControlFailure) {
      let client = try ControlClient(path: controlPath(files.configuration))
      try client.ask(.status) { (part) throws(ControlFailure) in
        guard let status = try? QueueStatus(decoding: part) else {
          throw ControlFailure(description: "the mail system's answer cannot be read")
        }
        for line in Self.lines(status) { Output.line(line) }
      }
    } catch {
      Output.error("martinet: \(error)")
    }
  }

  /// What is known of the processes and the queue.
  static func lines(_ status: QueueStatus) -> [String] {
    let processes = status.processes.map { process in
      let deliveries = process.name.role.isAgent ? ", \(process.deliveries) deliveries" : ""
      return "\(process.name.role.rawValue) \(process.name.index): PID \(process.pid)\(deliveries)"
    }
    return processes + [
      "queue: \(status.incoming) incoming, \(status.active) active, \(status.deferred) deferred, "
        + "\(status.hold) on hold"
    ]
  }
}

/// Reads a configuration and shows what is wrong with it; ends the command when it cannot be used.
func loadChecked(_ directory: String) throws(ExitCode) -> ConfigurationFiles {
  let files = ConfigurationFiles(directory: directory)
  for diagnostic in files.diagnostics where diagnostic.severity == .error {
    Output.error("martinet: \(diagnostic)")
  }
  if files.hasErrors { throw ExitCode(1) }
  return files
}

/// Reads a configuration for a command that asks the running mail system.
func loadForCommand(_ directory: String?) throws(ControlFailure) -> Configuration {
  let directory =
    directory ?? getenv("MAIL_CONFIG").map { String(cString: $0) } ?? "/etc/martinet"
  let files = ConfigurationFiles(directory: directory)
  if let error = files.diagnostics.first(where: { $0.severity == .error }) {
    throw ControlFailure(description: error.text)
  }
  return files.configuration
}

/// Where the running mail system takes commands.
func controlPath(_ configuration: Configuration) -> String {
  configuration[.queueDirectory] + "/" + SpoolDirectories.sockets + "/control"
}
