/// A table that maps keys to values, named `type:name` in the configuration.
package protocol LookupTable: Sendable {
  /// The table as the configuration names it.
  var name: String { get }
  /// Whether the table judges a key by patterns: parts of it are not looked up then.
  var hasPatterns: Bool { get }
  /// The user id of who owns the file that the table was read from; 0 without such a file, since
  /// the configuration is the superuser's.
  var owner: UInt32 { get }

  /// The value of a key; `nil` when the table has none. The table folds case where its type does.
  ///
  /// Throws `.failed` when the table cannot answer now.
  func find(_ key: [UInt8]) async throws(LookupError) -> [UInt8]?
}

extension LookupTable {
  /// Most tables hold keys.
  package var hasPatterns: Bool { false }
  /// Most tables are no file.
  package var owner: UInt32 { 0 }
}

/// A table that answers without waiting, since it is in memory.
package protocol SynchronousTable: LookupTable {
  /// As `find`, at once.
  func findNow(_ key: [UInt8]) throws(LookupError) -> [UInt8]?
}

extension SynchronousTable {
  /// As `findNow`.
  package func find(_ key: [UInt8]) async throws(LookupError) -> [UInt8]? {
    try findNow(key)
  }
}

/// What is wrong with a table or list; the first four are found when it is opened.
package enum LookupError: Error, Hashable {
  /// The table is of a type that is not known; the types that are.
  case unknownType(table: String, known: [String])
  /// The text that names or fills the table does not follow the syntax.
  case malformed(table: String, reason: String)
  /// A file could not be read.
  case unreadable(path: String)
  /// A pattern of a list cannot be understood.
  case badPattern(String, reason: String)
  /// The table cannot answer now; the mail is to be tried again.
  case failed(table: String, reason: String)
}

extension LookupError {
  /// What happened, without the name of the table.
  package var reason: String {
    switch self {
    case .malformed(_, let reason), .badPattern(_, let reason), .failed(_, let reason): reason
    case .unknownType, .unreadable: description
    }
  }
}

extension LookupError: CustomStringConvertible {
  /// The reason as it appears in diagnostics and the log.
  package var description: String {
    switch self {
    case .unknownType(let table, let known):
      "\(Self.shown(table)): unknown table type; known are: \(known.joined(separator: ", "))"
    case .malformed(let table, let reason): "\(Self.shown(table)): \(reason)"
    case .unreadable(let path): "cannot read \(path)"
    case .badPattern(let pattern, let reason): "\"\(pattern)\": \(reason)"
    case .failed(let table, let reason): "\(Self.shown(table)) lookup error: \(reason)"
    }
  }

  /// The name of a table without what the configuration fills it with, which may be passwords.
  private static func shown(_ table: String) -> String {
    guard let brace = table.firstIndex(of: "{") else { return table }
    return table[..<brace] + "{…}"
  }
}
