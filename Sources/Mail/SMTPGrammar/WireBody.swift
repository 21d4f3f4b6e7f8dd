import Primitives

/// Takes dot-stuffing (RFC 5321 4.5.2) out of a body in wire form, piece by piece. Any LF ends a
/// line, as it does for milters.
package struct WireBody: Sendable {
  private var isLineStart = true

  /// A body before its first byte.
  package init() {}

  /// The next piece without its stuffing.
  package mutating func plain(_ piece: UnsafeRawBufferPointer) -> [UInt8] {
    var out: [UInt8] = []
    out.reserveCapacity(piece.count)
    var at = 0
    while at < piece.count {
      if isLineStart, piece[at] == UInt8(ascii: ".") { at += 1 }
      let lf = ByteSearch.firstLF(in: piece, from: at)
      isLineStart = lf < piece.count
      let end = isLineStart ? lf + 1 : lf
      out.append(contentsOf: piece[at..<end])
      at = end
    }
    return out
  }
}
