import Primitives

/// A table all of whose answers are known when it is opened, so that what they name can be
/// prepared, and which answers at once: `inline:`, `static:`, the files of indexed types, and
/// patterns whose values take nothing of the key.
package struct FixedTable: Sendable {
  /// The table as the configuration names it.
  package let name: String
  /// Every answer that it can give, and where that stands: `/file, line 3`.
  package let answers: [(place: String, value: [UInt8])]
  private let answer: @Sendable (_ key: [UInt8]) throws(LookupError) -> [UInt8]?

  init(
    _ name: String, answers: [(place: String, value: [UInt8])],
    _ answer: @escaping @Sendable (_ key: [UInt8]) throws(LookupError) -> [UInt8]?
  ) {
    self.name = name
    self.answers = answers
    self.answer = answer
  }

  /// The value of a key; `nil` when the table has none.
  ///
  /// Throws `.failed` when a pattern reaches its limit.
  package func find(_ key: [UInt8]) throws(LookupError) -> [UInt8]? { try answer(key) }
}

extension TableOpener {
  /// Opens a table whose answers must be known beforehand. Matching runs where it is asked: the
  /// opener should have a low limit, and take no groups.
  ///
  /// Throws `.unknownType`, `.malformed` or `.unreadable`.
  package func openFixed(_ name: String) throws(LookupError) -> FixedTable {
    let file = Self.files(of: name).first
    func place(_ line: Int) -> String { file.map { "\($0), line \(line)" } ?? "rule \(line)" }
    switch try open(name) {
    case let table as DictionaryTable:
      let lines = file.flatMap { read($0)?.bytes }.map(DictionaryTable.lines) ?? [:]
      let answers = table.all.map { key, value in
        (lines[key].map(place) ?? String(decoding: key, as: UTF8.self), value)
      }
      return FixedTable(name, answers: answers) { key throws(LookupError) in
        try table.findNow(key)
      }
    case let table as StaticTable:
      return FixedTable(name, answers: [(name, table.value)]) { _ in table.value }
    case let table as PatternTable:
      return FixedTable(name, answers: table.values.map { (place($0.line), $0.value) }) {
        key throws(LookupError) in try table.findNow(key)
      }
    default:
      throw .malformed(
        table: name,
        reason: "expected static:, inline:, texthash:, regexp:, pcre: or a type that is indexed: "
          + "all that it can answer must be known at the start")
    }
  }
}
