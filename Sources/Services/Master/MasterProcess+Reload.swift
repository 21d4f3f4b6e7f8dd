import Configuration
import LinuxSystem
import Primitives
import Reactor
import ServiceKit
import SystemPackage
import TLSEngine

/// SIGHUP: the configuration is read anew. What is wrong with it is said, and changes nothing.
extension MasterProcess {
  nonisolated static let reloadSignal: Int32 = 1

  /// Why a configuration is not taken.
  private struct Refusal: Error {
    let findings: [String]
  }

  /// What is read of a new configuration.
  private struct Reading: Sendable {
    let files: ConfigurationFiles
    let groundwork: Groundwork
    /// What is wrong, but not so that it could not be used.
    let warnings: [String]
    /// Of `warnings` those that the roles say themselves.
    let warningsOfRoles: [String]
  }

  /// A parameter's name, and what it is.
  private typealias Value = (name: String, value: String)

  /// Parameters that `qmgr`, which lives on, takes when it starts.
  private nonisolated static func kept(_ configuration: Configuration) -> [Value] {
    [
      (SizeParameter.spoolSegmentSize.declaration.name, "\(configuration[.spoolSegmentSize])"),
      (DurationParameter.spoolStallTime.declaration.name, "\(configuration[.spoolStallTime])"),
    ]
  }

  /// Parameters that cannot change while the system runs, with what they are now: where the spool
  /// is and whose, as Postfix has it with some of its own, and memory that old and new processes
  /// share.
  private nonisolated static func fixed(_ configuration: Configuration) -> [Value] {
    [TextParameter.queueDirectory, .mailOwner].map { ($0.declaration.name, configuration[$0]) } + [
      (
        IntegerParameter.smtpdClientTableSize.declaration.name,
        "\(configuration[.smtpdClientTableSize])"
      )
    ]
  }

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
    let reading = try await readConfiguration()
    let fresh = reading.files
    for warning in reading.warnings { log.warning("master", warning) }
    let target = try logTarget(for: fresh)
    let provision: Provision
    let held: ListeningSockets
    do throws(Failure) {
      (provision, held) = try await self.provision(
        fresh, reading.groundwork, target, sockets, namesInUse: supervisor.namesInUse,
        patience: .zero)
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
    return reading.warnings + reading.warningsOfRoles
  }

  /// Reads and judges the files, on a thread of its own: tables may be large, names slow.
  private func readConfiguration() async throws(Refusal) -> Reading {
    let helper: HelperThread
    do throws(Errno) {
      helper = try HelperThread(name: "configuration")
    } catch {
      throw Refusal(findings: ["cannot start a thread: \(error)"])
    }
    defer { helper.stopLater() }
    let (directory, judge, secret) = (files.directory, judge, ticketSecret)
    let current = (
      fixed: Self.fixed(files.configuration), kept: Self.kept(files.configuration)
    )
    return try await helper.perform { () throws(Refusal) in
      try Self.read(directory, current, judge, secret)
    }
  }

  private nonisolated static func read(
    _ directory: String, _ current: (fixed: [Value], kept: [Value]), _ judge: Judge,
    _ ticketSecret: TicketSecret?
  ) throws(Refusal) -> Reading {
    let read = ConfigurationFiles(directory: directory)
    let errors = read.diagnostics.filter { $0.severity == .error }.map(\.withoutValue.text)
    guard errors.isEmpty else { throw Refusal(findings: errors) }
    var warnings = read.diagnostics.filter { $0.severity == .warning }.map(\.withoutValue.text)
    var pins: [Value] = []
    for (old, new) in zip(current.fixed, fixed(read.configuration)) where old.value != new.value {
      pins.append(old)
      warnings += [
        "ignoring \(old.name) parameter value change",
        "old value: \"\(old.value)\", new value: \"\(new.value)\"",
        "to change \(old.name), stop and start the mail system",
      ]
    }
    for (old, new) in zip(current.kept, kept(read.configuration)) where old.value != new.value {
      warnings.append(
        "\(old.name): the queue manager keeps the old value for segments of its own until the mail "
          + "system is started anew")
    }
    let fresh = read.pinning(pins)
    let verdict = judge(fresh)
    guard verdict.errors.isEmpty else { throw Refusal(findings: verdict.errors) }
    do throws(Failure) {
      return Reading(
        files: fresh, groundwork: try Groundwork(fresh, ticketSecret: ticketSecret),
        warnings: warnings, warningsOfRoles: verdict.warnings)
    } catch {
      throw Refusal(findings: [error.description])
    }
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
