import Primitives

/// xtext (RFC 3461 4): printable text in which `+` and two hexadecimal digits stand for a byte.
package enum ExtendedText {
  /// The longest parameter of a report that is taken, in bytes: RFC 3461 4.2 and 4.4 let clients
  /// send no more than 500 and 100, and what is taken must fit into messages between processes.
  package static let lengthMax = 1000

  /// The text that is meant; `nil` when the spelling is wrong.
  package static func decoded(_ text: some Collection<UInt8>) -> [UInt8]? {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count)
    var rest = text.makeIterator()
    while let byte = rest.next() {
      guard byte == UInt8(ascii: "+") else {
        bytes.append(byte)
        continue
      }
      guard let high = rest.next().flatMap(digit), let low = rest.next().flatMap(digit) else {
        return nil
      }
      bytes.append(high << 4 | low)
    }
    return bytes
  }

  /// Text as it is spelled on the wire: all but printable ASCII, `+` and `=` as hexadecimal.
  package static func encoded(_ text: some Collection<UInt8>) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count)
    append(text, to: &bytes)
    return bytes
  }

  /// Appends text as `encoded` spells it.
  package static func append(_ text: some Collection<UInt8>, to bytes: inout [UInt8]) {
    // Byte by byte a generic collection allocates at each step where it is not specialised.
    let isDone: Void? = text.withContiguousStorageIfAvailable { append($0, to: &bytes) }
    if isDone == nil { Array(text).withUnsafeBufferPointer { append($0, to: &bytes) } }
  }

  private static func append(_ text: UnsafeBufferPointer<UInt8>, to bytes: inout [UInt8]) {
    for byte in text {
      if byte > ASCII.space, byte < 0x7f, byte != UInt8(ascii: "+"), byte != UInt8(ascii: "=") {
        bytes.append(byte)
      } else {
        bytes.append(UInt8(ascii: "+"))
        bytes.append(hexDigit(byte >> 4))
        bytes.append(hexDigit(byte & 15))
      }
    }
  }

  private static func hexDigit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "A") + value - 10
  }

  /// Whether text says what can stand in a report: it is spelled right, not too long, and holds no
  /// control characters.
  package static func isHarmless(_ text: some Collection<UInt8>) -> Bool {
    guard text.count <= lengthMax, let bytes = decoded(text) else { return false }
    return bytes.allSatisfy { $0 >= ASCII.space && $0 != 0x7f }
  }

  private static func digit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    default: nil
    }
  }
}
