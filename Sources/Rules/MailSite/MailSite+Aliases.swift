import AddressRewriting
import Configuration
import LookupTables
import MailTypes
import Primitives
import Routing

/// The aliases of local users (`alias_maps`).
extension MailSite {
  /// Opens `alias_maps`. The tables that nobody configured may be missing: a warning tells of it.
  static func aliasMaps(
    _ configuration: Configuration, _ opener: TableOpener, _ warnings: inout [String]
  ) throws(MailSiteError) -> TableSet {
    let isDefault = configuration.location(of: "alias_maps") == nil
    var tables: [any LookupTable] = []
    for item in configuration[.aliasMaps] {
      do throws(LookupError) {
        tables.append(try opener.open(item))
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
    settings.expandsOwner = configuration[.expandOwnerAlias]
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
}
