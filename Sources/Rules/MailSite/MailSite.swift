package import AccessPolicy
package import Configuration
package import LookupTables
package import MailTypes
package import Primitives
package import Routing

/// Why the lists and tables of a configuration cannot be used; the text names the parameter.
package struct MailSiteError: Error, CustomStringConvertible {
  /// The sentence for the administrator.
  package let description: String
}

/// The lists and tables of a configuration, opened: whom this site trusts, which domains are
/// its own, and where mail goes.
///
/// `smtpd` judges access by it, `qmgr` takes its router: they agree about every address.
package struct MailSite: Sendable {
  let configuration: Configuration
  private let networks: NetworkList
  let localDomains: DomainList
  private let virtualAliasDomains: DomainList
  private let virtualMailboxDomains: DomainList
  private let relayDomains: DomainList
  let transportMaps: TableSet
  let mailboxTransports: MailboxTransports
  let virtualAliasMaps: TableSet
  let aliasMaps: TableSet
  let users: KnownUsers
  let senderLogins: SenderLogins
  let relayCertificates: TableSet
  let opener: TableOpener
  let keywordMaps: TableSet
  let debugPeers: NetworkList
  /// Tables about sessions as a whole.
  package let sessions: SessionTables
  private let ownAddresses: Set<IPAddress>
  /// What of the configuration is not used as it stands.
  package let warnings: [String]

  /// Opens what the configuration names.
  ///
  /// - Parameters:
  ///   - ownAddresses: the addresses of the host's interfaces, for `inet_interfaces = all`.
  ///   - tables: opens the tables that the configuration names.
  package init(
    _ configuration: Configuration, ownAddresses: [IPAddress], tables: TableOpener
  ) throws(MailSiteError) {
    var opener = tables
    opener.aliasTables = KnownUsers.aliasTables(configuration)
    self.opener = opener
    let parents = Set(configuration[.parentDomainMatchesSubdomains])
    func style(_ name: String) -> DomainList.Style { parents.contains(name) ? .parents : .dotted }
    func domains(
      _ key: ListParameter, _ style: DomainList.Style
    ) throws(MailSiteError) -> DomainList {
      try Self.opening(key) { [opener] () throws(LookupError) in
        try DomainList(configuration[key], style: style, opener: opener)
      }
    }
    self.configuration = configuration
    networks = try Self.opening(.mynetworks) { () throws(LookupError) in
      try NetworkList(
        configuration[.mynetworks], style: style("mynetworks"), opener: opener)
    }
    localDomains = try domains(.mydestination, .exact)
    virtualAliasDomains = try domains(.virtualAliasDomains, .exact)
    virtualMailboxDomains = try domains(.virtualMailboxDomains, .exact)
    relayDomains = try domains(.relayDomains, style("relay_domains"))
    transportMaps = try Self.opening(.transportMaps) { () throws(LookupError) in
      try TableSet(configuration[.transportMaps], opener: opener)
    }
    mailboxTransports = try MailboxTransports(configuration, opener: opener)
    virtualAliasMaps = try Self.opening(.virtualAliasMaps) { () throws(LookupError) in
      try TableSet(configuration[.virtualAliasMaps], opener: opener)
    }
    keywordMaps = try Self.opening(.smtpdDiscardEHLOKeywordAddressMaps) {
      () throws(LookupError) in
      try TableSet(configuration[.smtpdDiscardEHLOKeywordAddressMaps], opener: opener)
    }
    relayCertificates = try Self.opening(.relayClientcerts) { () throws(LookupError) in
      try TableSet(configuration[.relayClientcerts], opener: opener)
    }
    debugPeers = try Self.opening(.debugPeerList) { () throws(LookupError) in
      try NetworkList(
        configuration[.debugPeerList], style: style("debug_peer_list"), opener: opener)
    }
    try Self.checkCommands(configuration)
    sessions = try SessionTables(configuration, opener: opener)
    self.ownAddresses = Self.addresses(configuration, host: ownAddresses)
    var warnings: [String] = []
    users = try KnownUsers(configuration, opener: opener, warnings: &warnings)
    aliasMaps = try Self.aliasMaps(configuration, opener, &warnings)
    senderLogins = try SenderLogins(configuration, opener: opener)
    self.warnings = warnings
  }

  static func opening<Value>(
    _ key: ListParameter, _ open: () throws(LookupError) -> Value
  ) throws(MailSiteError) -> Value {
    do throws(LookupError) {
      return try open()
    } catch {
      throw MailSiteError(description: "\(key.declaration.name): \(error)")
    }
  }

  /// `inet_interfaces` and `proxy_interfaces` as addresses, within `inet_protocols`.
  private static func addresses(
    _ configuration: Configuration, host: [IPAddress]
  ) -> Set<IPAddress> {
    var found: Set<IPAddress> = []
    for word in configuration[.inetInterfaces] + configuration[.proxyInterfaces] {
      switch word {
      case "all": found.formUnion(host)
      case "loopback-only", "localhost": found.formUnion(host.filter(\.isLoopback))
      default:
        let bare = word.hasPrefix("[") ? String(word.dropFirst().dropLast()) : word
        if let address = IPAddress(bare) { found.insert(address) }
      }
    }
    let protocols = configuration[.inetProtocols]
    return found.filter {
      protocols.contains("all") || protocols.contains($0.family == .v4 ? "ipv4" : "ipv6")
    }
  }

  /// How addresses become `user@domain` here.
  package var resolver: AddressResolver {
    var resolver = AddressResolver(
      myhostname: configuration[.myhostname],
      myorigin: configuration[.appendAtMyorigin] ? configuration[.myorigin] : "")
    if configuration[.appendDotMydomain] { resolver.mydomain = configuration[.mydomain] }
    resolver.allowPercentHack = configuration[.allowPercentHack]
    resolver.swapBangPath = configuration[.swapBangpath]
    resolver.resolveDequotedAddress = configuration[.resolveDequotedAddress]
    resolver.resolveNullDomain = configuration[.resolveNullDomain]
    resolver.resolveNumericDomain = configuration[.resolveNumericDomain]
    resolver.emptyAddressRecipient = configuration[.emptyAddressRecipient]
    return resolver
  }

  private func contains(
    _ list: DomainList, _ domain: String
  ) async throws(LookupError) -> Bool {
    if list.isSynchronous { return try list.containsNow(domain.utf8) }
    return try await list.contains(domain.utf8)
  }

  func isOwn(_ domain: String) async throws(LookupError) -> Bool {
    if domain.hasPrefix("["), let address = HostSyntax.address(ofLiteral: domain.utf8) {
      return ownAddresses.contains(address.unmapped)
    }
    return try await contains(localDomains, domain)
  }
}

extension MailSite {
  /// Whether `mynetworks` holds the client.
  package func trusts(_ client: IPAddress) async throws(AccessError) -> Bool {
    do throws(LookupError) {
      if networks.isSynchronous { return try networks.containsNow(client) }
      return try await networks.contains(client)
    } catch {
      throw .lookupFailed("\(error)")
    }
  }

  /// Whether the address is one of `inet_interfaces` or `proxy_interfaces`.
  package func isOwn(_ address: IPAddress) -> Bool { ownAddresses.contains(address) }

  /// Whether a domain or literal is this host itself.
  package func isLocal(_ domain: String) async throws(AccessError) -> Bool {
    do throws(LookupError) {
      return try await isOwn(domain)
    } catch {
      throw .lookupFailed("\(error)")
    }
  }

  /// The class of a domain that is not local.
  package func addressClass(
    of domain: String
  ) async throws(AccessError) -> DomainClass {
    do throws(LookupError) {
      if try await contains(virtualAliasDomains, domain) { return .virtualAlias }
      if try await contains(virtualMailboxDomains, domain) { return .virtualMailbox }
      if try await contains(relayDomains, domain) { return .relay }
      return .other
    } catch {
      throw .lookupFailed("\(error)")
    }
  }
}

extension MailSite {
  /// What finds the transport and next hop of recipients.
  package var router: Router {
    Router(settings: routingSettings, tables: routingTables)
  }

  /// As `router`, before aliases and `mailbox_transport`: local users have transport `local`.
  var plainRouter: Router {
    var settings = routingSettings
    settings.mailboxTransport = ""
    settings.fallbackTransport = ""
    var tables = routingTables
    tables.mailboxTransport = nil
    tables.fallbackTransport = nil
    return Router(settings: settings, tables: tables)
  }

  private var routingSettings: RoutingSettings {
    var settings = RoutingSettings(resolver: resolver)
    settings.localTransport = configuration[.localTransport]
    settings.mailboxTransport = configuration[.mailboxTransport]
    settings.fallbackTransport = configuration[.fallbackTransport]
    settings.virtualTransport = configuration[.virtualTransport]
    settings.relayTransport = configuration[.relayTransport]
    settings.defaultTransport = configuration[.defaultTransport]
    settings.relayhost = configuration[.relayhost]
    settings.defaultFilterNextHop = configuration[.defaultFilterNexthop]
    settings.recipientDelimiter = configuration[.recipientDelimiter]
    settings.transportMapsMatchSubdomains =
      configuration[.parentDomainMatchesSubdomains].contains("transport_maps")
    settings.showsTableName = configuration[.showUserUnknownTableName]
    return settings
  }

  private var routingTables: RoutingTables {
    var tables = RoutingTables { domain throws(RoutingError) in
      try await Self.routing { () throws(LookupError) in try await isOwn(domain) }
    }
    tables.isVirtualAliasDomain = membership(virtualAliasDomains)
    tables.isVirtualMailboxDomain = membership(virtualMailboxDomains)
    tables.isRelayDomain = membership(relayDomains)
    if !transportMaps.isEmpty {
      tables.transportMap = { [transportMaps] key throws(RoutingError) in
        let found = try await Self.routing { () throws(LookupError) in
          try await transportMaps.find(Array(key.utf8))
        }
        return found.map { String(decoding: $0.value, as: UTF8.self) }
      }
    }
    mailboxTransports.fill(&tables)
    return tables
  }

  private func membership(_ list: DomainList) -> RoutingTables.Membership? {
    guard !list.isEmpty else { return nil }
    return { domain throws(RoutingError) in
      try await Self.routing { () throws(LookupError) in try await contains(list, domain) }
    }
  }

  static func routing<Value>(
    _ ask: () async throws(LookupError) -> Value
  ) async throws(RoutingError) -> Value {
    do throws(LookupError) {
      return try await ask()
    } catch {
      throw .lookupFailed("\(error)")
    }
  }
}

extension IPAddress {
  fileprivate var isLoopback: Bool {
    family == .v4 ? v4Bits >> 24 == 127 : high == 0 && low == 1
  }
}
