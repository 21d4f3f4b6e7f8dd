import Primitives
import SMTPGrammar

/// Turns content in wire form (CRLF, dot-stuffed, RFC 5321 4.5.2) into the text of a file.
///
/// It takes the wire bytes in chunks of any size. Only CRLF ends a line: a CR or LF by itself goes
/// through as it is.
package struct FileContent {
  private var atLineStart = true
  private var holdsCR = false

  /// Starts at the beginning of a message.
  package init() {}

  /// Appends to `text` what the next bytes stand for.
  package mutating func append(_ wire: UnsafeRawBufferPointer, to text: inout [UInt8]) {
    guard !wire.isEmpty else { return }
    var at = 0
    if holdsCR {
      holdsCR = false
      if wire[0] == ASCII.lf {
        at = 1
        atLineStart = true
        text.append(ASCII.lf)
      } else {
        text.append(ASCII.cr)
      }
    }
    while at < wire.count {
      if atLineStart, wire[at] == UInt8(ascii: ".") { at += 1 }
      atLineStart = false
      at = appendLine(wire, from: at, to: &text)
    }
  }

  /// Appends what was held back at the end of the last chunk. The message ends here.
  package mutating func finish(into text: inout [UInt8]) {
    if holdsCR { text.append(ASCII.cr) }
    holdsCR = false
  }

  /// Appends through the next LF or all there is, and returns where it stopped.
  private mutating func appendLine(
    _ wire: UnsafeRawBufferPointer, from start: Int, to text: inout [UInt8]
  ) -> Int {
    let lf = ByteSearch.firstLF(in: wire, from: start)
    if lf == wire.count {
      holdsCR = lf > start && wire[lf - 1] == ASCII.cr
      text.append(contentsOf: wire[start..<(holdsCR ? lf - 1 : lf)])
      return lf
    }
    if lf > start, wire[lf - 1] == ASCII.cr {
      text.append(contentsOf: wire[start..<lf - 1])
      text.append(ASCII.lf)
      atLineStart = true
    } else {
      text.append(contentsOf: wire[start...lf])
    }
    return lf + 1
  }
}
