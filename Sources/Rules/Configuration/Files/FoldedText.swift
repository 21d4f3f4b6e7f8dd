/// Text of many words as `postconf -f` prints it.
enum FoldedText {
  /// The longest line that more than one word of a parameter makes, in characters.
  static let width = 80
  /// What every line but the first starts with.
  static let indent = "    "

  /// Joins words by spaces and begins a new line before each word that would pass the margin.
  ///
  /// - Parameters:
  ///   - line: what stands on the first line already.
  ///   - width: the longest line that more than one word makes, in characters.
  static func append(
    _ words: some Sequence<some StringProtocol>, to line: inout String, width: Int = width
  ) {
    var length = line.count - (line.lastIndex(of: "\n").map { line.prefix(through: $0).count } ?? 0)
    for word in words {
      let isStart = length == 0 || length == indent.count && line.hasSuffix(indent)
      if isStart {
        line += word
      } else if length + 1 + word.count > width {
        line += "\n" + indent + word
        length = indent.count
      } else {
        line += " " + word
        length += 1
      }
      length += word.count
    }
  }
}
