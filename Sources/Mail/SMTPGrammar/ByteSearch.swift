import Primitives

/// Searches over raw bytes, 32 at a time; the loops that touch every byte of every message.
///
/// Bytes are compared within 64-bit words (a byte of `x` is zero where `(x - 1) & ~x` has its top
/// bit; the lowest hit is exact), since the byte-wise vector masks of the standard library cost
/// a hundred times as much.
package enum ByteSearch {
  private typealias Block = SIMD4<UInt64>

  private static let ones: UInt64 = 0x0101_0101_0101_0101
  private static let tops: UInt64 = 0x8080_8080_8080_8080

  /// The top bit of each byte that is zero, exact up to the first one.
  @inline(__always)
  private static func zeros(_ block: Block) -> Block {
    (block &- Block(repeating: ones)) & ~block
  }

  @inline(__always)
  private static func firstIndex(_ hits: Block) -> Int {
    if hits[0] & tops != 0 { return (hits[0] & tops).trailingZeroBitCount / 8 }
    if hits[1] & tops != 0 { return 8 + (hits[1] & tops).trailingZeroBitCount / 8 }
    if hits[2] & tops != 0 { return 16 + (hits[2] & tops).trailingZeroBitCount / 8 }
    return 24 + (hits[3] & tops).trailingZeroBitCount / 8
  }

  @inline(__always)
  private static func fold(_ block: Block) -> UInt64 { block[0] | block[1] | block[2] | block[3] }

  @inline(__always)
  private static func repeated(_ byte: UInt8) -> Block { Block(repeating: ones &* UInt64(byte)) }

  /// The index of the first LF at or after `start`; the count of `bytes` when there is none.
  package static func firstLF(in bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
    var at = start
    let lf = repeated(ASCII.lf)
    while at + 32 <= bytes.count {
      let block = bytes.loadUnaligned(fromByteOffset: at, as: Block.self)
      let hits = zeros(block ^ lf)
      if fold(hits) & tops != 0 { return at + firstIndex(hits) }
      at += 32
    }
    let byte = ASCII.lf
    while at < bytes.count, bytes[at] != byte { at += 1 }
    return at
  }

  /// The index of the first CR or LF at or after `start`; the count of `bytes` when there is none.
  package static func firstLineBreak(in bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
    var at = start
    let lf = repeated(ASCII.lf)
    let cr = repeated(ASCII.cr)
    while at + 32 <= bytes.count {
      let block = bytes.loadUnaligned(fromByteOffset: at, as: Block.self)
      let hits = zeros(block ^ lf) | zeros(block ^ cr)
      if fold(hits) & tops != 0 { return at + firstIndex(hits) }
      at += 32
    }
    let (lfByte, crByte) = (ASCII.lf, ASCII.cr)
    while at < bytes.count, bytes[at] != lfByte, bytes[at] != crByte { at += 1 }
    return at
  }

  /// Whether the bytes hold one outside ASCII, and whether they hold a NUL.
  package static func oddities(in bytes: UnsafeRawBufferPointer) -> (eightBit: Bool, nul: Bool) {
    var at = 0
    var union = Block(repeating: 0)
    var zeroHits = Block(repeating: 0)
    while at + 32 <= bytes.count {
      let block = bytes.loadUnaligned(fromByteOffset: at, as: Block.self)
      union |= block
      zeroHits |= zeros(block)
      at += 32
    }
    var anyBit: UInt8 = 0
    var nul = fold(zeroHits) & tops != 0
    while at < bytes.count {
      anyBit |= bytes[at]
      if bytes[at] == 0 { nul = true }
      at += 1
    }
    return (fold(union) & tops != 0 || anyBit & 0x80 != 0, nul)
  }
}
