/// Bytes of a peer on their way to where people or programs read them as text.
extension [UInt8] {
  /// Makes what lies behind `start` text of one line: well-formed UTF-8 stays; control characters
  /// and all other bytes become question marks, one for each byte, as Postfix has it.
  package mutating func makePrintable(from start: Int, keepsTabs: Bool = false) {
    var at = start
    while at < count {
      let byte = self[at]
      if byte >= 32 ? byte < 127 : keepsTabs && byte == ASCII.tab {
        at += 1
        continue
      }
      let length = byte > 127 ? sequenceLength(at: at) : 0
      if length == 0 { self[at] = UInt8(ascii: "?") }
      at += Swift.max(length, 1)
    }
  }

  /// The bytes of the well-formed UTF-8 sequence at `start` (RFC 3629 4), 0 where there is none.
  /// The control characters above ASCII count as none: terminals obey them.
  private func sequenceLength(at start: Int) -> Int {
    let lead = self[start]
    let length: Int
    switch lead {
    case 0xC2...0xDF: length = 2
    case 0xE0...0xEF: length = 3
    case 0xF0...0xF4: length = 4
    default: return 0
    }
    guard start + length <= count else { return 0 }
    let second: ClosedRange<UInt8> =
      switch lead {
      case 0xC2, 0xE0: 0xA0...0xBF
      case 0xED: 0x80...0x9F
      case 0xF0: 0x90...0xBF
      case 0xF4: 0x80...0x8F
      default: 0x80...0xBF
      }
    guard second.contains(self[start + 1]) else { return 0 }
    for place in start + 1..<start + length where self[place] & 0xC0 != 0x80 { return 0 }
    return length
  }
}
