import Primitives

extension ArraySlice<UInt8> {
  /// The slice without white space at both ends.
  var trimmed: ArraySlice<UInt8> { ASCII.trimmed(self) }

  /// The bytes as text, with invalid UTF-8 replaced.
  var text: String { String(decoding: self, as: UTF8.self) }
}

extension LogicalLines {
  /// Splits the text of a configuration file and reports what cannot be used of it.
  static func read(
    _ bytes: [UInt8], file: String, diagnostics: inout [Diagnostic]
  ) -> [LogicalLine] {
    let text = LogicalLines(bytes)
    for number in text.orphans {
      diagnostics.append(
        Diagnostic(
          .warning, at: SourceLocation(file: file, line: number), subject: nil,
          "the first line must not start with white space; it is ignored"))
    }
    for line in text.lines where String(validating: line.text, as: UTF8.self) == nil {
      diagnostics.append(
        Diagnostic(
          .warning, at: SourceLocation(file: file, line: line.number), subject: nil,
          "bytes that are not UTF-8 are replaced by question marks"))
    }
    return text.lines.filter { line in
      guard line.text.contains(0) else { return true }
      diagnostics.append(
        Diagnostic(
          .error, at: SourceLocation(file: file, line: line.number), subject: nil,
          "a NUL byte is not text"))
      return false
    }
  }
}
