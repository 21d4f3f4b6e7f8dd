import TestSupport

/// A message that its number and a seed make: sender and receiver of a test agree on every byte.
package struct TestMail: Sendable {
  /// What tells it from all others of its seed.
  package let number: Int
  /// What the content is drawn from.
  package let seed: UInt64
  /// The content with CRLF line ends, not dot-stuffed.
  package let content: [UInt8]

  /// Makes the content: a header with the number, then lines of `size` bytes in all, some of which
  /// begin with dots, are empty or hold 8-bit text.
  package init(number: Int, seed: UInt64, size: Int) {
    self.number = number
    self.seed = seed
    var generator = SplitMix64(seed: seed &+ UInt64(number) &* 0x1_0000_0001)
    var text = Array(
      """
      From: <sender\(number)@source.test>\r
      To: <rcpt\(number)@sink.test>\r
      Subject: message \(number)\r
      Date: Thu, 01 Jan 2026 00:00:00 +0000\r
      Message-ID: <\(number).\(seed)@test>\r
      \r\n
      """.utf8)
    let end = text.count + size
    text.reserveCapacity(end + 80)
    while text.count < end {
      switch generator.below(16) {
      case 0: break
      case 1: text += Array("..".utf8).prefix(1 + generator.below(2))
      case 2: text += "\u{e9}t\u{e9} ".utf8
      default: text.appendLetters(1 + generator.below(76), from: &generator)
      }
      text += [13, 10]
    }
    content = text
  }

  /// The number in the Message-ID field of some content, if it is of that seed.
  package static func number(in content: [UInt8], seed: UInt64) -> Int? {
    let mark = Array("Message-ID: <".utf8)
    let head = content.prefix(4096)
    var at = head.startIndex
    while let start = head[at...].firstIndex(of: mark[0]) {
      if head[start...].starts(with: mark) {
        let value = head[(start + mark.count)...].prefix { $0 != UInt8(ascii: ">") }
        let parts = String(decoding: value, as: UTF8.self).split(separator: ".", maxSplits: 1)
        return parts.count == 2 && parts[1] == "\(seed)@test" ? Int(parts[0]) : nil
      }
      at = start + 1
    }
    return nil
  }

  /// Whether `received`, with LF line ends, is this message with fields put in front and nothing
  /// else changed.
  package func isWhole(in received: [UInt8]) -> Bool {
    let sent = content.filter { $0 != 13 }
    return received.count >= sent.count && received.suffix(sent.count).elementsEqual(sent)
      && Self.isHeader(received.dropLast(sent.count))
  }

  /// Whether the bytes are whole header fields and their continuations.
  private static func isHeader(_ bytes: ArraySlice<UInt8>) -> Bool {
    guard bytes.isEmpty || bytes.last == 10 else { return false }
    return bytes.dropLast().split(separator: 10, omittingEmptySubsequences: false).allSatisfy {
      line in
      bytes.isEmpty || line.first == 9 || line.first == 32 || line.contains(UInt8(ascii: ":"))
    }
  }
}

extension [UInt8] {
  /// Eight letters from each number, so that large messages are made quickly.
  fileprivate mutating func appendLetters(_ count: Int, from generator: inout SplitMix64) {
    var bits: UInt64 = 0
    for index in 0..<count {
      if index & 7 == 0 { bits = generator.next() }
      append(UInt8(ascii: "a") + UInt8(truncatingIfNeeded: bits) % 26)
      bits >>= 8
    }
  }
}
