/// Opens tables by the `type:name` that the configuration gives.
package struct TableOpener: Sendable {
  /// Gives the bytes of a file; `nil` when it cannot be read.
  package typealias Reader = @Sendable (String) -> [UInt8]?
  /// As `Reader`, with the user id of the file's owner.
  package typealias OwnedReader = @Sendable (String) -> (bytes: [UInt8], owner: UInt32)?
  /// Opens a table of one type: its full name and what follows the colon.
  package typealias TableType =
    @Sendable (_ name: String, _ argument: String) throws(LookupError) -> any LookupTable

  private static let patternTypes: [String: PatternTable.Dialect] = [
    "regexp": .posix, "pcre": .perl,
  ]

  private var types: [String: TableType]
  private let worker: any LookupWorker
  private let matchLimit: UInt32
  /// Whether the value of a regular expression may have parts of the key in it. It must not where
  /// whoever names the key would choose what is done.
  package var takesGroups: Bool
  let read: OwnedReader
  /// Reads a file of at most `limit` bytes while mail is handled.
  package typealias IncludedReader =
    @Sendable (_ path: String, _ limit: Int) async throws(LookupError) -> [UInt8]

  /// Reads the files that the values of tables include; as the tables themselves unless set.
  package var readIncluded: IncludedReader
  /// Hears of lines of tables that are not used.
  package var noteFlaw: (@Sendable (_ table: String, _ flaw: String) -> Void)?
  /// The tables, as the configuration names them, whose files have the form of aliases(5).
  package var aliasTables: Set<String> = []

  /// The types that Postfix indexes with `postmap`. Here their source text is read.
  package static let indexedTypes = ["btree", "cdb", "dbm", "hash", "lmdb", "sdbm"]

  /// An opener of the types that need nothing but files.
  ///
  /// - Parameters:
  ///   - worker: matches regular expressions.
  ///   - takesGroups: whether the value of a regular expression may have parts of the key in it.
  ///   - matchLimit: how often the match of one may try and go back before it gives up.
  ///   - read: gives the bytes of a file.
  package init(
    worker: any LookupWorker = DirectWorker(), takesGroups: Bool = true,
    matchLimit: UInt32 = 1_000_000, read: @escaping Reader
  ) {
    self.init(
      readOwned: { path in read(path).map { (bytes: $0, owner: 0) } }, worker: worker,
      takesGroups: takesGroups, matchLimit: matchLimit)
  }

  /// As the other, where it matters whose the files are.
  package init(
    readOwned read: @escaping OwnedReader, worker: any LookupWorker, takesGroups: Bool,
    matchLimit: UInt32 = 1_000_000
  ) {
    self.read = read
    self.worker = worker
    self.matchLimit = matchLimit
    self.takesGroups = takesGroups
    readIncluded = { path, limit throws(LookupError) in
      guard let file = read(path), file.bytes.count <= limit else {
        throw .unreadable(path: path)
      }
      return file.bytes
    }
    types = [
      "inline": { name, text throws(LookupError) in try DictionaryTable(inline: name, text) },
      "texthash": { name, path throws(LookupError) in
        guard let file = read(path) else { throw .unreadable(path: path) }
        return DictionaryTable(texthash: name, file.bytes, owner: file.owner)
      },
      "static": { name, text throws(LookupError) in try StaticTable(name, text) },
      "fail": { name, _ in FailingTable(name: name) },
      "cidr": { name, text throws(LookupError) in
        try CIDRTable(name, text) { read($0)?.bytes }
      },
    ]
  }

  /// Adds a type of table, or replaces one.
  package mutating func add(type: String, _ open: @escaping TableType) {
    types[type] = open
  }

  /// The types that can be opened, sorted.
  package var knownTypes: [String] {
    let own = Array(types.keys) + Array(Self.patternTypes.keys)
    return (own + Self.indexedTypes + ["pipemap", "proxy", "unionmap"]).sorted()
  }

  /// Whether a list item names a table.
  package static func isTable(_ item: String) -> Bool {
    item.contains(":") && !item.hasPrefix("[") && !item.hasPrefix("/")
  }

  /// Opens `type:name`; `proxy:type:name` is the same, since no process is locked up here.
  ///
  /// Throws `.unknownType`, `.malformed` or `.unreadable`.
  package func open(_ name: String) throws(LookupError) -> any LookupTable {
    guard let colon = name.firstIndex(of: ":") else {
      throw .malformed(table: name, reason: "expected type:name")
    }
    let type = String(name[..<colon])
    let argument = String(name[name.index(after: colon)...])
    guard !argument.isEmpty else {
      throw .malformed(table: name, reason: "expected type:name")
    }
    switch type {
    case "proxy": return try open(argument)
    case "pipemap": return PipedTables(name: name, tables: try openGroup(name, argument))
    case "unionmap": return JoinedTables(name: name, tables: try openGroup(name, argument))
    case _ where Self.indexedTypes.contains(type):
      return noting(try openSource(name, argument))
    default: break
    }
    if let dialect = Self.patternTypes[type], types[type] == nil {
      return try PatternTable(
        name, argument, dialect, file: read, worker: worker, takesGroups: takesGroups,
        matchLimit: matchLimit)
    }
    guard let open = types[type] else { throw .unknownType(table: name, known: knownTypes) }
    return noting(try open(name, argument))
  }

  private func noting(_ table: any LookupTable) -> any LookupTable {
    if let noteFlaw, let table = table as? DictionaryTable {
      for flaw in table.warnings { noteFlaw(table.name, flaw) }
    }
    return table
  }

  /// Opens the source text of a table that Postfix would have indexed.
  private func openSource(
    _ name: String, _ path: String
  ) throws(LookupError) -> DictionaryTable {
    guard let file = read(path) else { throw .unreadable(path: path) }
    return aliasTables.contains(name)
      ? DictionaryTable(aliases: name, file.bytes, owner: file.owner)
      : DictionaryTable(texthash: name, file.bytes, owner: file.owner)
  }

  /// The patterns of a file that a list includes, in order.
  func patterns(ofFile path: String) throws(LookupError) -> [String] {
    guard let file = read(path) else { throw .unreadable(path: path) }
    return try PatternText.items(file.bytes, source: path)
  }
}
