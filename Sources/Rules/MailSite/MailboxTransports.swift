import Configuration
import LookupTables
import Primitives
import Routing

/// The tables of transports in place of the mailboxes of this host's users.
struct MailboxTransports: Sendable {
  private let mailbox: TableSet
  private let fallback: TableSet
  /// The accounts of the host; `nil` where nobody asks for them.
  private let accounts: (any LookupTable)?

  init(_ configuration: Configuration, opener: TableOpener) throws(MailSiteError) {
    var opener = opener
    // Else whoever names the recipient would choose the transport.
    opener.takesGroups = false
    func tables(_ key: ListParameter) throws(MailSiteError) -> TableSet {
      try MailSite.opening(key) { [opener] () throws(LookupError) in
        try TableSet(configuration[key], opener: opener)
      }
    }
    mailbox = try tables(.mailboxTransportMaps)
    fallback = try tables(.fallbackTransportMaps)
    guard !fallback.isEmpty || !configuration[.fallbackTransport].isEmpty else {
      accounts = nil
      return
    }
    do throws(LookupError) {
      accounts = try opener.open("unix:passwd.byname")
    } catch {
      throw MailSiteError(description: "fallback_transport: \(error)")
    }
  }

  func fill(_ tables: inout RoutingTables) {
    tables.mailboxTransport = Self.lookup(mailbox)
    tables.fallbackTransport = Self.lookup(fallback)
    guard let accounts else { return }
    tables.hasAccount = { user throws(RoutingError) in
      try await MailSite.routing { () throws(LookupError) in
        try await accounts.find(Array(user.utf8)) != nil
      }
    }
  }

  private static func lookup(_ tables: TableSet) -> RoutingTables.Lookup? {
    if tables.isEmpty { return nil }
    return { user throws(RoutingError) in
      let found = try await MailSite.routing { () throws(LookupError) in
        try await tables.find(Array(user.utf8))
      }
      return found.map { String(decoding: $0.value, as: UTF8.self) }
    }
  }
}
