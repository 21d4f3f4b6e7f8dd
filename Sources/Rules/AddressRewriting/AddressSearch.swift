package import LookupTables
package import MailTypes
import Primitives

/// How tables are searched for an address: for the whole of it, then for less and less.
package struct AddressSearch: Sendable {
  /// Whether `user` alone may stand for `user@domain`; gets the domain in lower case.
  package typealias LocalDomains = @Sendable (String) async throws(LookupError) -> Bool

  /// What a table says.
  package struct Match: Equatable, Sendable {
    /// Its value.
    package let value: [UInt8]
    /// The delimiter and extension that the key did not have; empty for none.
    package let unmatched: [UInt8]
  }

  private let tables: TableSet
  private let delimiters: String
  private let isLocal: LocalDomains

  /// - Parameters:
  ///   - tables: the tables, asked in turn for each key.
  ///   - delimiters: `recipient_delimiter`.
  ///   - isLocal: whether a domain is `myorigin` or one of this host's own.
  package init(
    _ tables: TableSet, delimiters: String, isLocal: @escaping LocalDomains
  ) {
    self.tables = tables
    self.delimiters = delimiters
    self.isLocal = isLocal
  }

  /// Whether there is nothing to search.
  package var isEmpty: Bool { tables.isEmpty }

  /// Looks for `user+extension@domain`, `user@domain`, for a local domain `user+extension` and
  /// `user`, and for `@domain`.
  ///
  /// Patterns judge the whole address alone. Throws `.failed` when a table does not answer.
  package func find(_ address: MailAddress) async throws(LookupError) -> Match? {
    if let value = try await ask(address.bytes, isPart: false) {
      return Match(value: value, unmatched: [])
    }
    let bare = address.withoutExtension(delimiters: delimiters)
    let unmatched = bare.map { Array(address.localPart[$0.localPart.count...]) } ?? []
    if let bare, let value = try await ask(bare.bytes) {
      return Match(value: value, unmatched: unmatched)
    }
    guard address.atIndex != nil else { return nil }
    if try await isLocal(address.foldedDomain) {
      if let value = try await ask(Array(address.localPart)) {
        return Match(value: value, unmatched: [])
      }
      if let bare, let value = try await ask(Array(bare.localPart)) {
        return Match(value: value, unmatched: unmatched)
      }
    }
    let value = try await ask([UInt8(ascii: "@")] + address.domain)
    return value.map { Match(value: $0, unmatched: []) }
  }

  /// Asks for a key as the wire has it, and for what it means where that is another text.
  private func ask(_ key: [UInt8], isPart: Bool = true) async throws(LookupError) -> [UInt8]? {
    do throws(LookupError) {
      if let found = try await tables.find(key, isPart: isPart) { return found.value }
      guard key.contains(UInt8(ascii: "\"")) else { return nil }
      return try await tables.find(MailAddress(key).unquoted, isPart: isPart)?.value
    } catch {
      guard case .failed(let table, let reason) = error else { throw error }
      let text = String(decoding: key, as: UTF8.self)
      throw .failed(table: table, reason: "\(reason), for \"\(text)\"")
    }
  }
}
