import Primitives

/// Changes single entries of `main.cf` or `master.cf` and leaves every other byte as it is.
///
/// An entry is a logical line: its first physical line and those that continue it. Comments and
/// blank lines, also those between an entry and its continuation, stay.
package struct FileEditor {
  /// What happens to an entry.
  package enum Change: Sendable {
    /// It stays.
    case keep
    /// Other text stands in its place.
    case replace(String)
    /// It is taken out.
    case remove
    /// It stays as a comment.
    case comment
  }

  private let lines: [ArraySlice<UInt8>]

  /// Takes the text of a file.
  package init(_ bytes: [UInt8]) {
    var lines = bytes.split(separator: ASCII.lf, omittingEmptySubsequences: false)
    // What follows the last line end is no line.
    if lines.last?.isEmpty == true { lines.removeLast() }
    self.lines = lines
  }

  /// Where in an entry of several lines the text goes that replaces it: before or behind the
  /// comments that stand between them.
  package enum Place: Sendable { case firstLine, lastLine }

  /// The text after `decide` has said what happens to each entry, and `additions` at its end.
  package func edited(
    adding additions: [String] = [], replacingAt place: Place = .firstLine,
    _ decide: (_ entry: String) -> Change
  ) -> [UInt8] {
    let changes = entries().map { decide($0.text[...].text) }
    let owners = owners()
    var result: [UInt8] = []
    for (number, line) in lines.enumerated() {
      guard let owner = owners[number] else {
        result += line + [ASCII.lf]
        continue
      }
      switch changes[owner] {
      case .keep: result += line + [ASCII.lf]
      case .replace(let text):
        let chosen =
          switch place {
          case .firstLine: owners.firstIndex(of: owner)
          case .lastLine: owners.lastIndex(of: owner)
          }
        if chosen == number { result += Array(text.utf8) + [ASCII.lf] }
      case .remove: break
      case .comment: result += [UInt8(ascii: "#")] + line + [ASCII.lf]
      }
    }
    for text in additions { result += Array(text.utf8) + [ASCII.lf] }
    return result
  }

  /// The entry that each physical line belongs to; none for comments and blank lines.
  private func owners() -> [Int?] {
    var entry = -1
    return lines.map { line in
      guard let first = line.first(where: { !ASCII.isSpace($0) }), first != UInt8(ascii: "#")
      else { return nil }
      if let start = line.first, !ASCII.isSpace(start) { entry += 1 }
      return entry < 0 ? nil : entry
    }
  }

  private func entries() -> [LogicalLine] {
    LogicalLines(lines.joined(separator: [ASCII.lf])).lines
  }

  /// The entries, each as one line.
  package var texts: [String] { entries().map { $0.text[...].text } }
}

extension FileEditor {
  /// The text of `main.cf` with parameters set: in place where they stand, else at the end.
  package func setting(_ assignments: [Assignment]) -> [UInt8] {
    var new: [String: String] = [:]
    for assignment in assignments { new[assignment.name] = assignment.value }
    let names = texts.map(Self.name(of:))
    let added = assignments.filter { !names.contains($0.name) }.map(\.name)
    var missing: [String] = []
    for name in added where !missing.contains(name) { missing.append(name) }
    return edited(adding: missing.map { "\($0) = \(new[$0] ?? "")" }) { entry in
      let name = Self.name(of: entry)
      guard let value = new[name] else { return .keep }
      return .replace("\(name) = \(value)")
    }
  }

  /// The text of `main.cf` without parameters, or with them as comments.
  package func dropping(_ names: Set<String>, asComments: Bool) -> [UInt8] {
    edited { names.contains(Self.name(of: $0)) ? (asComments ? .comment : .remove) : .keep }
  }

  /// The name that an entry of `main.cf` sets.
  package static func name(of entry: String) -> String {
    String(entry.prefix { $0 != "=" && !$0.isWhitespace })
  }
}
