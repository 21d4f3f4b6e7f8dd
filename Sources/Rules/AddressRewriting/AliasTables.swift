package import LookupTables
package import MailTypes
import Primitives

/// The tables of `alias_maps`, as everybody asks them who reads them: by the local part of an
/// address, with its extension and without.
package struct AliasTables: Sendable {
  /// What the tables say about an alias.
  package struct Entry: Sendable {
    /// The name that was found, in lower case.
    package let name: [UInt8]
    /// Who owns the file with the entry; 0 where it is the superuser's.
    package let owner: UInt32
    /// The commands and files in the entry itself, without quotes.
    package let programs: [[UInt8]]
    /// The items that are neither commands nor files that it includes.
    let addresses: [[UInt8]]
    /// The files that it includes, by path.
    let includedPaths: [[UInt8]]
    /// The delimiter and extension that the name does not have; empty for none.
    let unmatched: [UInt8]

    /// Its commands and files with whose they are.
    package var items: [IncludedItems.Item] {
      programs.map { IncludedItems.Item(text: $0, owner: owner) }
    }

    /// Whether the name is the local part that was asked for without its extension.
    var isBare: Bool { !unmatched.isEmpty }
  }

  private let tables: TableSet
  private let delimiters: String

  /// Asks `tables`; `delimiters` is `recipient_delimiter`.
  package init(_ tables: TableSet, delimiters: String) {
    self.tables = tables
    self.delimiters = delimiters
  }

  var isEmpty: Bool { tables.isEmpty }

  /// The entry for `user+extension`, else for `user`, but not for the alias that named it: within
  /// itself an alias means the user.
  func entry(
    for recipient: MailAddress, within alias: [UInt8]? = nil
  ) async throws(LookupError) -> Entry? {
    let name = Self.name(of: recipient)
    if name != alias, let found = try await tables.find(name) {
      return Self.entry(name, found, unmatched: [])
    }
    guard let bare = recipient.withoutExtension(delimiters: delimiters) else { return nil }
    guard Self.name(of: bare) != alias else { return nil }
    return try await self.entry(ofBare: bare, of: recipient)
  }

  /// The entry of an alias whose commands and files are wanted.
  package func entry(
    of recipient: MailAddress, _ place: AliasProgramPlace
  ) async throws(LookupError) -> Entry? {
    if place.isBare {
      guard let bare = recipient.withoutExtension(delimiters: delimiters) else { return nil }
      return try await entry(ofBare: bare, of: recipient)
    }
    let name = Self.name(of: recipient)
    guard let found = try await tables.find(name) else { return nil }
    return Self.entry(name, found, unmatched: [])
  }

  private func entry(
    ofBare bare: MailAddress, of recipient: MailAddress
  ) async throws(LookupError) -> Entry? {
    let name = Self.name(of: bare)
    guard let found = try await tables.find(name) else { return nil }
    return Self.entry(
      name, found, unmatched: Array(recipient.localPart[bare.localPart.count...]))
  }

  /// What `owner-name` stands for; `nil` when there is no such alias.
  func owner(of name: [UInt8]) async throws(LookupError) -> (name: [UInt8], value: [UInt8])? {
    let prefix = Array("owner-".utf8)
    guard !name.starts(with: prefix) else { return nil }
    return try await tables.find(prefix + name).map { (prefix + name, $0.value) }
  }

  private static func entry(
    _ name: [UInt8], _ found: (value: [UInt8], table: any LookupTable), unmatched: [UInt8]
  ) -> Entry {
    let items = AliasItems(AddressList(found.value).addresses)
    return Entry(
      name: name, owner: found.table.owner, programs: items.programs, addresses: items.addresses,
      includedPaths: items.includedPaths, unmatched: unmatched)
  }

  /// The files that an entry of a table includes, by path.
  package static func includedPaths(of value: [UInt8]) -> [[UInt8]] {
    AliasItems(AddressList(value).addresses).includedPaths
  }

  /// The local part as tables hold it.
  static func name(of recipient: MailAddress) -> [UInt8] {
    LocalPart.meaning(of: recipient.localPart).map(ASCII.lowercased)
  }
}

/// The items of an alias or of a file that it includes, sorted by what they are.
struct AliasItems {
  private(set) var programs: [[UInt8]] = []
  private(set) var addresses: [[UInt8]] = []
  private(set) var includedPaths: [[UInt8]] = []

  init(_ items: [[UInt8]]) {
    let include = Array(":include:".utf8)
    for item in items {
      let text = LocalPart.meaning(of: item)
      if text.first == UInt8(ascii: "|") || text.first == UInt8(ascii: "/") {
        programs.append(Array(text))
      } else if text.prefix(include.count).map(ASCII.lowercased) == include {
        includedPaths.append(Array(text[include.count...]))
      } else {
        addresses.append(item)
      }
    }
  }
}
