package import MailTypes

/// What access tables want done with a message that is accepted (access(5), other actions): it
/// holds for all its recipients.
package struct MessageOrders: Equatable, Sendable {
  /// The most bytes of header fields that tables may add to a message.
  package static let prependedSizeMax = 64 << 10
  /// The most copies that tables may send of a message.
  package static let copiesMax = 100

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

  /// Adds what a later command brought: of filters and redirections the last one counts. Tells
  /// whether the bounds of a message left all of it in.
  package mutating func add(_ later: MessageOrders) -> Bool {
    if later.discards { discards = true }
    if later.holds { holds = true }
    if !later.filter.isEmpty { filter = later.filter }
    if let address = later.redirect { redirect = address }
    let more = later.copies.filter { !copies.contains($0) }
    var allFit = copies.count + more.count <= Self.copiesMax
    copies += more.prefix(Self.copiesMax - copies.count)
    var room = Self.prependedSizeMax - prependedFields.reduce(0) { $0 + $1.count }
    for field in later.prependedFields {
      guard field.count <= room else {
        allFit = false
        break
      }
      room -= field.count
      prependedFields.append(field)
    }
    return allFit
  }
}
