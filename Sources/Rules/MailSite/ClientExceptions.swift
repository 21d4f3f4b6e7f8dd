package import Configuration
package import LookupTables
package import Primitives

/// The clients that the limits per client do not count (`smtpd_client_event_limit_exceptions`).
package struct ClientExceptions: Sendable {
  private let list: NetworkList

  /// Opens the list; `tables` opens the tables that it names.
  package init(
    _ configuration: Configuration, tables: TableOpener
  ) throws(MailSiteError) {
    let name = ListParameter.smtpdClientEventLimitExceptions.declaration.name
    let parents = configuration[.parentDomainMatchesSubdomains]
    do throws(LookupError) {
      list = try NetworkList(
        configuration[.smtpdClientEventLimitExceptions],
        style: parents.contains(name) ? .parents : .dotted, opener: tables)
    } catch {
      throw MailSiteError(description: "\(name): \(error)")
    }
  }

  /// Whether a client is in the list, by its address or host name. One is counted while a table
  /// cannot answer.
  package func contains(_ address: IPAddress, hostname: String) async -> Bool {
    do throws(LookupError) {
      if list.isSynchronous { return try list.containsNow(address, hostname: hostname) }
      return try await list.contains(address, hostname: hostname)
    } catch {
      return false
    }
  }
}
