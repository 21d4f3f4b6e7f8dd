package import MailTypes

/// Why a recipient has no route now; its mail is to be tried again.
package enum RoutingError: Error, Equatable {
  /// A table that had to be asked gave no answer; its name or the reason.
  case lookupFailed(String)
}

/// What the configuration says about routes.
package struct RoutingSettings: Sendable {
  /// How addresses become `user@domain`.
  package var resolver: AddressResolver
  /// `local_transport`; `local:` and `myhostname` unless set.
  package var localTransport: String
  /// `mailbox_transport`; empty for none.
  package var mailboxTransport = ""
  /// `fallback_transport`; empty for none.
  package var fallbackTransport = ""
  /// `virtual_transport`.
  package var virtualTransport = "virtual"
  /// `relay_transport`.
  package var relayTransport = "relay"
  /// `default_transport`.
  package var defaultTransport = "smtp"
  /// `relayhost`; empty for none.
  package var relayhost = ""
  /// `default_filter_nexthop`; empty for the recipient's domain.
  package var defaultFilterNextHop = ""
  /// `recipient_delimiter`: look-ups in `transport_maps` are repeated without the extension.
  package var recipientDelimiter = ""
  /// Whether `parent_domain_matches_subdomains` names `transport_maps`: a `domain` there stands
  /// for its subdomains too, and `.domain` is not looked up.
  package var transportMapsMatchSubdomains = false
  /// Whether refusals name the table (`show_user_unknown_table_name`).
  package var showsTableName = true
  /// Whether a recipient may begin with `-` (`allow_min_user`).
  package var allowsLeadingMinus = false

  /// Makes settings with Postfix's defaults.
  package init(resolver: AddressResolver) {
    self.resolver = resolver
    localTransport = "local:\(resolver.myhostname)"
  }
}

/// The lists and tables that decide about routes; each gets folded text.
package struct RoutingTables: Sendable {
  /// Whether a domain is in a list.
  package typealias Membership = @Sendable (String) async throws(RoutingError) -> Bool
  /// What a table says about a key.
  package typealias Lookup = @Sendable (String) async throws(RoutingError) -> String?

  /// `mydestination`, and literals of `inet_interfaces` and `proxy_interfaces` in brackets.
  package var isLocalDomain: Membership
  /// `virtual_alias_domains`; `nil` when empty.
  package var isVirtualAliasDomain: Membership?
  /// `virtual_mailbox_domains`; `nil` when empty.
  package var isVirtualMailboxDomain: Membership?
  /// `relay_domains`; `nil` when empty.
  package var isRelayDomain: Membership?
  /// `transport_maps`; `nil` when empty.
  package var transportMap: Lookup?

  /// `mailbox_transport_maps`, by the name of a user; `nil` when empty.
  package var mailboxTransport: Lookup?
  /// `fallback_transport_maps`, by the name of a user; `nil` when empty.
  package var fallbackTransport: Lookup?
  /// Whether a user has an account on this host; `nil` where that decides about nothing.
  package var hasAccount: Membership?

  /// Makes tables of which only the local domains are given.
  package init(isLocalDomain: @escaping Membership) {
    self.isLocalDomain = isLocalDomain
  }
}

/// Finds the transport and next-hop of recipients, as Postfix's trivial-rewrite does.
package struct Router: Sendable {
  let settings: RoutingSettings
  let tables: RoutingTables
  private let transports: [AddressClass: TransportText]

  /// Makes a router; one for the whole life of a configuration.
  package init(settings: RoutingSettings, tables: RoutingTables) {
    self.settings = settings
    self.tables = tables
    let unknown = "5.1.1 User unknown" + (settings.showsTableName ? " in virtual alias table" : "")
    transports = [
      .local: TransportText(settings.localTransport),
      .virtualAlias: TransportText("error:\(unknown)"),
      .virtualMailbox: TransportText(settings.virtualTransport),
      .relay: TransportText(settings.relayTransport),
      .other: TransportText(settings.defaultTransport),
    ]
  }

  /// The route of a recipient. An address that cannot be one gets the `error` transport.
  ///
  /// - Throws: `RoutingError.lookupFailed` when a table gave no answer.
  package func resolve(_ recipient: MailAddress) async throws(RoutingError) -> Route {
    try await passedOn(try await configured(recipient))
  }

  /// The route of a command or file of a local alias. It is for the `local` transport alone: mail
  /// for an alias that is of this host no more waits.
  ///
  /// - Throws: `RoutingError.lookupFailed` when a table gave no answer.
  package func resolveProgram(of alias: MailAddress) async throws(RoutingError) -> Route {
    let route = try await configured(alias)
    guard route.transport != "local" else { return route }
    return Route(
      transport: "retry", nextHop: "4.3.5 the alias \(alias) is of this host no more",
      recipient: alias, addressClass: route.addressClass)
  }

  private func configured(_ recipient: MailAddress) async throws(RoutingError) -> Route {
    var resolution = AddressResolution(recipient, by: settings.resolver)
    while let domain = resolution.domainInQuestion {
      resolution.answer(isLocal: try await tables.isLocalDomain(domain))
    }
    let resolved = resolution.result
    if resolved.isMalformed
      || (resolved.address.beginsWithMinus && !settings.allowsLeadingMinus)
    {
      return Route(
        transport: "error", nextHop: "5.1.3 bad address syntax", recipient: resolved.address,
        addressClass: .other)
    }
    let addressClass = try await classify(resolved)
    let (transport, nextHop) = standardRoute(to: resolved.domain, of: addressClass)
    let standard = Route(
      transport: transport, nextHop: nextHop, recipient: resolved.address,
      addressClass: addressClass)
    guard let map = tables.transportMap, addressClass != .virtualAlias,
      let found = try await find(resolved, in: map)
    else { return standard }
    return Self.changed(standard, by: TransportText(found), domain: resolved.domain)
  }

  /// The route of a recipient whose message goes through the content filter `transport:nexthop`,
  /// whatever its own would be. Without a next-hop it is `default_filter_nexthop`, else the
  /// recipient's domain.
  package func route(_ recipient: MailAddress, through filter: String) -> Route {
    let text = TransportText(filter)
    let domain = recipient.atIndex == nil ? settings.resolver.myhostname : recipient.foldedDomain
    let nextHop =
      !text.nextHop.isEmpty
      ? String(text.nextHop)
      : settings.defaultFilterNextHop.isEmpty ? domain : settings.defaultFilterNextHop
    return Route(
      transport: String(text.transport), nextHop: nextHop, recipient: recipient,
      addressClass: .other)
  }

  private func classify(_ address: ResolvedAddress) async throws(RoutingError) -> AddressClass {
    let domain = address.domain
    if address.isLocal { return .local }
    if let list = tables.isVirtualAliasDomain, try await list(domain) { return .virtualAlias }
    if let list = tables.isVirtualMailboxDomain, try await list(domain) { return .virtualMailbox }
    if let list = tables.isRelayDomain, try await list(domain) { return .relay }
    return .other
  }

  /// The route without `transport_maps`: the next-hop is that of the class's transport, else for
  /// mail to other hosts the relay host, else the domain.
  private func standardRoute(
    to domain: String, of addressClass: AddressClass
  ) -> (String, String) {
    guard let text = transports[addressClass] else {
      preconditionFailure("each address class has a transport")
    }
    let isRelayed = addressClass == .relay || addressClass == .other
    let nextHop =
      !text.nextHop.isEmpty
      ? String(text.nextHop)
      : isRelayed && !settings.relayhost.isEmpty ? settings.relayhost : domain
    return (String(text.transport), nextHop)
  }

  private static func changed(
    _ route: Route, by text: TransportText, domain: String
  ) -> Route {
    let transport = text.transport.isEmpty ? route.transport : String(text.transport)
    let nextHop: String
    if !text.nextHop.isEmpty {
      nextHop = String(text.nextHop)
    } else if text.transport.isEmpty {
      nextHop = route.nextHop
    } else {
      nextHop = ["error", "retry"].contains(transport) ? "Address is undeliverable" : domain
    }
    return Route(
      transport: transport, nextHop: nextHop, recipient: route.recipient,
      addressClass: route.addressClass)
  }
}
