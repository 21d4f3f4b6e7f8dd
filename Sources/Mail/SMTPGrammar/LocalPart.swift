package import Primitives

/// The spelling of local parts (RFC 5321 4.1.2).
package enum LocalPart {
  /// Whether a byte may stand in an unquoted local part: atext, dots, and all above ASCII.
  static let isAtom: [Bool] = {
    var table = [Bool](repeating: false, count: 256)
    for byte in 0x21...0xff where byte != 0x7f { table[byte] = true }
    for byte in "()<>[]:;,@\\\"".utf8 { table[Int(byte)] = false }
    return table
  }()

  /// Appends a local part, given by its meaning, in quotes only where it needs them.
  package static func append(_ meaning: some Collection<UInt8>, to text: inout [UInt8]) {
    if !meaning.isEmpty, meaning.allSatisfy({ isAtom[Int($0)] }) {
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

/// The syntax of what stands behind the `@`.
package enum DomainSyntax {
  /// Whether the bytes are a host name: labels of letters, digits, hyphens and underscores, at
  /// most 63 bytes each and 255 together, not all of them numbers. Bytes above ASCII count as
  /// letters.
  package static func isHostName(_ name: UnsafeRawBufferPointer) -> Bool {
    guard !name.isEmpty, name.count <= 255 else { return false }
    var labelStart = 0
    var numeric = true
    for at in 0...name.count {
      guard at < name.count, name[at] != UInt8(ascii: ".") else {
        guard (1...63).contains(at - labelStart), name[labelStart] != UInt8(ascii: "-"),
          name[at - 1] != UInt8(ascii: "-")
        else { return false }
        labelStart = at + 1
        continue
      }
      let byte = name[at]
      if ASCII.isDigit(byte) { continue }
      numeric = false
      guard
        ASCII.isLetter(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
          || byte >= 0x80
      else { return false }
    }
    return !numeric
  }

  /// Whether the bytes are an address literal: `[192.0.2.1]` or `[IPv6:2001:db8::1]`
  /// (RFC 5321 4.1.3).
  package static func isAddressLiteral(_ text: UnsafeRawBufferPointer) -> Bool {
    address(literal: text) != nil
  }

  /// The address that a literal names; `nil` when it is not one.
  package static func address(literal text: some Collection<UInt8>) -> IPAddress? {
    guard text.first == UInt8(ascii: "["), text.count > 2 else { return nil }
    let bytes = Array(text)
    guard bytes.last == UInt8(ascii: "]") else { return nil }
    let inner = bytes[1..<bytes.count - 1]
    let prefix = "ipv6:".utf8
    if inner.count > prefix.count, ASCII.equalFolded(inner.prefix(prefix.count), prefix) {
      let address = IPAddress(
        String(decoding: inner.dropFirst(prefix.count), as: UTF8.self))
      return address?.family == .v6 ? address : nil
    }
    let address = IPAddress(String(decoding: inner, as: UTF8.self))
    return address?.family == .v4 ? address : nil
  }
}
