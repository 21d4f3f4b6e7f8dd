import AddressRewriting
import Configuration
import LookupTables
import MailTypes
import Primitives
import Routing

/// The aliases of local users (`alias_maps`).
extension MailSite {
  /// Names that a warning shows.
  private static let shownMax = 5

  /// Opens `alias_maps`. The tables that nobody configured may be missing: a warning tells of it,
  /// and others of what in them has no effect.
  static func aliasMaps(
    _ configuration: Configuration, _ opener: TableOpener, _ warnings: inout [String]
  ) throws(MailSiteError) -> TableSet {
    let isDefault = configuration.location(of: "alias_maps") == nil
    var tables: [any LookupTable] = []
    for item in configuration[.aliasMaps] {
      do throws(LookupError) {
        let table = try opener.open(item)
        tables.append(table)
        if let table = table as? DictionaryTable { warnings += Self.warnings(about: table) }
      } catch {
        guard isDefault, case .unreadable(let path) = error else {
          throw MailSiteError(description: "alias_maps: \(error)")
        }
        // Where these are recipients too it was said already.
        guard !warnings.contains(where: { $0.hasPrefix("alias_maps: cannot read \(path)") }) else {
          continue
        }
        warnings.append("alias_maps: cannot read \(path): there are no aliases of local users")
      }
    }
    return TableSet(tables)
  }

  private static func warnings(about table: DictionaryTable) -> [String] {
    var programs: [[UInt8]] = []
    var owners: [[UInt8]] = []
    for (key, value) in table.all {
      if AddressList(value).addresses.contains(where: LocalAliases.isProgram) {
        programs.append(key)
      }
      if key.starts(with: "owner-".utf8) { owners.append(key) }
    }
    var found: [String] = []
    if !programs.isEmpty {
      found.append(
        "alias_maps: \(table.name): commands and files do not get mail yet, so that for these "
          + "aliases is refused for now or waits: \(shown(programs))")
    }
    if !owners.isEmpty {
      found.append(
        "alias_maps: \(table.name): owner- aliases do not become senders yet, so reports go to the "
          + "first sender: \(shown(owners))")
    }
    return found
  }

  private static func shown(_ names: [[UInt8]]) -> String {
    let texts = names.map { String(decoding: $0, as: UTF8.self) }.sorted()
    let more = texts.count - shownMax
    return texts.prefix(shownMax).joined(separator: ", ") + (more > 0 ? " and \(more) more" : "")
  }

  /// What asks `alias_maps`; `nil` without tables.
  var localAliases: LocalAliases? {
    if aliasMaps.isEmpty { return nil }
    let router = plainRouter
    let kinds = configuration[.propagateUnmatchedExtensions]
    var settings = LocalAliases.Settings()
    settings.delimiters = configuration[.recipientDelimiter]
    settings.keepsExtension = kinds.contains("alias")
    settings.keepsExtensionInFiles = kinds.contains("include")
    settings.expansionMax = configuration[.aliasExpansionLimit]
    let sizeMax = Int(configuration[.aliasIncludeSizeLimit])
    let mayBeLocal = self.mayBeLocal
    return LocalAliases(
      aliasMaps, resolver: resolver, settings: settings, mayBeLocal: mayBeLocal,
      delivery: { address throws(LookupError) in
        let route: Route
        do throws(RoutingError) {
          route = try await router.resolve(address)
        } catch {
          guard case .lookupFailed(let reason) = error else { return nil }
          throw .failed(table: "transport", reason: reason)
        }
        return route.transport == "local" ? route.recipient : nil
      },
      readFile: { [opener] path throws(LookupError) in
        try await opener.readIncluded(path, sizeMax)
      })
  }

  /// Tells at once of most recipients elsewhere that they are; true where it has to be asked.
  private var mayBeLocal: @Sendable (MailAddress) -> Bool {
    let others = [
      configuration[.virtualTransport], configuration[.relayTransport],
      configuration[.defaultTransport],
    ]
    let othersAreLocal = others.contains { $0 == "local" || $0.hasPrefix("local:") }
    guard transportMaps.isEmpty, localDomains.isSynchronous, !othersAreLocal else {
      return { _ in true }
    }
    return { [localDomains] address in
      guard address.atIndex != nil, address.domain.first != UInt8(ascii: "[") else { return true }
      do throws(LookupError) {
        return try localDomains.containsNow(address.domain)
      } catch {
        // Whoever asks in earnest hears of it.
        return true
      }
    }
  }

  /// Why the mail of a local recipient waits.
  var localObstacle: (@Sendable (MailAddress) async throws(RoutingError) -> String?)? {
    guard let localAliases else { return nil }
    return { address throws(RoutingError) in
      let alias = try await Self.routing { () throws(LookupError) in
        try await localAliases.program(for: address)
      }
      return alias.map {
        "4.3.5 alias \"\($0)\" names a command or a file, which do not get mail yet"
      }
    }
  }
}
