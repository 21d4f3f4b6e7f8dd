/// A Swift source file seen line by line, with comments and literals told apart from code.
///
/// It is a scanner, not a parser: good for words and line starts, nothing deeper.
struct SwiftText {
  /// The path below the package root.
  let path: String
  /// The lines as they stand in the file.
  let lines: [String]
  /// The same lines with comments and the contents of string literals blanked.
  let code: [String]

  init(path: String, text: String) {
    self.path = path
    lines = Self.lines(of: text)
    var scanner = Scanner(text)
    code = Self.lines(of: scanner.blanked())
  }

  private static func lines(of text: String) -> [String] {
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    if lines.last == "" { lines.removeLast() }
    return lines
  }
}

/// Walks over the characters of a file and blanks what is not code.
private struct Scanner {
  private let input: [Character]
  private var at = 0
  private var output: [Character] = []

  init(_ text: String) { input = Array(text) }

  mutating func blanked() -> String {
    while at < input.count {
      if starts(with: "//") {
        blank(until: { $0.starts(with: "\n") })
      } else if starts(with: "/*") {
        blankComment()
      } else if input[at] == "\"" || startsRawLiteral {
        blankLiteral()
      } else {
        output.append(input[at])
        at += 1
      }
    }
    return String(output)
  }

  private func starts(with text: String) -> Bool {
    at + text.count <= input.count && zip(text, input[at...]).allSatisfy { $0 == $1 }
  }

  private var startsRawLiteral: Bool {
    guard input[at] == "#" else { return false }
    return input[at...].first { $0 != "#" } == "\""
  }

  private mutating func blank(count: Int) {
    for _ in 0..<count where at < input.count {
      output.append(input[at] == "\n" ? "\n" : " ")
      at += 1
    }
  }

  private mutating func blank(until end: (Scanner) -> Bool) {
    while at < input.count, !end(self) { blank(count: 1) }
  }

  private mutating func blankComment() {
    var depth = 0
    repeat {
      if starts(with: "/*") {
        depth += 1
        blank(count: 2)
      } else if starts(with: "*/") {
        depth -= 1
        blank(count: 2)
      } else {
        blank(count: 1)
      }
    } while depth > 0 && at < input.count
  }

  /// Interpolations are blanked with the literal: a word hidden in one is not looked for.
  private mutating func blankLiteral() {
    let hashes = String(input[at...].prefix { $0 == "#" })
    blank(count: hashes.count)
    let quote = starts(with: "\"\"\"") ? "\"\"\"" : "\""
    blank(count: quote.count)
    while at < input.count, !starts(with: quote + hashes) {
      if quote == "\"", input[at] == "\n" { return }
      blank(count: starts(with: "\\" + hashes) ? hashes.count + 2 : 1)
    }
    blank(count: quote.count + hashes.count)
  }
}
