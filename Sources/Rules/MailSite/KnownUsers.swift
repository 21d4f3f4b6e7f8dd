import AccessPolicy
import AddressRewriting
import Configuration
import LookupTables
import MailTypes
import Primitives

/// The tables that hold the valid recipients of each address class.
struct KnownUsers: Sendable {
  /// What the mail system itself answers for, whatever the tables hold.
  private static let own = ["postmaster", "mailer-daemon", "double-bounce"]

  private let local: AddressSearch
  private let relay: AddressSearch
  private let virtualMailbox: AddressSearch

  /// Opens `local_recipient_maps`, `relay_recipient_maps` and `virtual_mailbox_maps`.
  ///
  /// The aliases that nobody configured may be missing: a warning tells of it.
  init(
    _ configuration: Configuration, opener: TableOpener, warnings: inout [String]
  ) throws(MailSiteError) {
    let aliases = opener.aliasTables
    let aliasesAreDefault = configuration.location(of: "alias_maps") == nil
    var tables: [any LookupTable] = []
    for item in configuration[.localRecipientMaps] {
      do throws(LookupError) {
        tables.append(try opener.open(item))
      } catch {
        guard case .unreadable(let path) = error, aliasesAreDefault, aliases.contains(item) else {
          throw MailSiteError(description: "local_recipient_maps: \(error)")
        }
        warnings.append("alias_maps: cannot read \(path): only accounts are local recipients")
      }
    }
    let delimiters = configuration[.recipientDelimiter]
    local = AddressSearch(TableSet(tables), delimiters: delimiters) { _ in true }
    func search(_ key: ListParameter) throws(MailSiteError) -> AddressSearch {
      let tables = try MailSite.opening(key) { () throws(LookupError) in
        try TableSet(configuration[key], opener: opener)
      }
      return AddressSearch(tables, delimiters: delimiters) { _ in false }
    }
    relay = try search(.relayRecipientMaps)
    virtualMailbox = try search(.virtualMailboxMaps)
  }

  /// The tables of `alias_maps` and `alias_database`, whose files have a form of their own.
  static func aliasTables(_ configuration: Configuration) -> Set<String> {
    var tables: Set<String> = []
    for name in ["alias_maps", "alias_database"] {
      // What cannot be expanded or split was reported when the configuration was read.
      guard let text = try? configuration.expandedText(name),
        let items = try? ListSyntax.items(text)
      else { continue }
      for item in items {
        tables.insert(item.hasPrefix("proxy:") ? String(item.dropFirst(6)) : item)
      }
    }
    return tables
  }

  /// Whether an address is known in its class; true where the class has no tables, but for virtual
  /// aliases, to which nothing can be delivered without one.
  func contain(
    _ address: MailAddress, of addressClass: DomainClass
  ) async throws(LookupError) -> Bool {
    switch addressClass {
    case .local:
      if local.isEmpty { return true }
      let user = address.localPart.map(ASCII.lowercased)
      if Self.own.contains(where: { $0.utf8.elementsEqual(user) }) { return true }
      return try await Self.holds(local, address)
    case .relay:
      if relay.isEmpty { return true }
      return try await Self.holds(relay, address)
    case .virtualMailbox:
      if virtualMailbox.isEmpty { return true }
      return try await Self.holds(virtualMailbox, address)
    case .virtualAlias: return false
    case .other: return true
    }
  }

  /// Postfix's server looks for users in lower case, whatever the type of the table.
  private static func holds(
    _ users: AddressSearch, _ address: MailAddress
  ) async throws(LookupError) -> Bool {
    try await users.find(MailAddress(address.bytes.map(ASCII.lowercased))) != nil
  }
}
