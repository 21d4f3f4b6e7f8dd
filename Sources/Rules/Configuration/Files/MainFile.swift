import Primitives

/// `name = value` as it was written.
package struct Assignment: Hashable, Sendable {
  /// The parameter, macro or restriction class that gets the value.
  package let name: String
  /// The text right of `=`, not yet expanded, without white space at its ends.
  package let value: String
  /// Where it was written.
  package let location: SourceLocation

  /// Records an assignment.
  package init(name: String, value: String, location: SourceLocation) {
    self.name = name
    self.value = value
    self.location = location
  }

  /// Reads `name=value` of a command line; `nil` when it is none.
  package init?(_ word: String) {
    let location = SourceLocation(file: "", line: 0)
    guard case .success(let read) = MainFile.assignment(Array(word.utf8)[...], at: location) else {
      return nil
    }
    self = read
  }
}

/// A parsed `main.cf`.
package struct MainFile: Sendable {
  /// The last assignment of each name, in the order of the file.
  package let assignments: [Assignment]
  /// What was wrong with the text.
  package let diagnostics: [Diagnostic]

  /// Parses the text of a `main.cf`; `file` is its name in diagnostics.
  package init(_ bytes: [UInt8], file: String) {
    var diagnostics: [Diagnostic] = []
    var latest: [String: Int] = [:]
    var found: [Assignment?] = []
    for line in LogicalLines.read(bytes, file: file, diagnostics: &diagnostics) {
      let location = SourceLocation(file: file, line: line.number)
      switch Self.assignment(line.text[...], at: location) {
      case .failure(let error):
        diagnostics.append(Diagnostic(.error, at: location, subject: nil, "\(error)"))
      case .success(let assignment):
        if let earlier = latest[assignment.name], let old = found[earlier] {
          diagnostics.append(
            Diagnostic(
              .warning, at: location, subject: assignment.name,
              "overrides the earlier value of line \(old.location.line): \(old.name)",
              value: old.value))
          found[earlier] = nil
        }
        latest[assignment.name] = found.count
        found.append(assignment)
      }
    }
    assignments = found.compactMap { $0 }
    self.diagnostics = diagnostics
  }

  /// Splits `name = value`; a name is free of white space and `=`.
  static func assignment(
    _ text: ArraySlice<UInt8>, at location: SourceLocation
  ) -> Result<Assignment, ConfigurationError> {
    let text = text.trimmed
    let isNameEnd = { (byte: UInt8) in
      byte == UInt8(ascii: "=") || ASCII.isSpace(byte)
    }
    let name = text.prefix(while: { !isNameEnd($0) })
    let rest = text[name.endIndex...].trimmed
    guard rest.first == UInt8(ascii: "=") else {
      return .failure(.malformed("missing '=' after \"\(name.text)\""))
    }
    guard !name.isEmpty else {
      return .failure(.malformed("missing a parameter name before '='"))
    }
    let value = rest.dropFirst().trimmed
    return .success(Assignment(name: name.text, value: value.text, location: location))
  }
}
