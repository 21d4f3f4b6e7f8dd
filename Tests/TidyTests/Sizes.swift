/// Limits that keep files readable.
enum Sizes {
  /// The longest file in lines.
  static let linesMax = 400
  /// The longest line in columns.
  static let columnsMax = 100

  /// What of a file is too long or not plain text, as one line of text for each.
  static func violations(in file: SwiftText) -> [String] {
    var found: [String] = []
    if file.lines.count > linesMax {
      found.append("\(file.path): \(file.lines.count) lines, at most \(linesMax)")
    }
    for (index, line) in file.lines.enumerated() where !isLiteral(index, in: file) {
      if line.count > columnsMax {
        found.append("\(file.path):\(index + 1): \(line.count) columns, at most \(columnsMax)")
      }
      if line.contains("\t") { found.append("\(file.path):\(index + 1): tab") }
      if line.last == " " { found.append("\(file.path):\(index + 1): space at the end") }
    }
    return found
  }

  /// Whether the line is nothing but a literal, or part of one, which says what it must.
  private static func isLiteral(_ index: Int, in file: SwiftText) -> Bool {
    file.code[index].allSatisfy { " ,)]".contains($0) }
      && !file.lines[index].allSatisfy { $0 == " " }
      && !file.lines[index].drop { $0 == " " }.hasPrefix("//")
  }
}
