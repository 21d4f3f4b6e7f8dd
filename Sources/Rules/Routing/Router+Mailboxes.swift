import MailTypes
import Primitives

/// What comes in place of mailboxes and commands of this host's users. It comes behind aliases, so
/// it is the same to find it with the route.
extension Router {
  /// Hands mail for this host's users on to `mailbox_transport_maps` and `mailbox_transport`, and
  /// that of users without an account to `fallback_transport_maps` and `fallback_transport`.
  func passedOn(_ route: Route) async throws(RoutingError) -> Route {
    guard route.transport == "local", changesMailboxes else { return route }
    let user = userName(of: route.recipient)
    if let map = tables.mailboxTransport, let text = try await map(user), !text.isEmpty {
      return Self.changed(route, to: text)
    }
    if !settings.mailboxTransport.isEmpty {
      return Self.changed(route, to: settings.mailboxTransport)
    }
    guard tables.fallbackTransport != nil || !settings.fallbackTransport.isEmpty,
      let hasAccount = tables.hasAccount
    else { return route }
    var found = route
    if try await !hasAccount(user) {
      var text = settings.fallbackTransport
      if let map = tables.fallbackTransport, let own = try await map(user), !own.isEmpty {
        text = own
      }
      if !text.isEmpty { found = Self.changed(route, to: text) }
    }
    // Accounts come and go.
    found.isLasting = false
    return found
  }

  private var changesMailboxes: Bool {
    !settings.mailboxTransport.isEmpty || !settings.fallbackTransport.isEmpty
      || tables.mailboxTransport != nil || tables.fallbackTransport != nil
  }

  /// The name under which tables and accounts know a local recipient.
  private func userName(of recipient: MailAddress) -> String {
    let bare = recipient.withoutExtension(delimiters: settings.recipientDelimiter) ?? recipient
    let name = LocalPart.meaning(of: bare.localPart).map(ASCII.lowercased)
    return String(decoding: name, as: UTF8.self)
  }

  private static func changed(_ route: Route, to text: String) -> Route {
    let text = TransportText(text)
    return Route(
      transport: String(text.transport),
      nextHop: text.nextHop.isEmpty ? route.recipient.foldedDomain : String(text.nextHop),
      recipient: route.recipient, addressClass: route.addressClass)
  }
}
