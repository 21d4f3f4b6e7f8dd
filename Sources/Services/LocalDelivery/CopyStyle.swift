import Primitives

/// What is done to a message's text on its way into a mailbox or command.
package struct CopyStyle: OptionSet, Sendable {
  /// The options as bits.
  package let rawValue: UInt16

  /// Makes a style of bits.
  package init(rawValue: UInt16) { self.rawValue = rawValue }

  /// `From sender date` in front.
  package static let fromLine = CopyStyle(rawValue: 1)
  /// `Return-Path:` in front (RFC 5321 4.4).
  package static let returnPath = CopyStyle(rawValue: 2)
  /// `X-Original-To:` in front, where the address is kept.
  package static let originalTo = CopyStyle(rawValue: 4)
  /// `Delivered-To:` in front; a message that has the same one already goes round in circles.
  package static let deliveredTo = CopyStyle(rawValue: 8)
  /// A `>` before lines that begin with `From `.
  package static let quotesFrom = CopyStyle(rawValue: 16)
  /// A dot before lines that begin with one.
  package static let stuffsDots = CopyStyle(rawValue: 32)
  /// An empty line at the end.
  package static let blankLine = CopyStyle(rawValue: 64)

  /// A message as a Maildir holds it.
  package static let maildir: CopyStyle = [.returnPath, .originalTo, .deliveredTo]
  /// A message in a file of many.
  package static let mailbox: CopyStyle = [.maildir, .fromLine, .quotesFrom, .blankLine]
  /// What `mailbox_command` reads.
  package static let mailboxCommand: CopyStyle = [.maildir, .fromLine]

  /// Whether lines have to be looked at one by one.
  var marksLines: Bool { !isDisjoint(with: [.quotesFrom, .stuffsDots]) }
}

/// Marks lines of text as a style wants it, and ends them in the way that is asked for.
///
/// It takes the text, lines ended by LF, in chunks of any size.
package struct LineMarks {
  private static let from = Array("From ".utf8)

  private let style: CopyStyle
  private let lineEnd: [UInt8]
  private var atLineStart = true
  /// The beginning of a line that may become `From `.
  private var matched = 0

  /// Starts at the beginning of a text.
  package init(style: CopyStyle, lineEnd: [UInt8]) {
    self.style = style
    self.lineEnd = lineEnd
  }

  /// Appends a chunk to `out` as the style wants it.
  package mutating func append(_ text: ArraySlice<UInt8>, to out: inout [UInt8]) {
    var rest = text
    while let first = rest.first {
      if atLineStart, matched == 0, style.contains(.stuffsDots), first == UInt8(ascii: ".") {
        out.append(first)
      }
      if atLineStart, style.contains(.quotesFrom) {
        while let byte = rest.first, matched < Self.from.count, byte == Self.from[matched] {
          matched += 1
          rest.removeFirst()
        }
        if matched == Self.from.count { out.append(UInt8(ascii: ">")) }
        if rest.isEmpty, matched < Self.from.count { return }
        out += Self.from[..<matched]
        matched = 0
      }
      atLineStart = false
      guard let end = rest.firstIndex(of: ASCII.lf) else {
        out += rest
        return
      }
      out += rest[..<end]
      out += lineEnd
      rest = rest[(end + 1)...]
      atLineStart = true
    }
  }

  /// Appends what was held back. The text ends here.
  package mutating func finish(into out: inout [UInt8]) {
    out += Self.from[..<matched]
    matched = 0
  }
}
