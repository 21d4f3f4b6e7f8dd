import QueueScheduler
import Reactor
import ServiceKit

/// Why destinations are dead, for the mail that waits for them: it is put off without having been
/// tried, and nothing is written about that (spool rule R28).
@ReactorActor
struct Suspensions {
  private struct Destination: Hashable {
    let transport: TransportNumber
    let nextHop: [UInt8]
  }

  /// Destinations that are remembered; beyond it all are forgotten, and learnt as they die again.
  private static let destinationsMax = 10_000

  private var reasons: [Destination: RecipientVerdict] = [:]

  init() {}

  /// A destination has died of what a delivery said.
  mutating func note(
    _ destination: DestinationNumber, _ result: DeliveryResult, _ scheduler: QueueScheduler
  ) {
    guard let last = result.verdicts.first(where: { $0.outcome == .deferred }) else { return }
    if reasons.count >= Self.destinationsMax { reasons.removeAll(keepingCapacity: true) }
    reasons[Self.name(destination, scheduler)] = RecipientVerdict(
      index: 0, outcome: .deferred, status: last.status,
      text: Array("delivery temporarily suspended: ".utf8) + last.text,
      relay: Array("none".utf8))
  }

  /// What is said of a recipient whose mail waits for a destination; `nil` when that never died.
  func reason(
    of recipient: UInt32, for destination: DestinationNumber?, _ scheduler: QueueScheduler
  ) -> RecipientVerdict? {
    guard let destination else { return nil }
    var reason = reasons[Self.name(destination, scheduler)]
    reason?.index = recipient
    return reason
  }

  /// What is said of a recipient whose mail waits for a target's destination.
  func reason(of recipient: UInt32, for target: Target) -> RecipientVerdict? {
    let name = Destination(transport: target.transport.number, nextHop: target.destination)
    var reason = reasons[name]
    reason?.index = recipient
    return reason
  }

  private static func name(
    _ destination: DestinationNumber, _ scheduler: QueueScheduler
  ) -> Destination {
    Destination(
      transport: scheduler.transport(of: destination),
      nextHop: scheduler.nextHop(of: destination))
  }
}
