package import Primitives

/// What may stand behind the `@` of an address (RFC 5321 4.1.2 Domain and address-literal).
package enum HostSyntax {
  /// Whether the bytes are a host name: labels of letters, digits, `-` and `_` of at most 63
  /// bytes, 255 in all, not of digits only; bytes from 0x80 are taken for UTF-8 labels.
  package static func isHostname(_ name: UnsafeRawBufferPointer) -> Bool {
    guard !name.isEmpty, name.count <= 255 else { return false }
    var labelLength = 0
    var previous = UInt8(ascii: ".")
    var isNumeric = true
    for byte in name {
      if byte == UInt8(ascii: ".") {
        guard labelLength > 0, previous != UInt8(ascii: "-") else { return false }
        labelLength = 0
      } else {
        labelLength += 1
        guard labelLength <= 63 else { return false }
        if byte == UInt8(ascii: "-") {
          guard labelLength > 1 else { return false }
          isNumeric = false
        } else if !ASCII.isDigit(byte) {
          guard ASCII.isLetter(byte) || byte == UInt8(ascii: "_") || byte >= 0x80 else {
            return false
          }
          isNumeric = false
        }
      }
      previous = byte
    }
    return labelLength > 0 && previous != UInt8(ascii: "-") && !isNumeric
  }

  /// Whether the bytes are a host name, as above.
  package static func isHostname(_ name: some Collection<UInt8>) -> Bool {
    name.withContiguousStorageIfAvailable { isHostname(UnsafeRawBufferPointer($0)) }
      ?? Array(name).withUnsafeBytes { isHostname($0) }
  }

  /// The address of `[1.2.3.4]` or `[IPv6:…]` (RFC 5321 4.1.3); `nil` for anything else.
  package static func address(ofLiteral literal: some Collection<UInt8>) -> IPAddress? {
    var inside = Array(literal)
    guard inside.first == UInt8(ascii: "["), inside.popLast() == UInt8(ascii: "]") else {
      return nil
    }
    inside.removeFirst()
    let tag = "ipv6:".utf8
    let isV6 = ASCII.equalFolded(inside.prefix(tag.count), tag)
    let text = String(decoding: isV6 ? inside.dropFirst(tag.count) : inside[...], as: UTF8.self)
    guard let address = IPAddress(text), (address.family == .v6) == isV6 else { return nil }
    return address
  }
}
