import Primitives

/// `pipemap:{table, table}`: what a table answers is the key for the next.
struct PipedTables: LookupTable {
  let name: String
  let tables: [any LookupTable]
  var hasPatterns: Bool { tables.first?.hasPatterns == true }

  func find(_ key: [UInt8]) async throws(LookupError) -> [UInt8]? {
    var value = key
    for table in tables {
      guard let found = try await table.find(value) else { return nil }
      value = found
    }
    return value
  }
}

/// `unionmap:{table, table}`: all answers, joined by commas.
struct JoinedTables: LookupTable {
  let name: String
  let tables: [any LookupTable]
  var hasPatterns: Bool { tables.contains { $0.hasPatterns } }

  func find(_ key: [UInt8]) async throws(LookupError) -> [UInt8]? {
    var values: [[UInt8]] = []
    for table in tables {
      if let found = try await table.find(key) { values.append(found) }
    }
    return values.isEmpty ? nil : Array(values.joined(separator: [UInt8(ascii: ",")]))
  }
}

extension TableOpener {
  /// Opens the tables between the braces of a combining type.
  func openGroup(_ name: String, _ argument: String) throws(LookupError) -> [any LookupTable] {
    guard let names = Self.group(argument) else {
      throw .malformed(table: name, reason: "expected { type:name, type:name … }")
    }
    var tables: [any LookupTable] = []
    for name in names { tables.append(try open(name)) }
    return tables
  }

  /// The names of tables between braces; `nil` when there are none.
  private static func group(_ argument: String) -> [String]? {
    let separates = { (byte: UInt8) in byte == UInt8(ascii: ",") || ASCII.isSpace(byte) }
    guard let inside = BracedWords.group(argument.utf8),
      let words = BracedWords.split(inside, isSeparator: separates), !words.isEmpty
    else { return nil }
    return words.map { word in
      let text = BracedWords.group(word) ?? word
      return String(decoding: ASCII.trimmed(text[...]), as: UTF8.self)
    }
  }

  /// The paths of the files that opening a table reads, for whoever has to read them beforehand.
  package static func files(of table: String) -> [String] {
    guard let colon = table.firstIndex(of: ":") else { return [] }
    let type = String(table[..<colon])
    let argument = String(table[table.index(after: colon)...])
    switch type {
    case "proxy": return files(of: argument)
    case "pipemap", "unionmap": return (group(argument) ?? []).flatMap(files)
    case "texthash", "cidr", "regexp", "pcre": break
    default: guard indexedTypes.contains(type) else { return [] }
    }
    return argument.isEmpty || argument.hasPrefix("{") ? [] : [argument]
  }
}
