import LinuxSystem
import Primitives
import Reactor
import ServiceKit

/// Processes that no longer react are replaced, and clients at whose input one died are refused.
///
/// Only loops are watched: a commit that takes long, or a helper that is blocked, leaves the loop
/// of its process turning (spool rule R33). A process that leaves is not watched: its time is
/// limited by `drain_time`.
extension Supervisor {
  /// How long a process has to leave a memory dump before it is killed for good.
  private static let dumpTime: Duration = .seconds(2)
  /// Shorter intervals between looks would only burn the processor, in milliseconds.
  private static let lookIntervalMin: Duration = .milliseconds(250)

  /// Begins to watch, or goes on at another pace, unless `service_watchdog_timeout` is 0.
  func beginWatch() {
    watchAlarm?.cancel()
    watchAlarm = nil
    guard plan.watchdogTimeout > .zero else { return }
    let interval = max(plan.watchdogTimeout / Pulse.looksMax, Self.lookIntervalMin)
    let alarm = Alarm { self.lookAround(interval) }
    watchAlarm = alarm
    alarm.schedule(at: Reactor.shared.now + interval)
  }

  private func lookAround(_ interval: Duration) {
    for child in children.values where !child.isDraining && !child.isStuck {
      if child.isReady {
        look(at: child)
      } else if Reactor.shared.now.since(child.startedAt) > plan.startTimeout {
        replace(child, "does not serve after \(plan.startTimeout)")
      }
    }
    watchAlarm?.schedule(at: Reactor.shared.now + interval)
  }

  private func look(at child: RoleChild) {
    switch child.pulse.look(child.page.turns) {
    case .alive, .wait: break
    case .ask: child.channel.post(.ping)
    case .stuck: replace(child, "watchdog timeout: no reaction for \(plan.watchdogTimeout)")
    }
  }

  /// Ends a process that is of no use; its death has it started again.
  private func replace(_ child: RoleChild, _ reason: String) {
    log.warning("master", "\(child.name.role.rawValue) pid \(child.pid) \(reason): killing")
    child.isStuck = true
    child.abort()
    // A process that was stopped takes no other signal.
    let alarm = Alarm { [weak child] in child?.kill() }
    child.lastResort = alarm
    alarm.schedule(at: Reactor.shared.now + Self.dumpTime)
  }

  /// Refuses the client at whose input a process died, if there was one.
  func blame(for child: RoleChild, _ status: ExitStatus) {
    guard child.name.role == .smtpd, let client = child.page.served,
      status.isOwnFault(child.isStuck)
    else { return }
    let time = plan.crashRefusalTime
    let consequence = time > .zero ? ": it is refused for \(time)" : ""
    log.warning(
      "master",
      "process smtpd pid \(child.pid) died at the input of [\(client)]\(consequence)")
    guard time > .zero else { return }
    let entry = RefusedClients.Entry(address: client, until: Reactor.shared.now + time)
    refusedClients.add(entry, now: Reactor.shared.now)
    for peer in children.values where peer.name.role == .smtpd { peer.channel.post(.refuse(entry)) }
  }
}

extension ExitStatus {
  /// Whether a process died of what it did itself, and not because somebody else ended it.
  fileprivate func isOwnFault(_ wasStuck: Bool) -> Bool {
    guard case .signalled(let number) = self else { return false }
    return wasStuck || Self.faults.contains(number)
  }

  /// SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGSYS.
  private static let faults: Set<Int32> = [4, 5, 6, 7, 8, 11, 31]
}
