/// Where in the configuration a value was written.
package struct SourceLocation: Hashable, Sendable {
  /// The file as it was named by whoever read it.
  package let file: String
  /// The line on which the logical line starts, from 1.
  package let line: Int

  /// Names a line of a file.
  package init(file: String, line: Int) {
    self.file = file
    self.line = line
  }
}

extension SourceLocation: CustomStringConvertible {
  /// `FILE, line N`, as administrators know it from Postfix.
  package var description: String { "\(file), line \(line)" }
}

/// One finding about the configuration, for `martinet check` and the log.
package struct Diagnostic: Hashable, Sendable {
  /// How much a finding matters.
  package enum Severity: Sendable {
    /// How something is done here that Postfix does otherwise; nothing is wrong.
    case information
    /// Something to know; the configuration is used.
    case warning
    /// The configuration must not be used.
    case error
  }

  /// Whether the configuration can be used.
  package let severity: Severity
  /// Where the value was written; `nil` for a default or a missing setting.
  package let location: SourceLocation?
  /// The parameter or service that the finding is about.
  package let subject: String?
  /// What was found and what was expected.
  package let message: String
  /// The value that the message ends with, for who may read the configuration; it may be a
  /// password.
  package private(set) var value: String?

  /// Makes a finding.
  package init(
    _ severity: Severity, at location: SourceLocation?, subject: String?, _ message: String,
    value: String? = nil
  ) {
    self.severity = severity
    self.location = location
    self.subject = subject
    self.message = message
    self.value = value
  }

  /// The finding as it may stand in the log.
  package var withoutValue: Diagnostic {
    var copy = self
    copy.value = nil
    return copy
  }
}

extension Diagnostic: CustomStringConvertible {
  /// `error: FILE, line N: NAME: MESSAGE`.
  package var description: String {
    let title =
      switch severity {
      case .information: "information"
      case .warning: "warning"
      case .error: "error"
      }
    return "\(title): \(text)"
  }

  /// The same without a word about its severity.
  package var text: String {
    [location?.description, subject, message].compactMap { $0 }.joined(separator: ": ")
      + (value.map { "=" + $0 } ?? "")
  }
}

/// What makes configuration text, or a record of it, unusable.
package enum ConfigurationError: Error, Hashable {
  /// A `$` expression that does not follow the syntax; the text says why.
  case malformed(String)
  /// The value of the named parameter refers to itself.
  case recursion(String)
  /// Expansion grew beyond the bound on values, in bytes.
  case tooLong(Int)
  /// A value of the wrong type or outside its bounds; the text says what was expected.
  case expected(String)
  /// A file that a value names could not be read.
  case unreadable(String)
  /// A serialized configuration that is cut short or of another version.
  case damagedRecord
}

extension ConfigurationError: CustomStringConvertible {
  /// The reason as it appears in a diagnostic.
  package var description: String {
    switch self {
    case .malformed(let reason): reason
    case .recursion(let name): "the value of \(name) refers to itself"
    case .tooLong(let limit): "the value grows beyond \(limit) bytes"
    case .expected(let what): "expected \(what)"
    case .unreadable(let file): "cannot read \(file)"
    case .damagedRecord: "the configuration record is damaged or of another version"
    }
  }
}
