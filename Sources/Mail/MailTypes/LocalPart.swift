import Primitives

/// The spelling of local parts (RFC 5321 4.1.2).
package enum LocalPart {
  /// Whether a byte may stand in an unquoted local part: atext, dots, and all above ASCII.
  package static let isUnquoted: [Bool] = {
    var table = [Bool](repeating: false, count: 256)
    for byte in 0x21...0xff where byte != 0x7f { table[byte] = true }
    for byte in "()<>[]:;,@\\\"".utf8 { table[Int(byte)] = false }
    return table
  }()

  /// Whether a local part means itself: atoms joined by single dots (Dot-string).
  package static func isDotString(_ bytes: some Collection<UInt8>) -> Bool {
    bytes.withContiguousStorageIfAvailable { isDotString(UnsafeRawBufferPointer($0)) }
      ?? Array(bytes).withUnsafeBytes { isDotString($0) }
  }

  /// Whether a local part means itself: atoms joined by single dots (Dot-string).
  package static func isDotString(_ bytes: UnsafeRawBufferPointer) -> Bool {
    var previous = UInt8(ascii: ".")
    for byte in bytes {
      guard isUnquoted[Int(byte)] else { return false }
      if byte == UInt8(ascii: "."), previous == byte { return false }
      previous = byte
    }
    return previous != UInt8(ascii: ".")
  }

  /// Appends a local part, given by its meaning, in quotes only where it needs them.
  package static func append(_ meaning: some Collection<UInt8>, to text: inout [UInt8]) {
    if isDotString(meaning) {
      text.append(contentsOf: meaning)
      return
    }
    text.append(UInt8(ascii: "\""))
    for byte in meaning {
      if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
        text.append(UInt8(ascii: "\\"))
      }
      text.append(byte)
    }
    text.append(UInt8(ascii: "\""))
  }

  /// The meaning of a local part in canonical form: without its quotes and backslashes.
  package static func meaning(of spelled: some Collection<UInt8>) -> [UInt8] {
    var text: [UInt8] = []
    text.reserveCapacity(spelled.count)
    var escaped = false
    for byte in spelled {
      if escaped {
        escaped = false
      } else if byte == UInt8(ascii: "\\") {
        escaped = true
        continue
      } else if byte == UInt8(ascii: "\"") {
        continue
      }
      text.append(byte)
    }
    return text
  }
}

extension MailAddress {
  /// The address without the quotes of its local part, as Postfix's replies and look-ups have it.
  package var unquoted: [UInt8] {
    guard bytes.contains(UInt8(ascii: "\"")) else { return bytes }
    return LocalPart.meaning(of: localPart) + bytes[(atIndex ?? bytes.count)...]
  }
  /// Whether a program could take the address, as it stands on a command line, for an option.
  package var beginsWithMinus: Bool {
    switch bytes.first {
    case UInt8(ascii: "-"): true
    case UInt8(ascii: "\""): unquoted.first == UInt8(ascii: "-")
    default: false
    }
  }
}
