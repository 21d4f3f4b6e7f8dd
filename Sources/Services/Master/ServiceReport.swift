import LinuxSystem
import Primitives
import Reactor
import ServiceKit
import ServiceManager
import SystemPackage

/// Tells the service manager how the mail system is, where one wants to know.
///
/// The signs of life come from this process's own loop: they stop when it hangs. A role that hangs
/// is none of the manager's business, since `master` replaces it.
@ReactorActor
final class ServiceReport {
  private let manager: ServiceManager
  private let log: Log
  private var alarm: Alarm?
  private var hasFailed = false

  init(_ manager: ServiceManager, log: Log) {
    self.manager = manager
    self.log = log
    guard let time = manager.watchdogTime else { return }
    // Half of the time, as sd_watchdog_enabled(3) advises.
    let alarm = Alarm { self.signOfLife(every: time / 2) }
    self.alarm = alarm
    alarm.schedule(at: Reactor.shared.now + time / 2)
  }

  /// Every process serves.
  func ready() { tell([.ready, .status("every process serves")]) }

  /// The configuration is being read anew; `reloaded` follows.
  func reloading() { tell([.reloading, .status("reading the configuration")]) }

  /// The mail system serves, with the new configuration or the old one.
  func reloaded(isTaken: Bool) {
    tell([
      .ready,
      .status(
        isTaken
          ? "every process serves"
          : "every process serves; the new configuration was refused, see the log"),
    ])
  }

  /// The system is on its way out. Signs of life go on until the end.
  func stopping() { tell([.stopping, .status("work in hand is being finished")]) }

  private func signOfLife(every interval: Duration) {
    tell([.watchdog])
    alarm?.schedule(at: Reactor.shared.now + interval)
  }

  private func tell(_ messages: [ServiceManager.Notification]) {
    do throws(Errno) {
      try manager.notify(messages)
      hasFailed = false
    } catch {
      if !hasFailed { log.warning("master", "the service manager cannot be told: \(error)") }
      hasFailed = true
    }
  }
}
