package import MailTypes
import Primitives

/// The five kinds of domains, each with its own transport.
package enum AddressClass: Sendable, Hashable {
  /// `mydestination`, and this host's own addresses.
  case local
  /// `virtual_alias_domains`: every address is an alias of another.
  case virtualAlias
  /// `virtual_mailbox_domains`.
  case virtualMailbox
  /// `relay_domains`.
  case relay
  /// All others.
  case other
}

/// How a recipient's mail leaves the queue.
package struct Route: Sendable, Hashable {
  /// The delivery agent: the name of a `master.cf` service, or `error`, `retry`, `discard`.
  package let transport: String
  /// Where the agent sends it, in the agent's own syntax; a text for `error` and `retry`.
  package let nextHop: String
  /// The recipient as the agent gets it: `user@domain`, routes resolved.
  package let recipient: MailAddress
  /// The kind of the recipient's domain.
  package let addressClass: AddressClass
  /// Whether the route is the same until the configuration changes. One that asks for the accounts
  /// of the host is not.
  package var isLasting = true

  /// Makes a route.
  package init(
    transport: String, nextHop: String, recipient: MailAddress, addressClass: AddressClass
  ) {
    self.transport = transport
    self.nextHop = nextHop
    self.recipient = recipient
    self.addressClass = addressClass
  }

  /// What a route by `error` or `retry` says to every recipient; `nil` for other transports.
  ///
  /// The text may begin with an enhanced status, of which the class is always 5 for `error` and 4
  /// for `retry`; without one it is 5.0.0 or 4.0.0.
  package var verdict: (status: EnhancedStatus, text: String)? {
    let statusClass: UInt8
    switch transport {
    case "error": statusClass = 5
    case "retry": statusClass = 4
    default: return nil
    }
    let text = nextHop.drop { $0 == " " }
    guard let (status, length) = EnhancedStatus.parse(prefixOf: text.utf8) else {
      return (EnhancedStatus(statusClass, 0, 0), String(text))
    }
    let rest = text.utf8.dropFirst(length).drop { $0 == UInt8(ascii: " ") }
    return (
      EnhancedStatus(statusClass, status.subject, status.detail),
      String(decoding: rest, as: UTF8.self)
    )
  }
}

/// A `transport:nexthop` text of the configuration or of `transport_maps`; either part may be
/// empty, and what follows the first colon is the next-hop. Blanks around them belong to neither:
/// else a destination would have several names, each with a queue of its own.
struct TransportText {
  let transport: Substring
  let nextHop: Substring

  init(_ text: String) {
    let colon = text.firstIndex(of: ":")
    transport = Self.trimmed(text[..<(colon ?? text.endIndex)])
    nextHop = colon.map { Self.trimmed(text[text.index(after: $0)...]) } ?? ""
  }

  private static func trimmed(_ text: Substring) -> Substring {
    Substring(ASCII.trimmed(text.utf8))
  }
}
