import AccessPolicy
import AddressRewriting
import Configuration
import LookupTables
import MailTypes
import Primitives
import Routing

/// A site as access policy asks it: with the routes of its recipients.
struct RoutedSite: SiteDirectory {
  private let site: MailSite
  private let router: Router
  /// Whether a route may lead to the `error` or `retry` transport, whoever the recipient is.
  private let mayFail: Bool
  private let aliases: AliasExpansion

  init(_ site: MailSite) {
    self.site = site
    let configuration = site.configuration
    let transports = [
      configuration[.localTransport], configuration[.virtualTransport],
      configuration[.relayTransport], configuration[.defaultTransport],
    ]
    mayFail =
      !configuration[.transportMaps].isEmpty || !configuration[.virtualAliasDomains].isEmpty
      || transports.contains { $0.hasPrefix("error:") || $0.hasPrefix("retry:") }
    router = site.router
    aliases = site.virtualAliases
  }

  func trusts(_ client: IPAddress) async throws(AccessError) -> Bool {
    try await site.trusts(client)
  }

  func isOwn(_ address: IPAddress) -> Bool { site.isOwn(address) }

  func isLocal(_ domain: String) async throws(AccessError) -> Bool {
    try await site.isLocal(domain)
  }

  func addressClass(of domain: String) async throws(AccessError) -> DomainClass {
    try await site.addressClass(of: domain)
  }

  func isAlias(_ address: MailAddress) async throws(AccessError) -> Bool {
    if aliases.isEmpty { return false }
    do throws(LookupError) {
      return try await aliases.knows(MailAddress(address.bytes.map(ASCII.lowercased)))
    } catch {
      throw .lookupFailed("\(error)")
    }
  }

  func failure(of address: MailAddress) async throws(AccessError) -> DeliveryFailure? {
    guard mayFail else { return nil }
    do throws(RoutingError) {
      let route = try await router.resolve(address)
      switch route.transport {
      case "error": return DeliveryFailure(route.nextHop, isTemporary: false)
      case "retry": return DeliveryFailure(route.nextHop, isTemporary: true)
      default: return nil
      }
    } catch {
      guard case .lookupFailed(let reason) = error else { return nil }
      throw .lookupFailed(reason)
    }
  }

  func knowsCertificate(_ fingerprint: String) async throws(AccessError) -> Bool {
    do throws(LookupError) {
      return try await site.relayCertificates.find(Array(fingerprint.utf8)) != nil
    } catch {
      throw .lookupFailed("relay_clientcerts: \(error)")
    }
  }

  func owners(of sender: MailAddress, isLocal: Bool) async throws(AccessError) -> [UInt8]? {
    try await site.senderLogins.owners(of: sender, isLocal: isLocal)
  }

  func lists(
    _ address: MailAddress, of addressClass: DomainClass
  ) async throws(AccessError) -> Bool {
    do throws(LookupError) {
      return try await site.users.contain(address, of: addressClass)
    } catch {
      throw .lookupFailed("\(error)")
    }
  }
}
