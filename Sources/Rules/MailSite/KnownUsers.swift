import AccessPolicy
import Configuration
import LookupTables
import MailTypes
import Primitives

/// The tables that hold the valid recipients of each address class.
struct KnownUsers: Sendable {
  /// What the mail system itself answers for, whatever the tables hold.
  private static let own = ["postmaster", "mailer-daemon", "double-bounce"]

  private let local: TableSet
  private let relay: TableSet
  private let virtualMailbox: TableSet
  private let delimiters: String

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
    local = TableSet(tables)
    relay = try MailSite.opening(.relayRecipientMaps) { () throws(LookupError) in
      try TableSet(configuration[.relayRecipientMaps], opener: opener)
    }
    virtualMailbox = try MailSite.opening(.virtualMailboxMaps) { () throws(LookupError) in
      try TableSet(configuration[.virtualMailboxMaps], opener: opener)
    }
    delimiters = configuration[.recipientDelimiter]
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
      return try await find(address, in: local, bareUsers: true)
    case .relay:
      if relay.isEmpty { return true }
      return try await find(address, in: relay)
    case .virtualMailbox:
      if virtualMailbox.isEmpty { return true }
      return try await find(address, in: virtualMailbox)
    case .virtualAlias: return false
    case .other: return true
    }
  }

  /// Looks for `user+ext@domain`, `user@domain`, for local users the same without the domain, and
  /// for `@domain`.
  private func find(
    _ address: MailAddress, in tables: TableSet, bareUsers: Bool = false
  ) async throws(LookupError) -> Bool {
    guard let keys = AddressKeys(address, delimiters: delimiters, bareUsers: bareUsers) else {
      return false
    }
    if try await holds(tables, keys.whole) { return true }
    for part in keys.parts where try await holds(tables, part, isPart: true) { return true }
    return false
  }

  private func holds(
    _ tables: TableSet, _ key: [UInt8], isPart: Bool = false
  ) async throws(LookupError) -> Bool {
    do throws(LookupError) {
      return try await tables.find(key, isPart: isPart) != nil
    } catch {
      guard case .failed(let table, let reason) = error else { throw error }
      let text = String(decoding: key, as: UTF8.self)
      throw .failed(table: table, reason: "\(reason), for \"\(text)\"")
    }
  }
}
