import Primitives

/// A reading position in the text of a `$` expression.
struct MacroCursor {
  private let bytes: ArraySlice<UInt8>
  private var position: Int

  init(_ bytes: ArraySlice<UInt8>) {
    self.bytes = bytes
    position = bytes.startIndex
  }

  var isAtEnd: Bool { position == bytes.endIndex }
  var peek: UInt8? { isAtEnd ? nil : bytes[position] }
  var rest: ArraySlice<UInt8> { bytes[position...] }

  mutating func next() -> UInt8? {
    guard let byte = peek else { return nil }
    position += 1
    return byte
  }

  mutating func skipSpaces() {
    while let byte = peek, ASCII.isSpace(byte) { position += 1 }
  }

  /// Takes bytes as long as they satisfy `condition`.
  mutating func take(while condition: (UInt8) -> Bool) -> ArraySlice<UInt8> {
    let start = position
    while let byte = peek, condition(byte) { position += 1 }
    return bytes[start..<position]
  }

  /// Takes all bytes up to the next `$`.
  mutating func takeLiteral() -> ArraySlice<UInt8> {
    take { $0 != UInt8(ascii: "$") }
  }

  /// Takes a name of letters, digits and `_`.
  mutating func takeName() -> ArraySlice<UInt8> {
    take { ASCII.isLetter($0) || ASCII.isDigit($0) || $0 == UInt8(ascii: "_") }
  }

  /// Takes what stands between the bracket at the position and the one that closes it.
  ///
  /// Only brackets of the same kind nest; `nil` when the closing one is missing.
  mutating func takeBracketed() -> ArraySlice<UInt8>? {
    guard let open = next() else { return nil }
    let close = open == UInt8(ascii: "(") ? UInt8(ascii: ")") : UInt8(ascii: "}")
    let start = position
    var level = 1
    while let byte = next() {
      if byte == open { level += 1 }
      if byte == close { level -= 1 }
      if level == 0 { return bytes[start..<(position - 1)] }
    }
    return nil
  }

  /// Takes `{group}` when one follows after white space; else stays where it was.
  mutating func takeGroup() -> ArraySlice<UInt8>? {
    var ahead = self
    ahead.skipSpaces()
    guard ahead.peek == UInt8(ascii: "{"), let group = ahead.takeBracketed() else { return nil }
    self = ahead
    return group
  }
}
