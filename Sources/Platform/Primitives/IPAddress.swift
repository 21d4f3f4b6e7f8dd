/// An IPv4 or IPv6 address without a port.
package struct IPAddress: Hashable, Sendable {
  /// The address family.
  package enum Family: Sendable { case v4, v6 }

  /// The family of the address.
  package let family: Family
  /// The address in network order, left aligned: IPv4 uses the top 32 bits of `high`.
  package let high: UInt64
  /// The lower 64 bits of an IPv6 address; 0 for IPv4.
  package let low: UInt64

  /// Makes an IPv4 address from its 32 bits in host order.
  package init(v4 bits: UInt32) {
    family = .v4
    high = UInt64(bits) << 32
    low = 0
  }

  /// Makes an IPv6 address from its two halves in host order.
  package init(v6High: UInt64, v6Low: UInt64) {
    family = .v6
    high = v6High
    low = v6Low
  }

  /// The 32 bits of an IPv4 address in host order.
  package var v4Bits: UInt32 { UInt32(truncatingIfNeeded: high >> 32) }

  /// The bits of the whole address: 32 or 128.
  package var width: Int { family == .v4 ? 32 : 128 }

  /// An IPv4-mapped IPv6 address as the IPv4 address it stands for; others unchanged.
  package var unmapped: IPAddress {
    guard family == .v6, high == 0, low >> 32 == 0xffff else { return self }
    return IPAddress(v4: UInt32(truncatingIfNeeded: low))
  }

  /// Parses dotted-quad IPv4 or RFC 4291 IPv6 text (no brackets, no scope, no port).
  package init?(_ text: some StringProtocol) {
    let bytes = Array(text.utf8)
    if bytes.contains(UInt8(ascii: ":")) {
      guard let (h, l) = Self.parseV6(bytes) else { return nil }
      self.init(v6High: h, v6Low: l)
    } else {
      guard let bits = Self.parseV4(bytes[...]) else { return nil }
      self.init(v4: bits)
    }
  }

  private static func parseV4(_ bytes: ArraySlice<UInt8>) -> UInt32? {
    let parts = bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard parts.count == 4 else { return nil }
    var value: UInt32 = 0
    for part in parts {
      guard (1...3).contains(part.count), part.allSatisfy(ASCII.isDigit) else { return nil }
      let octet = part.reduce(UInt32(0)) { $0 * 10 + UInt32($1 - UInt8(ascii: "0")) }
      guard octet <= 255 else { return nil }
      value = value << 8 | octet
    }
    return value
  }

  private static func parseV6(_ bytes: [UInt8]) -> (UInt64, UInt64)? {
    var groups: [UInt16] = []
    var gap: Int?
    var at = 0
    while at < bytes.count {
      if bytes[at] == UInt8(ascii: ":") {
        let doubled = at + 1 < bytes.count && bytes[at + 1] == UInt8(ascii: ":")
        if doubled {
          guard gap == nil else { return nil }
          gap = groups.count
          at += 2
          if at == bytes.count { break }
        } else {
          guard at > 0, at + 1 < bytes.count, groups.count != gap else { return nil }
          at += 1
        }
        if bytes[at] == UInt8(ascii: ":") { return nil }
      }
      var end = at
      while end < bytes.count, bytes[end] != UInt8(ascii: ":") { end += 1 }
      let part = bytes[at..<end]
      if end == bytes.count, part.contains(UInt8(ascii: ".")) {
        guard let v4 = parseV4(part) else { return nil }
        groups.append(UInt16(truncatingIfNeeded: v4 >> 16))
        groups.append(UInt16(truncatingIfNeeded: v4))
      } else {
        guard (1...4).contains(part.count),
          let value = UInt16(String(decoding: part, as: UTF8.self), radix: 16),
          part.allSatisfy({ ASCII.isDigit($0) || ASCII.isLetter($0) })
        else { return nil }
        groups.append(value)
      }
      guard groups.count <= 8 else { return nil }
      at = end
    }
    if let gap {
      guard groups.count < 8 else { return nil }
      groups.insert(contentsOf: repeatElement(0, count: 8 - groups.count), at: gap)
    }
    guard groups.count == 8 else { return nil }
    let h = groups[..<4].reduce(UInt64(0)) { $0 << 16 | UInt64($1) }
    let l = groups[4...].reduce(UInt64(0)) { $0 << 16 | UInt64($1) }
    return (h, l)
  }
}

extension IPAddress {
  /// Appends the address as `description` has it.
  package func append(to text: inout [UInt8]) {
    guard family == .v4 else {
      text.append(string: description)
      return
    }
    for index in 0..<4 {
      if index > 0 { text.append(UInt8(ascii: ".")) }
      text.append(decimal: Int(v4Bits >> UInt32(24 - 8 * index) & 255))
    }
  }
}

extension IPAddress: CustomStringConvertible {
  /// The address as Postfix prints it: dotted quad, or RFC 5952 for IPv6.
  package var description: String {
    if family == .v4 {
      return (0..<4).map { String(v4Bits >> UInt32(24 - 8 * $0) & 255) }.joined(separator: ".")
    }
    let groups = (0..<8).map { i in
      UInt16(truncatingIfNeeded: (i < 4 ? high : low) >> UInt64(48 - 16 * (i & 3)))
    }
    if unmapped.family == .v4 { return "::ffff:\(unmapped)" }
    var best = 0..<0
    var at = 0
    while at < 8 {
      var end = at
      while end < 8, groups[end] == 0 { end += 1 }
      if end - at > best.count, end - at > 1 { best = at..<end }
      at = max(end, at + 1)
    }
    let text = { (range: Range<Int>) in
      range.map { String(groups[$0], radix: 16) }.joined(separator: ":")
    }
    return best.isEmpty
      ? text(0..<8) : text(0..<best.lowerBound) + "::" + text(best.upperBound..<8)
  }
}

/// A block of addresses in CIDR form.
package struct IPNetwork: Hashable, Sendable {
  /// The network address; host bits are zero.
  package let address: IPAddress
  /// Bits of the prefix.
  package let prefixLength: Int

  /// Makes a network; `nil` when the prefix is too long or host bits are set.
  package init?(_ address: IPAddress, prefixLength: Int) {
    guard (0...address.width).contains(prefixLength) else { return nil }
    let (highMask, lowMask) = Self.masks(prefixLength)
    guard address.high & ~highMask == 0, address.low & ~lowMask == 0 else { return nil }
    self.address = address
    self.prefixLength = prefixLength
  }

  /// Whether the network holds the address; families never match each other.
  package func contains(_ other: IPAddress) -> Bool {
    guard other.family == address.family else { return false }
    let (highMask, lowMask) = Self.masks(prefixLength)
    return other.high & highMask == address.high && other.low & lowMask == address.low
  }

  private static func masks(_ length: Int) -> (UInt64, UInt64) {
    let high = length == 0 ? 0 : length >= 64 ? UInt64.max : ~(UInt64.max >> UInt64(length))
    let low =
      length <= 64 ? 0 : length >= 128 ? UInt64.max : ~(UInt64.max >> UInt64(length - 64))
    return (high, low)
  }
}
