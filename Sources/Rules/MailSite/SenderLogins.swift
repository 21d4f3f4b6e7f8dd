import AccessPolicy
import Configuration
import LookupTables
import MailTypes
import Primitives

/// `smtpd_sender_login_maps`: which user owns which sender address.
struct SenderLogins: Sendable {
  private let tables: TableSet
  private let delimiters: String
  private let myorigin: [UInt8]

  init(_ configuration: Configuration, opener: TableOpener) throws(MailSiteError) {
    tables = try MailSite.opening(.smtpdSenderLoginMaps) { () throws(LookupError) in
      try TableSet(configuration[.smtpdSenderLoginMaps], opener: opener)
    }
    delimiters = configuration[.recipientDelimiter]
    myorigin = configuration[.myorigin].utf8.map(ASCII.lowercased)
  }

  /// The users who own an address, as the table has them; `nil` when nobody does.
  func owners(
    of sender: MailAddress, isLocal: Bool
  ) async throws(AccessError) -> [UInt8]? {
    let isOwn = isLocal || sender.domain.map(ASCII.lowercased) == myorigin
    guard !tables.isEmpty,
      let keys = AddressKeys(sender, delimiters: delimiters, bareUsers: isOwn)
    else { return nil }
    if let found = try await find(keys.whole) { return found }
    for part in keys.parts {
      if let found = try await find(part, isPart: true) { return found }
    }
    return nil
  }

  private func find(
    _ key: [UInt8], isPart: Bool = false
  ) async throws(AccessError) -> [UInt8]? {
    do throws(LookupError) {
      return try await tables.find(key, isPart: isPart)?.value
    } catch {
      throw .lookupFailed("\(error), for \"\(String(decoding: key, as: UTF8.self))\"")
    }
  }
}
