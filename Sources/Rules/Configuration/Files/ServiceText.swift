import Primitives

/// One entry of `master.cf` as text: its columns, options and arguments, to be shown and edited.
package struct ServiceText: Hashable, Sendable {
  /// A column of the table that an entry is.
  package enum Column: Int, CaseIterable, Sendable {
    case service, type, isPrivate, unprivileged, chroot, wakeup, processLimit, command

    /// The name by which `postconf -F` knows the column.
    package var name: String {
      switch self {
      case .service: "service"
      case .type: "type"
      case .isPrivate: "private"
      case .unprivileged: "unprivileged"
      case .chroot: "chroot"
      case .wakeup: "wakeup"
      case .processLimit: "process_limit"
      case .command: "command"
      }
    }

    /// The column of that name.
    package init?(name: String) {
      guard let found = Self.allCases.first(where: { $0.name == name }) else { return nil }
      self = found
    }

    /// Where the column starts on its line, unless the one before it is too wide.
    fileprivate var start: Int { [0, 11, 17, 25, 33, 41, 49, 57][rawValue] }
  }

  /// An option or argument of the command.
  package enum Part: Hashable, Sendable {
    /// `-o name=value`.
    case override(name: String, value: String)
    /// Any other word.
    case word(String)

    fileprivate var text: String {
      switch self {
      case .override(let name, let value):
        // White space inside a value needs braces; so does what else would be split.
        value.contains { $0.isWhitespace } ? "-o {\(name)=\(value)}" : "-o \(name)=\(value)"
      case .word(let word): word
      }
    }
  }

  /// The first eight words, the last of them the program.
  package private(set) var words: [String]
  /// What follows the program.
  package var parts: [Part]

  /// Reads an entry; the error says what is wrong with it.
  package init(_ text: String) throws(ConfigurationError) {
    var place = SourceLocation(file: "", line: 0)
    // Every field is checked as the parser of the file does.
    _ = try MasterFile.entry(Array(text.utf8), in: "", &place) { _ in 0 }
    guard let split = BracedWords.split(text.utf8, isSeparator: ASCII.isSpace) else {
      throw .malformed("a brace has no partner")
    }
    words = split.prefix(8).map { $0[...].text }
    parts = try Self.parts(split.dropFirst(8).map { $0[...].text })
  }

  private static func parts(_ words: [String]) throws(ConfigurationError) -> [Part] {
    var parts: [Part] = []
    var rest = words[...]
    var optionsAreOver = false
    while let word = rest.popFirst() {
      if !optionsAreOver, word.hasPrefix("-o") {
        guard let text = word == "-o" ? rest.popFirst() : String(word.dropFirst(2)) else {
          throw .expected("name=value after -o, found the end")
        }
        let assignment = try CommandLineOptions.override(
          text, at: SourceLocation(file: "", line: 0))
        parts.append(.override(name: assignment.name, value: assignment.value))
        continue
      }
      if !word.hasPrefix("-") { optionsAreOver = true }
      let group = BracedWords.group(word.utf8)
      parts.append(.word(group.map { "{" + $0[...].text + "}" } ?? word))
    }
    return parts
  }

  /// `name/type`.
  package var key: String { words[0] + "/" + words[1] }

  /// The text of a column; that of the command is all that follows the columns.
  package subscript(column: Column) -> String {
    guard column == .command else { return words[column.rawValue] }
    return ([words[7]] + parts.map(\.text)).joined(separator: " ")
  }

  /// The entry with a column replaced; the error says what was expected there.
  package func replacing(_ column: Column, by text: String) throws(ConfigurationError) -> Self {
    var columns = Column.allCases.map { self[$0] }
    columns[column.rawValue] = text
    return try Self(columns.joined(separator: " "))
  }

  /// The value of the option that sets a parameter.
  package func override(_ name: String) -> String? {
    for case .override(name, let value) in parts.reversed() { return value }
    return nil
  }

  /// The overrides in the order in which they stand.
  package var overrides: [(name: String, value: String)] {
    parts.compactMap { if case .override(let name, let value) = $0 { (name, value) } else { nil } }
  }

  /// Sets a parameter of the service, in place of an earlier option of that name.
  package mutating func set(_ name: String, to value: String) {
    let new = Part.override(name: name, value: value)
    let place = parts.firstIndex { if case .override(name, _) = $0 { true } else { false } }
    if let place { parts[place] = new } else { parts.insert(new, at: 0) }
  }

  /// Takes out the options that set a parameter.
  package mutating func remove(_ name: String) {
    parts.removeAll { if case .override(name, _) = $0 { true } else { false } }
  }

  /// The entry with its columns aligned.
  ///
  /// - Parameter isFolded: each option on a line of its own, and no line longer than can be helped.
  package func text(isFolded: Bool) -> String {
    var line = ""
    for column in Column.allCases {
      if column != .service {
        line += String(repeating: " ", count: max(1, column.start - line.count))
      }
      line += words[column.rawValue]
    }
    guard isFolded else {
      return parts.reduce(into: line) { $0 += " " + $1.text }
    }
    var wasOverride = false
    for part in parts {
      if case .override = part {
        line += "\n" + FoldedText.indent + part.text
        wasOverride = true
      } else {
        if wasOverride { line += "\n" + FoldedText.indent }
        wasOverride = false
        // Postfix leaves one column more here than in main.cf.
        FoldedText.append([part.text], to: &line, width: FoldedText.width - 1)
      }
    }
    return line
  }
}
