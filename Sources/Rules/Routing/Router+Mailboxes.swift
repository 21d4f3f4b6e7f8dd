import MailTypes

extension Router {
  /// Hands mail for this host's users on to `mailbox_transport`, which comes behind aliases and in
  /// place of mailboxes and commands: so it is the same to find it with the route.
  func passedOn(_ route: Route) -> Route {
    guard route.transport == "local", !settings.mailboxTransport.isEmpty else { return route }
    let text = TransportText(settings.mailboxTransport)
    return Route(
      transport: String(text.transport),
      nextHop: text.nextHop.isEmpty ? route.recipient.foldedDomain : String(text.nextHop),
      recipient: route.recipient, addressClass: route.addressClass)
  }
}
