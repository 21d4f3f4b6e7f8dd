import Primitives

/// 128 random bits that name a spool segment; never sent to a peer (spool rule R7).
package struct Nonce: Hashable, Sendable {
  /// The first half.
  package let high: UInt64
  /// The second half.
  package let low: UInt64

  /// Wraps 128 bits.
  package init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// 32 lower-case hexadecimal digits, as in file names.
  package var hex: String {
    var text: [UInt8] = []
    text.append(hex: high, width: 16)
    text.append(hex: low, width: 16)
    return String(decoding: text, as: UTF8.self)
  }

  /// Parses 32 hexadecimal digits.
  package init?(hex: some StringProtocol) {
    guard hex.utf8.count == 32, let high = UInt64(hex.prefix(16), radix: 16),
      let low = UInt64(hex.suffix(16), radix: 16)
    else { return nil }
    self.init(high: high, low: low)
  }
}
