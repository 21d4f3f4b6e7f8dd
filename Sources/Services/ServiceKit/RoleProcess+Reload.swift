import Configuration
import LinuxSystem
import Primitives
import Reactor
import SystemPackage

/// What a reload of the configuration asks of a process.
extension RoleProcess {
  /// Others serve with a new configuration: what is in hand is finished, for at most `time`, and
  /// the process leaves.
  func retire(within time: Duration) {
    guard !isRetiring, !isDraining, let service else { return }
    isRetiring = true
    service.retire()
    master.post(.retired)
    reactorTask {
      await service.finishWork(deadline: Reactor.shared.now + time)
      // The loop that serves `master` ends with the channel.
      self.master.flush()
      self.master.close()
    }
  }

  func redirectLog(to passed: SharedDescriptor, _ kind: LogKind) {
    do throws(Errno) {
      log?.redirect(to: try passed.duplicate(), kind: kind)
    } catch {
      log?.error("master", "cannot go on with the new log: \(error)")
    }
  }

  func reconfigure(
    _ record: StartRecord, _ file: SharedDescriptor, _ logFile: SharedDescriptor
  ) {
    guard let service, let log, let page else { return }
    reactorTask {
      do throws(RoleFailure) {
        let configuration = try self.readConfiguration(file.raw, size: record.configurationSize)
        try await service.reconfigure(try self.context(record, configuration, log, page))
        self.drainTime = configuration[.drainTime]
        self.warnOfLag(of: record.name.role, configuration)
        log.rename(
          capacity: Int(configuration[.logBufferSize]), hostName: configuration[.myhostname],
          syslogName: configuration[.syslogName])
        log.softBounce = configuration[.softBounce]
        self.redirectLog(to: logFile, record.logKind)
        self.master.post(.reconfigured)
      } catch {
        self.master.post(.notReconfigured(error.reason))
      }
    }
  }
}
