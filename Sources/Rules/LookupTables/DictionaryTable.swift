import Primitives

/// A table that holds all its entries in memory: `inline:`, `texthash:` and the source texts of
/// indexed types.
package struct DictionaryTable: SynchronousTable {
  /// The table as the configuration names it.
  package let name: String
  /// Lines of its file that were not used, each with the reason.
  package let warnings: [String]
  /// Who owns its file.
  package let owner: UInt32
  private let entries: [[UInt8]: [UInt8]]

  /// The value of a key, whatever the case of its letters.
  package func findNow(_ key: [UInt8]) throws(LookupError) -> [UInt8]? {
    entries[key.map(ASCII.lowercased)]
  }

  /// All keys, in small letters, with their values.
  package var all: [(key: [UInt8], value: [UInt8])] { entries.map { ($0.key, $0.value) } }

  /// The number of entries.
  package var count: Int { entries.count }

  /// Reads the lines `key value` of a file; keys with spaces stand in double quotes.
  ///
  /// As in Postfix the first of several lines for a key counts, and a line without a value does
  /// not.
  init(texthash name: String, _ bytes: [UInt8], owner: UInt32 = 0) {
    self.owner = owner
    var entries: [[UInt8]: [UInt8]] = [:]
    var warnings: [String] = []
    for line in LogicalLines(bytes).lines {
      guard let (key, value) = Self.entry(line.text) else {
        warnings.append("line \(line.number): expected a key, white space and a value")
        continue
      }
      let folded = key.map(ASCII.lowercased)
      if entries[folded] != nil {
        let text = String(decoding: key, as: UTF8.self)
        warnings.append("line \(line.number): \"\(text)\" has an entry already")
      } else {
        entries[folded] = value
      }
    }
    self.name = name
    self.entries = entries
    self.warnings = warnings
  }

  /// The numbers of the lines that count for the keys, in small letters, of a file of lines
  /// `key value`.
  static func lines(_ bytes: [UInt8]) -> [[UInt8]: Int] {
    let found = LogicalLines(bytes).lines.compactMap { line in
      entry(line.text).map { ($0.key.map(ASCII.lowercased), line.number) }
    }
    return Dictionary(found) { first, _ in first }
  }

  /// Reads the lines `name: value` of an aliases(5) file; names with spaces stand in double quotes.
  ///
  /// The first of several lines for a name counts.
  init(aliases name: String, _ bytes: [UInt8], owner: UInt32 = 0) {
    self.owner = owner
    var entries: [[UInt8]: [UInt8]] = [:]
    var warnings: [String] = []
    for line in LogicalLines(bytes).lines {
      guard let (key, value) = Self.alias(line.text) else {
        warnings.append("line \(line.number): expected a name, a colon and a value")
        continue
      }
      if entries[key] != nil {
        let text = String(decoding: key, as: UTF8.self)
        warnings.append("line \(line.number): \"\(text)\" has an entry already")
      } else {
        entries[key] = value
      }
    }
    self.name = name
    self.entries = entries
    self.warnings = warnings
  }

  /// Reads `{ key=value, { key = value with spaces } }`; the last entry of a key counts.
  ///
  /// Throws `.malformed` for anything else.
  init(inline name: String, _ text: String) throws(LookupError) {
    owner = 0
    let separates = { (byte: UInt8) in byte == UInt8(ascii: ",") || ASCII.isSpace(byte) }
    guard let inside = BracedWords.group(text.utf8),
      let words = BracedWords.split(inside, isSeparator: separates), !words.isEmpty
    else {
      throw .malformed(table: name, reason: "expected inline:{ name=value, { name = value } … }")
    }
    var entries: [[UInt8]: [UInt8]] = [:]
    for (place, word) in words.enumerated() {
      let item = BracedWords.group(word) ?? word
      let isGroupWithRest = word.first == UInt8(ascii: "{") && item == word
      guard !isGroupWithRest, let equals = item.firstIndex(of: UInt8(ascii: "=")) else {
        throw .malformed(table: name, reason: "expected name=value as entry \(place + 1)")
      }
      let key = ASCII.trimmed(item[..<equals])
      let value = Array(ASCII.trimmed(item[(equals + 1)...]))
      guard !key.isEmpty, !value.isEmpty else {
        throw .malformed(table: name, reason: "a name or value is empty")
      }
      entries[key.map(ASCII.lowercased)] = value
    }
    self.name = name
    self.entries = entries
    warnings = []
  }

  private static func alias(_ line: [UInt8]) -> (key: [UInt8], value: [UInt8])? {
    var key: [UInt8] = []
    var isQuoted = false
    for (index, byte) in line.enumerated() {
      if byte == UInt8(ascii: "\"") {
        isQuoted.toggle()
      } else if byte == UInt8(ascii: ":"), !isQuoted {
        let value = ASCII.trimmed(line[(index + 1)...])
        let name = ASCII.trimmed(key[...]).map(ASCII.lowercased)
        return name.isEmpty || value.isEmpty ? nil : (name, Array(value))
      } else {
        key.append(byte)
      }
    }
    return nil
  }

  private static func entry(_ line: [UInt8]) -> (key: [UInt8], value: [UInt8])? {
    guard line.first == UInt8(ascii: "\"") else {
      let key = line.prefix { !ASCII.isSpace($0) }
      let value = ASCII.trimmed(line[key.endIndex...])
      return value.isEmpty ? nil : (Array(key), Array(value))
    }
    var key: [UInt8] = []
    var index = 0
    var isQuoted = false
    while index < line.count, isQuoted || !ASCII.isSpace(line[index]) {
      if line[index] == UInt8(ascii: "\"") {
        isQuoted.toggle()
      } else {
        if line[index] == UInt8(ascii: "\\"), index + 1 < line.count { index += 1 }
        key.append(line[index])
      }
      index += 1
    }
    let value = ASCII.trimmed(line[index...])
    return value.isEmpty ? nil : (key, Array(value))
  }
}
