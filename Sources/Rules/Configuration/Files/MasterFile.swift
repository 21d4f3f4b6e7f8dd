import Primitives

/// A parsed `master.cf`.
package struct MasterFile: Sendable {
  /// The last entry of each service name and type, in the order of the file.
  package let services: [ServiceEntry]
  /// What was wrong with the text.
  package let diagnostics: [Diagnostic]

  /// Parses the text of a `master.cf`; `file` is its name in diagnostics.
  package init(_ bytes: [UInt8], file: String) {
    var diagnostics: [Diagnostic] = []
    var services: [ServiceEntry] = []
    for line in LogicalLines.read(bytes, file: file, diagnostics: &diagnostics) {
      let location = SourceLocation(file: file, line: line.number)
      var place = location
      do throws(ConfigurationError) {
        let entry = try Self.entry(line.text, in: file, &place) { line.number(at: $0) }
        if let old = services.firstIndex(where: { $0.name == entry.name && $0.kind == entry.kind }
        ) {
          diagnostics.append(
            Diagnostic(
              .warning, at: location, subject: "\(entry.name) \(entry.kind.rawValue)",
              "overrides the entry of line \(services[old].location.line)"))
          services.remove(at: old)
        }
        services.append(entry)
      } catch {
        diagnostics.append(Diagnostic(.error, at: place, subject: nil, "\(error)"))
      }
    }
    self.services = services
    self.diagnostics = diagnostics
  }

  /// Reads an entry.
  ///
  /// - Parameters:
  ///   - place: the entry's place; after an error that of what is wrong.
  ///   - line: the line of a byte of the text.
  static func entry(
    _ text: [UInt8], in file: String, _ place: inout SourceLocation, line: (Int) -> Int
  ) throws(ConfigurationError) -> ServiceEntry {
    guard let split = BracedWords.places(text, isSeparator: ASCII.isSpace) else {
      throw .malformed("a brace has no partner")
    }
    let words = split.map { $0.word[...].text }
    guard words.count >= 8 else {
      throw .malformed("expected 8 fields (service to command), found \(words.count)")
    }
    guard let kind = ServiceEntry.Kind(rawValue: words[1]) else {
      let kinds = ServiceEntry.Kind.allCases.map(\.rawValue).joined(separator: ", ")
      throw .expected("one of: \(kinds), found \"\(words[1])\" as the type")
    }
    var options = CommandLineOptions(at: place)
    do throws(ConfigurationError) {
      try options.parse(
        zip(words, split).map {
          ($0, SourceLocation(file: file, line: line($1.offset)))
        }[8...])
    } catch {
      place = options.place
      throw error
    }
    return ServiceEntry(
      name: words[0], kind: kind, isPrivate: try flag(words[2], "private"),
      isUnprivileged: try flag(words[3], "unprivileged"),
      isChrooted: try flag(words[4], "chroot"), wakeUp: try wakeUp(words[5]),
      processLimit: try limit(words[6]), command: words[7], overrides: options.overrides,
      verbosity: options.verbosity, arguments: options.arguments, location: place)
  }

  private static func flag(_ word: String, _ field: String) throws(ConfigurationError) -> Bool? {
    switch word {
    case "-": return nil
    case "y": return true
    case "n": return false
    default: throw .expected("y, n or - in the field \"\(field)\", found \"\(word)\"")
    }
  }

  private static func wakeUp(_ word: String) throws(ConfigurationError) -> ServiceEntry.WakeUp? {
    guard word != "-" else { return nil }
    let digits = word.hasSuffix("?") ? String(word.dropLast()) : word
    guard let seconds = number(digits) else {
      throw .expected("seconds, with ? or not, or - as the wake-up time, found \"\(word)\"")
    }
    guard seconds > 0 else { return nil }
    return ServiceEntry.WakeUp(seconds: seconds, afterFirstUse: word.hasSuffix("?"))
  }

  private static func limit(_ word: String) throws(ConfigurationError) -> Int? {
    guard word != "-" else { return nil }
    guard let limit = number(word) else {
      throw .expected("a number or - as the process limit, found \"\(word)\"")
    }
    return limit
  }

  private static func number(_ text: String) -> Int? {
    guard !text.isEmpty, text.utf8.allSatisfy(ASCII.isDigit), let value = Int32(text) else {
      return nil
    }
    return Int(value)
  }
}
