/// The tables of a `*_maps` parameter: they are asked in turn and the first answer counts.
package struct TableSet: Sendable {
  /// The tables, in order.
  package let tables: [any LookupTable]
  private let synchronous: [any SynchronousTable]

  /// Opens each item of a list such as `transport_maps`.
  ///
  /// Throws `.unknownType`, `.malformed` or `.unreadable`.
  package init(_ items: [String], opener: TableOpener) throws(LookupError) {
    var tables: [any LookupTable] = []
    for item in items { tables.append(try opener.open(item)) }
    self.init(tables)
  }

  /// A set of tables that are open.
  package init(_ tables: [any LookupTable]) {
    self.tables = tables
    synchronous = tables.compactMap { $0 as? any SynchronousTable }
  }

  /// Whether the set has no tables.
  package var isEmpty: Bool { tables.isEmpty }

  /// Whether `findNow` may be used: all tables are in memory.
  package var isSynchronous: Bool { synchronous.count == tables.count }

  /// The first answer to a key and the table that gave it.
  ///
  /// With `isPart`, the key is a part of what is looked for, and tables of patterns, which have
  /// judged the whole, are not asked. Throws `.failed` when a table cannot answer now; later tables
  /// are not asked then.
  package func find(
    _ key: [UInt8], isPart: Bool = false
  ) async throws(LookupError) -> (value: [UInt8], table: any LookupTable)? {
    for table in tables where !isPart || !table.hasPatterns {
      if let value = try await table.find(key) { return (value, table) }
    }
    return nil
  }

  /// The first answer of tables in memory; only for a set that `isSynchronous`.
  ///
  /// Throws `.failed` as `find` does.
  package func findNow(_ key: [UInt8]) throws(LookupError) -> [UInt8]? {
    precondition(isSynchronous, "a table of the set has to be waited for")
    for table in synchronous {
      if let value = try table.findNow(key) { return value }
    }
    return nil
  }
}
