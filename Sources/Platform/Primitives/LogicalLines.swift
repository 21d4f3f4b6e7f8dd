/// A line of configuration or table text with its continuation lines joined.
package struct LogicalLine: Hashable, Sendable {
  /// The text without line ends and trailing white space; it never starts with white space.
  package fileprivate(set) var text: [UInt8]
  /// The number of its first physical line, from 1.
  package let number: Int
  /// Where its continuation lines begin in `text`.
  fileprivate var continuations: [Continuation] = []

  fileprivate struct Continuation: Hashable {
    let offset: Int
    let number: Int
  }

  fileprivate init(text: [UInt8], number: Int) {
    self.text = text
    self.number = number
  }

  /// The number of the physical line of a byte of `text`.
  package func number(at offset: Int) -> Int {
    continuations.last { $0.offset <= offset }?.number ?? number
  }
}

/// Text of logical lines, as postconf(5) and postmap(1) describe it.
///
/// Blank lines and lines whose first visible character is `#` are skipped, also between a line
/// and its continuation. A line that starts with white space continues the one before it. Lines
/// may end in CRLF.
package struct LogicalLines: Sendable {
  /// The lines, in order.
  package private(set) var lines: [LogicalLine] = []
  /// The numbers of lines that start with white space and have nothing to continue.
  package private(set) var orphans: [Int] = []

  /// Splits text.
  package init(_ bytes: some Sequence<UInt8>) {
    var number = 0
    for physical in Array(bytes).split(separator: ASCII.lf, omittingEmptySubsequences: false) {
      number += 1
      let line = physical.last == ASCII.cr ? physical.dropLast() : physical
      guard let first = line.first(where: { !ASCII.isSpace($0) }), first != UInt8(ascii: "#")
      else { continue }
      if !ASCII.isSpace(line[line.startIndex]) {
        lines.append(LogicalLine(text: Array(line), number: number))
      } else if let last = lines.indices.last {
        lines[last].continuations.append(
          LogicalLine.Continuation(offset: lines[last].text.count, number: number))
        lines[last].text.append(contentsOf: line)
      } else {
        orphans.append(number)
      }
    }
    for index in lines.indices { lines[index].text = Array(ASCII.trimmed(lines[index].text)) }
  }
}
