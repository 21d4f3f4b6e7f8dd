import Primitives

/// The commands that the server core knows by name.
package enum SMTPVerb: Sendable {
  case ehlo, helo, mail, rcpt, data, rset, noop, quit, vrfy, etrn, starttls, auth, bdat
  case xclient, xforward
  /// Anything else.
  case unknown
}

/// A command line cut into its verb and what follows (RFC 5321 4.1.1).
package struct SMTPCommand: Equatable, Sendable {
  /// The command.
  package let verb: SMTPVerb
  /// Where the verb stands in the line; empty in a blank line.
  package let verbRange: Range<Int>
  /// Where the argument stands, without white space around it.
  package let argument: Range<Int>

  /// Cuts a line; white space before the verb is skipped as Postfix does.
  package init(_ line: UnsafeRawBufferPointer) {
    var at = 0
    while at < line.count, Self.isSpace(line[at]) { at += 1 }
    let start = at
    var word: UInt64 = 0
    while at < line.count, !Self.isSpace(line[at]) {
      let fits = at - start < 8 && line[at] != 0
      word = fits ? word << 8 | UInt64(ASCII.lowercased(line[at])) : .max
      at += 1
    }
    verbRange = start..<at
    verb = Self.verb(word)
    while at < line.count, Self.isSpace(line[at]) { at += 1 }
    var end = line.count
    while end > at, Self.isSpace(line[end - 1]) { end -= 1 }
    argument = at..<end
  }

  /// Whether a byte parts words: space, and tab to carriage return.
  @inline(__always)
  package static func isSpace(_ byte: UInt8) -> Bool {
    byte == 32 || byte &- 9 < 5
  }

  private static func verb(_ word: UInt64) -> SMTPVerb {
    switch word {
    case 0x6568_6c6f: .ehlo
    case 0x6865_6c6f: .helo
    case 0x6d61_696c: .mail
    case 0x7263_7074: .rcpt
    case 0x6461_7461: .data
    case 0x7273_6574: .rset
    case 0x6e6f_6f70: .noop
    case 0x7175_6974: .quit
    case 0x7672_6679: .vrfy
    case 0x6574_726e: .etrn
    case 0x7374_6172_7474_6c73: .starttls
    case 0x6175_7468: .auth
    case 0x6264_6174: .bdat
    case 0x78_636c_6965_6e74: .xclient
    case 0x7866_6f72_7761_7264: .xforward
    default: .unknown
    }
  }
}

/// The argument of MAIL or RCPT cut into its parts (RFC 5321 4.1.1.2 and 4.1.1.3).
package struct EnvelopeArgument: Equatable, Sendable {
  /// Where the path stands, with its angle brackets if it has them.
  package let path: Range<Int>
  /// Where the parameters stand, in their order.
  package let parameters: [Range<Int>]

  /// Cuts `FROM:<path> parameters`; `nil` when the keyword or the path is missing.
  ///
  /// White space between the keyword and the path is let through, as is a path without brackets.
  /// White space within brackets or quotes does not end the path.
  package init?(
    _ line: UnsafeRawBufferPointer, _ argument: Range<Int>, keyword: StaticString
  ) {
    let length = keyword.utf8CodeUnitCount
    guard argument.count > length else { return nil }
    for offset in 0..<length {
      guard ASCII.lowercased(line[argument.lowerBound + offset]) == keyword.utf8Start[offset]
      else { return nil }
    }
    var at = argument.lowerBound + length
    while at < argument.upperBound, SMTPCommand.isSpace(line[at]) { at += 1 }
    let pathStart = at
    at = Self.endOfPath(line, from: at, to: argument.upperBound)
    guard at > pathStart else { return nil }
    path = pathStart..<at
    var parameters: [Range<Int>] = []
    while at < argument.upperBound {
      while at < argument.upperBound, SMTPCommand.isSpace(line[at]) { at += 1 }
      let start = at
      while at < argument.upperBound, !SMTPCommand.isSpace(line[at]) { at += 1 }
      if at > start { parameters.append(start..<at) }
    }
    self.parameters = parameters
  }

  private static func endOfPath(
    _ line: UnsafeRawBufferPointer, from start: Int, to end: Int
  ) -> Int {
    var at = start
    var depth = 0
    var quoted = false
    while at < end {
      switch line[at] {
      case UInt8(ascii: "\\"):
        at += 1
      case UInt8(ascii: "\""):
        quoted.toggle()
      case UInt8(ascii: "<") where !quoted:
        depth += 1
      case UInt8(ascii: ">") where !quoted:
        depth -= 1
      case let byte where depth <= 0 && !quoted && SMTPCommand.isSpace(byte):
        return at
      default:
        break
      }
      at += 1
    }
    return end
  }
}

/// The argument of BDAT (RFC 3030 2): how many bytes follow, and whether they are the last.
package struct ChunkArgument: Equatable, Sendable {
  /// Bytes of the chunk.
  package let count: Int
  /// Whether the message ends with it.
  package let isLast: Bool

  /// Reads `count` or `count LAST`; `nil` for anything else, and for a count beyond 64 bits.
  package init?(_ line: UnsafeRawBufferPointer, _ argument: Range<Int>) {
    let words = line[argument].split(whereSeparator: SMTPCommand.isSpace)
    guard let digits = words.first, words.count <= 2, digits.allSatisfy(ASCII.isDigit),
      let count = Int(String(decoding: digits, as: UTF8.self))
    else { return nil }
    if words.count == 2 {
      guard ASCII.equalFolded(words[1], "last".utf8) else { return nil }
    }
    self.count = count
    isLast = words.count == 2
  }
}
