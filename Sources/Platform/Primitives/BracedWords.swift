/// Text made of words parted by separators, where `{…}` keeps separators inside a word.
package enum BracedWords {
  /// The words, with their braces; `nil` when a brace has no partner.
  package static func split(
    _ text: some Sequence<UInt8>, isSeparator: (UInt8) -> Bool
  ) -> [[UInt8]]? {
    places(text, isSeparator: isSeparator)?.map(\.word)
  }

  /// The words as `split` gives them, each with the offset at which it begins.
  package static func places(
    _ text: some Sequence<UInt8>, isSeparator: (UInt8) -> Bool
  ) -> [(word: [UInt8], offset: Int)]? {
    var words: [(word: [UInt8], offset: Int)] = []
    var word: [UInt8] = []
    var level = 0
    var end = 0
    for byte in text {
      end += 1
      if level == 0, isSeparator(byte) {
        if !word.isEmpty { words.append((word, end - 1 - word.count)) }
        word.removeAll(keepingCapacity: true)
        continue
      }
      if byte == UInt8(ascii: "{") { level += 1 }
      if byte == UInt8(ascii: "}") { level -= 1 }
      guard level >= 0 else { return nil }
      word.append(byte)
    }
    guard level == 0 else { return nil }
    if !word.isEmpty { words.append((word, end - word.count)) }
    return words
  }

  /// What stands inside a word that is one `{group}`, without white space at its ends; `nil` for
  /// other words.
  package static func group(_ word: some BidirectionalCollection<UInt8>) -> [UInt8]? {
    guard word.first == UInt8(ascii: "{"), word.last == UInt8(ascii: "}"), word.count > 1 else {
      return nil
    }
    var level = 0
    for (offset, byte) in word.enumerated() {
      if byte == UInt8(ascii: "{") { level += 1 }
      if byte == UInt8(ascii: "}") { level -= 1 }
      if level == 0, offset < word.count - 1 { return nil }
    }
    return Array(ASCII.trimmed(word.dropFirst().dropLast()))
  }
}

extension ASCII {
  /// White space as C's `isspace` has it.
  @inline(__always)
  package static func isSpace(_ byte: UInt8) -> Bool { byte == space || byte &- tab < 5 }

  /// The bytes without white space at both ends.
  package static func trimmed<Bytes: BidirectionalCollection<UInt8>>(
    _ bytes: Bytes
  ) -> Bytes.SubSequence {
    var slice = bytes[...]
    while let byte = slice.first, isSpace(byte) { slice = slice.dropFirst() }
    while let byte = slice.last, isSpace(byte) { slice = slice.dropLast() }
    return slice
  }
}
