package import MailTypes

/// What access tables want done with a message that is accepted (access(5), other actions): it
/// holds for all its recipients.
package struct MessageOrders: Equatable, Sendable {
  /// DISCARD: the message is accepted and thrown away.
  package var discards = false
  /// HOLD: it enters the queue on hold.
  package var holds = false
  /// FILTER: the `transport:nexthop` that it goes to instead of its recipients' own; empty for
  /// none.
  package var filter = ""
  /// REDIRECT: who gets it instead of its recipients.
  package var redirect: MailAddress?
  /// BCC: who gets a copy besides them.
  package var copies: [MailAddress] = []
  /// PREPEND: header fields to put before the message, each without its line end.
  package var prependedFields: [[UInt8]] = []

  /// No orders.
  package init() {}

  /// Whether nothing is asked for.
  package var isEmpty: Bool {
    !discards && !holds && filter.isEmpty && redirect == nil && copies.isEmpty
      && prependedFields.isEmpty
  }

  /// Adds what a later command brought: of filters and redirections the last one counts.
  package mutating func add(_ later: MessageOrders) {
    if later.discards { discards = true }
    if later.holds { holds = true }
    if !later.filter.isEmpty { filter = later.filter }
    if let address = later.redirect { redirect = address }
    copies += later.copies.filter { !copies.contains($0) }
    prependedFields += later.prependedFields
  }
}
