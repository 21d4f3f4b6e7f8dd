import Primitives

/// A line of configuration text with its continuation lines joined.
struct LogicalLine: Hashable {
  /// The text without line ends and trailing white space; it never starts with white space.
  var text: [UInt8]
  /// The number of its first physical line, from 1.
  let number: Int
}

/// Splits configuration text as postconf(5) and master(5) describe it.
///
/// Blank lines and lines whose first visible character is `#` are skipped, also between a line
/// and its continuation. A line that starts with white space continues the one before it.
enum LogicalLines {
  static func split(
    _ bytes: [UInt8], file: String, diagnostics: inout [Diagnostic]
  ) -> [LogicalLine] {
    var lines: [LogicalLine] = []
    var number = 0
    for physical in bytes.split(separator: ASCII.lf, omittingEmptySubsequences: false) {
      number += 1
      let location = SourceLocation(file: file, line: number)
      let line = physical.last == ASCII.cr ? physical.dropLast() : physical
      guard let first = line.first(where: { !isSpace($0) }), first != UInt8(ascii: "#") else {
        continue
      }
      if line.contains(0) {
        diagnostics.append(
          Diagnostic(.error, at: location, subject: nil, "a NUL byte is not text"))
      } else if !isSpace(line[line.startIndex]) {
        lines.append(LogicalLine(text: Array(line), number: number))
      } else if let last = lines.indices.last {
        lines[last].text.append(contentsOf: line)
      } else {
        diagnostics.append(
          Diagnostic(
            .warning, at: location, subject: nil,
            "the first line must not start with white space; it is ignored"))
      }
    }
    for index in lines.indices {
      while let last = lines[index].text.last, isSpace(last) { lines[index].text.removeLast() }
    }
    return lines
  }

  /// White space as C's `isspace` has it.
  static func isSpace(_ byte: UInt8) -> Bool {
    byte == ASCII.space || byte &- ASCII.tab < 5
  }
}

extension ArraySlice<UInt8> {
  /// The slice without white space at both ends.
  var trimmed: ArraySlice<UInt8> {
    var slice = self
    while let byte = slice.first, LogicalLines.isSpace(byte) { slice = slice.dropFirst() }
    while let byte = slice.last, LogicalLines.isSpace(byte) { slice = slice.dropLast() }
    return slice
  }

  /// The bytes as text, with invalid UTF-8 replaced.
  var text: String { String(decoding: self, as: UTF8.self) }
}
