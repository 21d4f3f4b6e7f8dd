import QueueScheduler
import Reactor
import ServiceKit

/// A transport: a name that routes give, and who delivers for it.
@ReactorActor
final class Transport {
  /// Who delivers.
  enum Kind: Equatable {
    /// The processes of a role.
    case agents(Role)
    /// The queue manager itself: nothing has to be brought anywhere.
    case inside(InternalTransport)
    /// The queue manager makes new mail for those for whom a local alias stands.
    case aliases
  }

  /// The name that stands for local aliases; no service of `master.cf` can have it.
  nonisolated static let aliasesName = ":aliases"

  nonisolated let name: String
  let kind: Kind
  let number: TransportNumber
  /// Whether each recipient is a destination of its own, as where a delivery has one recipient.
  let hasRecipientDestinations: Bool

  init(name: String, kind: Kind, number: TransportNumber, recipientLimit: Int) {
    self.name = name
    self.kind = kind
    self.number = number
    hasRecipientDestinations = recipientLimit == 1
  }

  /// Who delivers for a transport of this name; services of `master.cf` come first.
  static func kind(of name: String, services: [String: Role]) -> Kind {
    if let role = services[name] { return .agents(role) }
    switch name {
    case "smtp", "relay", "lmtp": return .agents(.smtp)
    case "local", "virtual": return .agents(.local)
    case "error": return .inside(.error)
    case "retry": return .inside(.retry)
    case "discard": return .inside(.discard)
    case aliasesName: return .aliases
    default: return .inside(.unavailable)
    }
  }
}

extension Transport.Kind {
  /// Whether the queue manager delivers itself.
  var isOwn: Bool {
    if case .agents = self { false } else { true }
  }
}

/// A transport and a next hop, shared by all recipients whose mail goes there.
@ReactorActor
final class Target {
  let transport: Transport
  /// The next hop as the agent gets it.
  nonisolated let nextHop: String
  /// What the scheduler knows the destination by.
  nonisolated let destination: [UInt8]

  init(transport: Transport, nextHop: String, destination: [UInt8]) {
    self.transport = transport
    self.nextHop = nextHop
    self.destination = destination
  }
}
