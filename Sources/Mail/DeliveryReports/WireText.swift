import Primitives

/// Text that grows line by line in wire form: CRLF, and a dot before each line that begins with
/// one (RFC 5321 4.5.2).
struct WireText: Sendable {
  /// The longest line without its end (RFC 5322 2.1.1), in bytes.
  static let lineLengthMax = 998

  private(set) var bytes: [UInt8] = []
  /// Whether there is a byte over 127.
  private(set) var isEightBit = false
  /// Whether there is a NUL byte.
  private(set) var hasNUL = false
  /// Whether a line is longer than `lineLengthMax`.
  private(set) var hasLongLine = false
  private var stuffedDots = 0

  /// The size without stuffed dots.
  var plainSize: Int { bytes.count - stuffedDots }

  mutating func writeLine(_ text: String) { writeLine(Array(text.utf8)) }

  /// Writes a line; control characters but the tab would break it up and become `?`, as does what
  /// is not UTF-8.
  mutating func writeLine(_ line: some Collection<UInt8>) {
    if line.first == UInt8(ascii: ".") { stuff() }
    let start = bytes.count
    bytes += line
    bytes.makePrintable(from: start, keepsTabs: true)
    endLine(from: start)
  }

  /// Writes a line that has its stuffed dot already, as it is.
  mutating func writeStuffedLine(_ line: some Collection<UInt8>) {
    if line.first == UInt8(ascii: ".") {
      if line.count > 1, line.dropFirst().first == UInt8(ascii: ".") {
        stuffedDots += 1
      } else {
        stuff()
      }
    }
    let start = bytes.count
    bytes += line
    endLine(from: start)
  }

  /// Writes text in lines of at most 78 bytes where its spaces allow, and `lineLengthMax` where
  /// they do not; all but the first are indented.
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

  /// Writes whole lines that were written elsewhere.
  mutating func write(_ other: WireText) {
    bytes += other.bytes
    isEightBit = isEightBit || other.isEightBit
    hasNUL = hasNUL || other.hasNUL
    hasLongLine = hasLongLine || other.hasLongLine
    stuffedDots += other.stuffedDots
  }

  private mutating func stuff() {
    bytes.append(UInt8(ascii: "."))
    stuffedDots += 1
  }

  private mutating func endLine(from start: Int) {
    let line = bytes[start...]
    if line.count > Self.lineLengthMax { hasLongLine = true }
    if !isEightBit { isEightBit = line.contains { $0 >= 0x80 } }
    if !hasNUL { hasNUL = line.contains(0) }
    bytes.append(ASCII.cr)
    bytes.append(ASCII.lf)
  }
}
