package import Configuration
package import LookupTables
package import Primitives
package import SASL

/// What a service says about clients that log in: whom it asks, which mechanisms it takes, and to
/// whom it offers them.
package struct AuthenticationRules: Sendable {
  /// The authentication server.
  package let server: SASLServerAddress
  /// `smtpd_sasl_service`.
  package let service: String
  /// `smtpd_sasl_response_limit`, in bytes.
  package let responseLimit: Int
  /// `smtpd_sasl_auth_timeout`.
  package let timeout: Duration
  /// `smtpd_sasl_authenticated_header`.
  package let tellsInReceived: Bool
  private let options: SASLSecurityOptions
  private let optionsUnderTLS: SASLSecurityOptions
  private let filter: DomainList
  private let exceptions: NetworkList

  /// Reads what a configuration says; `nil` when nobody may log in. `tables` opens the tables that
  /// lists name.
  package init?(
    _ configuration: Configuration, tables: TableOpener
  ) throws(MailSiteError) {
    guard configuration[.smtpdSASLAuthEnable] else { return nil }
    guard configuration[.smtpdSASLType] == .dovecot, let server = configuration.saslServerAddress,
      let options = configuration.saslOptions(underTLS: false),
      let optionsUnderTLS = configuration.saslOptions(underTLS: true)
    else { throw MailSiteError(description: "smtpd_sasl_auth_enable: see what check says") }
    self.server = server
    self.options = options
    self.optionsUnderTLS = optionsUnderTLS
    service = configuration[.smtpdSASLService]
    responseLimit = configuration[.smtpdSASLResponseLimit]
    timeout = configuration[.smtpdSASLAuthTimeout]
    tellsInReceived = configuration[.smtpdSASLAuthenticatedHeader]
    filter = try MailSite.opening(.smtpdSASLMechanismFilter) { () throws(LookupError) in
      try DomainList(configuration[.smtpdSASLMechanismFilter], style: .exact, opener: tables)
    }
    let name = ListParameter.smtpdSASLExceptionsNetworks.declaration.name
    let parents = configuration[.parentDomainMatchesSubdomains]
    exceptions = try MailSite.opening(.smtpdSASLExceptionsNetworks) { () throws(LookupError) in
      try NetworkList(
        configuration[.smtpdSASLExceptionsNetworks],
        style: parents.contains(name) ? .parents : .dotted, opener: tables)
    }
  }

  /// The mechanisms of a server that may be used, in its order. A table that does not answer lets
  /// none through.
  package func usable(
    _ mechanisms: [SASLMechanism], underTLS: Bool
  ) async -> [SASLMechanism] {
    let options = underTLS ? optionsUnderTLS : options
    var usable: [SASLMechanism] = []
    for mechanism in mechanisms
    where !mechanism.traits.contains(.hidden) && options.allow(mechanism) {
      if await passes(mechanism) { usable.append(mechanism) }
    }
    return usable
  }

  private func passes(_ mechanism: SASLMechanism) async -> Bool {
    if filter.isEmpty { return true }
    do throws(LookupError) {
      if filter.isSynchronous { return try filter.containsNow(mechanism.name.utf8) }
      return try await filter.contains(mechanism.name.utf8)
    } catch {
      return false
    }
  }

  /// Whether EHLO offers AUTH to a client. One is offered it while a table cannot answer.
  package func offers(to client: IPAddress, hostname: String) async -> Bool {
    if exceptions.isEmpty { return true }
    do throws(LookupError) {
      if exceptions.isSynchronous {
        return try !exceptions.containsNow(client, hostname: hostname)
      }
      return try await !exceptions.contains(client, hostname: hostname)
    } catch {
      return true
    }
  }
}
