import Configuration
import LinuxSystem
import Primitives
import Reactor
import ServiceKit
import SystemPackage

/// SIGHUP: the configuration is read anew. What is wrong with it is said, and changes nothing.
extension MasterProcess {
  nonisolated static let reloadSignal: Int32 = 1

  /// Why a configuration is not taken.
  private struct Refusal: Error {
    let findings: [String]
  }

  /// Parameters that cannot change while the system runs, as Postfix has it with some of its own.
  private nonisolated static let fixed: [TextParameter] = [.queueDirectory, .mailOwner]

  /// Reloads, once more when one is under way.
  func askForReload(_ supervisor: Supervisor, _ report: ServiceReport) {
    reloadIsWanted = true
    guard !isReloading else { return }
    isReloading = true
    reactorTask {
      while self.reloadIsWanted, !self.isStopping {
        self.reloadIsWanted = false
        await self.reload(supervisor, report)
      }
      self.isReloading = false
    }
  }

  private func reload(_ supervisor: Supervisor, _ report: ServiceReport) async {
    // Whoever asks later has another reload coming.
    let askers = ReloadRequest.askers(root)
    report.reloading()
    var outcome: ReloadOutcome
    do throws(Refusal) {
      outcome = ReloadOutcome(isTaken: true, findings: try await takeConfiguration(supervisor))
      logBegin("reload")
    } catch {
      for finding in error.findings { log.error("master", finding) }
      log.error("master", "the configuration is not reloaded: nothing has changed")
      outcome = ReloadOutcome(isTaken: false, findings: error.findings)
    }
    if !isStopping { report.reloaded(isTaken: outcome.isTaken) }
    ReloadRequest.answer(outcome, to: askers)
  }

  /// - Returns: what the administrator should know of a configuration that is in force now.
  private func takeConfiguration(_ supervisor: Supervisor) async throws(Refusal) -> [String] {
    guard let sockets else { throw Refusal(findings: ["the mail system is being started"]) }
    let (fresh, warnings) = try await readConfiguration()
    for warning in warnings { log.warning("master", warning) }
    let target = try logTarget(for: fresh)
    let provision: Provision
    let held: ListeningSockets
    do throws(Failure) {
      (provision, held) = try await self.provision(
        fresh, target, sockets, namesInUse: supervisor.namesInUse, patience: .zero)
    } catch {
      throw Refusal(findings: [error.description])
    }
    if let refusal = await supervisor.reload(provision) { throw Refusal(findings: [refusal]) }
    files = fresh
    self.sockets = held
    let configuration = fresh.configuration
    log.rename(
      capacity: Int(configuration[.logBufferSize]), hostName: configuration[.myhostname],
      syslogName: configuration[.syslogName])
    if target.descriptor !== logTarget.descriptor {
      logTarget = target
      do throws(Errno) {
        log.redirect(to: try target.descriptor.duplicate(), kind: target.kind)
      } catch {
        log.error("master", "cannot go on with the new log: \(error)")
      }
    }
    return warnings
  }

  /// Reads and judges the files, on a thread of its own: tables may be large.
  private func readConfiguration() async throws(Refusal) -> (ConfigurationFiles, [String]) {
    let helper: HelperThread
    do throws(Errno) {
      helper = try HelperThread(name: "configuration")
    } catch {
      throw Refusal(findings: ["cannot start a thread: \(error)"])
    }
    let (directory, judge, current) = (files.directory, judge, files.configuration)
    let (fresh, warnings, findings) = await helper.perform {
      let read = ConfigurationFiles(directory: directory)
      let errors = read.diagnostics.filter { $0.severity == .error }.map(\.sentence)
      guard errors.isEmpty else { return (read, [String](), errors) }
      let changed = Self.fixed.filter { read.configuration[$0] != current[$0] }
      let fresh = read.pinning(changed.map { ($0.declaration.name, current[$0]) })
      let warnings =
        read.diagnostics.map(\.sentence)
        + changed.flatMap { Self.warnings($0, current[$0], read.configuration[$0]) }
      return (fresh, warnings, judge(fresh))
    }
    helper.stop()
    guard findings.isEmpty else { throw Refusal(findings: findings) }
    return (fresh, warnings)
  }

  private nonisolated static func warnings(
    _ parameter: TextParameter, _ old: String, _ new: String
  ) -> [String] {
    let name = parameter.declaration.name
    return [
      "ignoring \(name) parameter value change", "old value: \"\(old)\", new value: \"\(new)\"",
      "to change \(name), stop and start the mail system",
    ]
  }

  /// The log that a configuration names: a file is opened anew, since somebody may have renamed it;
  /// a stream that was there from the start can only be kept.
  private func logTarget(for fresh: ConfigurationFiles) throws(Refusal) -> LogTarget {
    let file = fresh.configuration[.maillogFile]
    let isStream = file.isEmpty || LogTarget.isStandardStream(file)
    if isStream, file == files.configuration[.maillogFile] { return logTarget }
    do throws(Errno) {
      return try LogTarget.open(fresh.configuration)
    } catch {
      throw Refusal(findings: ["maillog_file: cannot open \(file): \(error)"])
    }
  }
}
