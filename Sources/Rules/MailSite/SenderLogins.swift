import AccessPolicy
import AddressRewriting
import Configuration
import LookupTables
import MailTypes
import Primitives

/// `smtpd_sender_login_maps`: which user owns which sender address.
struct SenderLogins: Sendable {
  private let own: AddressSearch
  private let foreign: AddressSearch
  private let myorigin: String

  init(_ configuration: Configuration, opener: TableOpener) throws(MailSiteError) {
    let tables = try MailSite.opening(.smtpdSenderLoginMaps) { () throws(LookupError) in
      try TableSet(configuration[.smtpdSenderLoginMaps], opener: opener)
    }
    let delimiters = configuration[.recipientDelimiter]
    own = AddressSearch(tables, delimiters: delimiters) { _ in true }
    foreign = AddressSearch(tables, delimiters: delimiters) { _ in false }
    myorigin = configuration[.myorigin].lowercased()
  }

  /// The users who own an address, as the table has them; `nil` when nobody does.
  func owners(
    of sender: MailAddress, isLocal: Bool
  ) async throws(AccessError) -> [UInt8]? {
    let search = isLocal || sender.foldedDomain == myorigin ? own : foreign
    if search.isEmpty { return nil }
    do throws(LookupError) {
      return try await search.find(MailAddress(sender.bytes.map(ASCII.lowercased)))?.value
    } catch {
      throw .lookupFailed("\(error)")
    }
  }
}
