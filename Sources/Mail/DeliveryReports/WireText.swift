import Primitives

/// Text that grows line by line in wire form: CRLF, and a dot before each line that begins with
/// one (RFC 5321 4.5.2).
struct WireText: Sendable {
  private(set) var bytes: [UInt8] = []
  private(set) var isEightBit = false
  private var stuffedDots = 0

  /// The size without stuffed dots.
  var plainSize: Int { bytes.count - stuffedDots }

  mutating func writeLine(_ text: String) { writeLine(Array(text.utf8)) }

  /// Writes a line; control characters but the tab would break it up and become `?`.
  mutating func writeLine(_ line: some Collection<UInt8>) {
    if line.first == UInt8(ascii: ".") { stuff() }
    for byte in line {
      let isControl = (byte < 32 && byte != ASCII.tab) || byte == 127
      bytes.append(isControl ? UInt8(ascii: "?") : byte)
      if byte >= 0x80 { isEightBit = true }
    }
    endLine()
  }

  /// Writes a line that has its stuffed dot already.
  mutating func writeStuffedLine(_ line: some Collection<UInt8>) {
    if line.first == UInt8(ascii: ".") {
      if line.count > 1, line.dropFirst().first == UInt8(ascii: ".") {
        stuffedDots += 1
      } else {
        stuff()
      }
    }
    bytes += line
    if line.contains(where: { $0 >= 0x80 }) { isEightBit = true }
    endLine()
  }

  /// Writes text in lines of at most 78 bytes where its spaces allow, and 998 where they do not;
  /// all but the first are indented.
  mutating func writeFolded(_ text: [UInt8]) {
    var line: [UInt8] = []
    for word in text.split(separator: ASCII.space) {
      if !line.isEmpty, line.count + 1 + word.count > 78 {
        writeLine(line)
        line = Array("   ".utf8)
      }
      var rest = word
      if !line.isEmpty { line.append(ASCII.space) }
      while line.count + rest.count > 990 {
        let head = rest.prefix(990 - line.count)
        writeLine(line + head)
        rest = rest.dropFirst(head.count)
        line = Array("    ".utf8)
      }
      line += rest
    }
    writeLine(line)
  }

  private mutating func stuff() {
    bytes.append(UInt8(ascii: "."))
    stuffedDots += 1
  }

  private mutating func endLine() {
    bytes.append(ASCII.cr)
    bytes.append(ASCII.lf)
  }
}
