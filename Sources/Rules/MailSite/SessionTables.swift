import Configuration
package import LookupTables
package import Primitives

/// The tables and lists that change how `smtpd` speaks, whatever is said about mail.
package struct SessionTables: Sendable {
  /// `smtpd_reject_footer_maps`.
  package let footers: TableSet
  /// `smtpd_command_filter`: one table at most.
  package let commandFilter: TableSet
  /// `smtpd_forbid_bare_newline_exclusions`.
  package let newlineExclusions: NetworkList

  init(_ configuration: Configuration, opener: TableOpener) throws(MailSiteError) {
    footers = try MailSite.opening(.smtpdRejectFooterMaps) { () throws(LookupError) in
      try TableSet(configuration[.smtpdRejectFooterMaps], opener: opener)
    }
    commandFilter = try MailSite.opening(.smtpdCommandFilter) { () throws(LookupError) in
      try TableSet(configuration[.smtpdCommandFilter], opener: opener)
    }
    let parents = configuration[.parentDomainMatchesSubdomains].contains("mynetworks")
    newlineExclusions = try MailSite.opening(.smtpdForbidBareNewlineExclusions) {
      () throws(LookupError) in
      try NetworkList(
        configuration[.smtpdForbidBareNewlineExclusions], style: parents ? .parents : .dotted,
        opener: opener)
    }
  }

  /// Whether lines of a client may end in LF. Nobody's may while a table does not answer.
  package func allowsBareNewlines(_ client: IPAddress) async -> Bool {
    do throws(LookupError) {
      return try await newlineExclusions.contains(client)
    } catch {
      return false
    }
  }
}
