import MailTypes
import Reactor
import Routing

/// The routes of recipients, remembered: most mail goes where mail has gone before.
@ReactorActor
final class RouteTable {
  /// A recipient as its agent gets it, and where that is.
  struct Known {
    let address: MailAddress
    let target: Target
  }

  private struct TargetKey: Hashable {
    let transport: String
    let nextHop: String
    let destination: [UInt8]
  }

  /// Routes that are remembered; beyond it all are forgotten and learnt again.
  private static let knownMax = 10_000

  private let router: Router
  private let transport: @ReactorActor (String) -> Transport
  private var known: [[UInt8]: Known] = [:]
  private var targets: [TargetKey: Target] = [:]

  /// - Parameter transport: finds a transport by name, declaring it at first use.
  init(router: Router, transport: @escaping @ReactorActor (String) -> Transport) {
    self.router = router
    self.transport = transport
  }

  /// The route of a recipient, if it is remembered.
  func find(_ recipient: MailAddress) -> Known? { known[recipient.bytes] }

  /// Finds the route of a recipient.
  ///
  /// - Throws: `RoutingError` when a table gave no answer.
  func resolve(_ recipient: MailAddress) async throws(RoutingError) -> Known {
    let route = try await router.resolve(recipient)
    if known.count >= Self.knownMax {
      known.removeAll(keepingCapacity: true)
      targets.removeAll(keepingCapacity: true)
    }
    let fresh = Known(address: route.recipient, target: target(of: route))
    if route.isLasting { known[recipient.bytes] = fresh }
    return fresh
  }

  /// The route of an envelope's recipient that is not remembered.
  ///
  /// - Throws: `RoutingError` when a table gave no answer.
  func resolve(
    _ recipient: MailAddress, as kind: RecipientKind
  ) async throws(RoutingError) -> Known {
    switch kind {
    case .address: return try await resolve(recipient)
    case .program:
      let route = try await router.resolveProgram(of: recipient)
      return Known(address: route.recipient, target: target(of: route))
    case .alias:
      let route = Route(
        transport: Transport.aliasesName, nextHop: "", recipient: recipient, addressClass: .local)
      return Known(address: recipient, target: target(of: route))
    }
  }

  /// The route of a recipient whose message goes through a content filter.
  func route(_ recipient: MailAddress, through filter: [UInt8]) -> Known {
    let route = router.route(recipient, through: String(decoding: filter, as: UTF8.self))
    return Known(address: route.recipient, target: target(of: route))
  }

  private func target(of route: Route) -> Target {
    if targets.count >= Self.knownMax { targets.removeAll(keepingCapacity: true) }
    let transport = transport(route.transport)
    let destination =
      transport.hasRecipientDestinations ? route.recipient.bytes : Array(route.nextHop.utf8)
    let key = TargetKey(
      transport: route.transport, nextHop: route.nextHop, destination: destination)
    if let target = targets[key] { return target }
    let target = Target(
      transport: transport, nextHop: route.nextHop, destination: destination)
    targets[key] = target
    return target
  }
}
