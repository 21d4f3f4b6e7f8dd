import Configuration
import LinuxSystem
import LookupTables
import MailTypes
import Primitives

/// The mailboxes that no account of this host owns, as virtual(8) finds them.
struct VirtualMailboxes: Sendable {
  /// A mailbox and whose rights are used there.
  struct Found: Equatable, Sendable {
    let place: MailboxPlace
    let uid: UInt32
    let gid: UInt32
  }

  private let base: String
  private let mailboxes: TableSet
  private let uids: TableSet
  private let gids: TableSet
  private let minimumUID: UInt32
  private let delimiters: String

  /// Opens the tables that a configuration names.
  ///
  /// - Throws: what is wrong with one of them.
  init(_ configuration: Configuration, tables: TableOpener) throws(LookupError) {
    base = configuration[.virtualMailboxBase]
    mailboxes = try TableSet(configuration[.virtualMailboxMaps], opener: tables)
    uids = try TableSet(configuration[.virtualUIDMaps], opener: tables)
    gids = try TableSet(configuration[.virtualGIDMaps], opener: tables)
    minimumUID = UInt32(clamping: configuration[.virtualMinimumUID])
    delimiters = configuration[.recipientDelimiter]
  }

  /// The mailbox of a recipient.
  func find(_ recipient: MailAddress) async throws(NoDelivery) -> Found {
    let address = MailAddress(recipient.unquoted.map(ASCII.lowercased))
    guard let value = try await look(for: address, in: mailboxes, "virtual_mailbox_maps") else {
      throw NoDelivery(verdict: .unknownUser(recipient.description))
    }
    let path = String(decoding: value, as: UTF8.self)
    guard !path.isEmpty, !value.contains(0),
      !path.split(separator: "/").contains("..")
    else {
      throw NoDelivery(
        verdict: .misconfigured,
        warning: "recipient \(recipient): bad path \(path) in virtual_mailbox_maps")
    }
    let uid = try await number(for: address, in: uids, "uid", "virtual_uid_maps")
    guard uid >= minimumUID else { throw Self.bad("uid", "\(uid)", address, "virtual_uid_maps") }
    let gid = try await number(for: address, in: gids, "gid", "virtual_gid_maps")
    return Found(
      place: MailboxPlace(path: base + "/" + path), uid: uid, gid: gid)
  }

  private func number(
    for address: MailAddress, in tables: TableSet, _ what: String, _ parameter: String
  ) async throws(NoDelivery) -> UInt32 {
    guard let value = try await look(for: address, in: tables, parameter) else {
      throw NoDelivery(
        verdict: .misconfigured, warning: "recipient \(address): not found in \(parameter)")
    }
    let text = String(decoding: value, as: UTF8.self)
    // The superuser delivers nothing.
    guard let number = UInt32(text), number > 0, number < UInt32.max else {
      throw Self.bad(what, text, address, parameter)
    }
    return number
  }

  private static func bad(
    _ what: String, _ value: String, _ address: MailAddress, _ parameter: String
  ) -> NoDelivery {
    NoDelivery(
      verdict: .misconfigured,
      warning: "recipient \(address): bad \(what) \(value) in \(parameter)")
  }

  /// Looks for `user+extension@domain`, `user@domain`, `@domain`.
  private func look(
    for address: MailAddress, in tables: TableSet, _ parameter: String
  ) async throws(NoDelivery) -> [UInt8]? {
    do throws(LookupError) {
      if let found = try await tables.find(address.bytes) { return found.value }
      if let bare = address.withoutExtension(delimiters: delimiters),
        let found = try await tables.find(bare.bytes, isPart: true)
      {
        return found.value
      }
      let domain = [UInt8(ascii: "@")] + address.domain
      return try await tables.find(domain, isPart: true)?.value
    } catch {
      throw NoDelivery(
        verdict: .failed(EnhancedStatus(4, 3, 0), "mailbox lookup error"),
        warning: "\(parameter): \(error)")
    }
  }
}
