import MailTypes
import Routing
import ServiceKit

/// Transports that bring mail nowhere, which the queue manager does itself.
enum InternalTransport: Equatable {
  /// Returns mail with the next hop as the reason.
  case error
  /// Puts mail off with the next hop as the reason.
  case retry
  /// Drops mail with the next hop as the reason.
  case discard
  /// Stands for a transport that nobody serves.
  case unavailable

  /// The daemon in whose name it logs.
  var tag: [UInt8] { Array((self == .discard ? "discard" : "error").utf8) }

  /// What becomes of a recipient.
  func verdict(on recipient: UInt32, nextHop: String) -> RecipientVerdict {
    let none = Array("none".utf8)
    switch self {
    case .discard:
      return RecipientVerdict(
        index: recipient, outcome: .sent, status: EnhancedStatus(2, 0, 0),
        text: Array(nextHop.utf8), relay: none)
    case .unavailable:
      return RecipientVerdict(
        index: recipient, outcome: .deferred, status: EnhancedStatus(4, 3, 0),
        text: Array("mail transport unavailable".utf8), relay: none)
    case .error, .retry:
      let route = Route(
        transport: self == .error ? "error" : "retry", nextHop: nextHop, recipient: .null,
        addressClass: .other)
      guard let (status, text) = route.verdict else {
        preconditionFailure("error and retry have a verdict")
      }
      return RecipientVerdict(
        index: recipient, outcome: self == .error ? .bounced : .deferred, status: status,
        text: Array(text.utf8), relay: none)
    }
  }
}
