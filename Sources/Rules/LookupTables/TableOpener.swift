/// Opens tables by the `type:name` that the configuration gives.
package struct TableOpener: Sendable {
  /// Gives the bytes of a file; `nil` when it cannot be read.
  package typealias Reader = @Sendable (String) -> [UInt8]?
  /// Opens a table of one type: its full name and what follows the colon.
  package typealias TableType =
    @Sendable (_ name: String, _ argument: String) throws(LookupError) -> any LookupTable

  private var types: [String: TableType]
  private let read: Reader

  /// An opener of the types that need no library.
  package init(read: @escaping Reader) {
    self.read = read
    types = [
      "inline": { name, text throws(LookupError) in try DictionaryTable(inline: name, text) },
      "texthash": { name, path throws(LookupError) in
        guard let bytes = read(path) else { throw .unreadable(path: path) }
        return DictionaryTable(texthash: name, bytes)
      },
      "static": { name, text throws(LookupError) in try StaticTable(name, text) },
      "fail": { name, _ in FailingTable(name: name) },
    ]
  }

  /// Adds a type of table, or replaces one.
  package mutating func add(type: String, _ open: @escaping TableType) {
    types[type] = open
  }

  /// The types that can be opened, sorted.
  package var knownTypes: [String] { types.keys.sorted() }

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
    if type == "proxy" { return try open(argument) }
    guard let open = types[type] else { throw .unknownType(table: name, known: knownTypes) }
    return try open(name, argument)
  }

  /// The patterns of a file that a list includes, in order.
  func patterns(ofFile path: String) throws(LookupError) -> [String] {
    guard let bytes = read(path) else { throw .unreadable(path: path) }
    return try PatternText.items(bytes, source: path)
  }
}
