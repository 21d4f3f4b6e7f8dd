import Primitives

/// Takes dot-stuffing out of a body in wire form, piece by piece.
package struct WireBody: Sendable {
  private var isLineStart = true

  /// A body before its first byte.
  package init() {}

  /// The next piece without its stuffing.
  package mutating func plain(_ piece: some Sequence<UInt8>) -> [UInt8] {
    var out: [UInt8] = []
    out.reserveCapacity(piece.underestimatedCount)
    for byte in piece {
      let isStuffing = isLineStart && byte == UInt8(ascii: ".")
      isLineStart = byte == ASCII.lf
      if !isStuffing { out.append(byte) }
    }
    return out
  }
}
