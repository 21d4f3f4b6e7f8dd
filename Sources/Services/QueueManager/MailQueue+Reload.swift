import AddressRewriting
import QueueScheduler
import Reactor
import Routing
import ServiceKit

/// Another configuration for the queue manager that runs: never a second one (spool rule R16).
extension MailQueue {
  /// Goes on with other settings and routes. Deliveries under way end as they were asked for; all
  /// other mail goes where the new routes lead.
  ///
  /// - Parameters:
  ///   - settings: what the configuration says; the directory must be the same.
  ///   - rewriting: what becomes of the recipients of the queue manager's own mail.
  ///   - services: services of `master.cf` that deliver, and the role that runs them.
  ///   - deliverers: the processes that have this configuration.
  func reconfigure(
    _ settings: QueueSettings, router: Router, rewriting: EnvelopeRewriting,
    services: [String: Role], deliverers: Set<ProcessName>
  ) {
    precondition(settings.directory == self.settings.directory, "a queue stays where it is")
    let now = Reactor.shared.now
    self.settings = settings
    self.rewriting = rewriting
    self.services = services
    // Before anything is asked for by the new routes.
    setDeliverers(deliverers)
    journals.interval = settings.journalSyncInterval
    routes = RouteTable(router: router) { self.transport(named: $0) }
    scheduler.apply(settings.scheduler, now: now)
    redeclareTransports()
    for run in scheduler.reroute(now: now) { ended(run.message, run.end) }
    pressure.limitsChanged()
    mover.look(after: settings.relocationDelay)
    plan()
  }
}
