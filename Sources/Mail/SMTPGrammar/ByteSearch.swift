import Primitives

/// Vector searches over raw bytes; the loops that touch every byte of every message.
package enum ByteSearch {
  private typealias Block = SIMD32<UInt8>
  private typealias Words = SIMD4<UInt64>

  @inline(__always)
  private static func hits(_ mask: SIMDMask<Block.MaskStorage>) -> Words {
    unsafeBitCast(Block(repeating: 0).replacing(with: 0xff, where: mask), to: Words.self)
  }

  @inline(__always)
  private static func firstIndex(_ words: Words) -> Int {
    if words[0] != 0 { return words[0].trailingZeroBitCount / 8 }
    if words[1] != 0 { return 8 + words[1].trailingZeroBitCount / 8 }
    if words[2] != 0 { return 16 + words[2].trailingZeroBitCount / 8 }
    return 24 + words[3].trailingZeroBitCount / 8
  }

  /// The index of the first LF at or after `start`; the count of `bytes` when there is none.
  package static func firstLF(in bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
    var at = start
    let lf = Block(repeating: ASCII.lf)
    while at + 32 <= bytes.count {
      let words = hits(bytes.loadUnaligned(fromByteOffset: at, as: Block.self) .== lf)
      if words[0] | words[1] | words[2] | words[3] != 0 { return at + firstIndex(words) }
      at += 32
    }
    while at < bytes.count, bytes[at] != ASCII.lf { at += 1 }
    return at
  }

  /// The index of the first CR or LF at or after `start`; the count of `bytes` when there is none.
  package static func firstLineBreak(in bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
    var at = start
    let lf = Block(repeating: ASCII.lf)
    let cr = Block(repeating: ASCII.cr)
    while at + 32 <= bytes.count {
      let block = bytes.loadUnaligned(fromByteOffset: at, as: Block.self)
      let words = hits((block .== lf) .| (block .== cr))
      if words[0] | words[1] | words[2] | words[3] != 0 { return at + firstIndex(words) }
      at += 32
    }
    while at < bytes.count, bytes[at] != ASCII.lf, bytes[at] != ASCII.cr { at += 1 }
    return at
  }

  /// Whether the bytes hold one outside ASCII, and whether they hold a NUL.
  package static func oddities(in bytes: UnsafeRawBufferPointer) -> (eightBit: Bool, nul: Bool) {
    var at = 0
    var union = Block(repeating: 0)
    var least = Block(repeating: 0xff)
    while at + 32 <= bytes.count {
      let block = bytes.loadUnaligned(fromByteOffset: at, as: Block.self)
      union |= block
      least = pointwiseMin(least, block)
      at += 32
    }
    var anyBit: UInt8 = 0
    var nul = least.min() == 0
    let words = unsafeBitCast(union, to: Words.self)
    let folded = words[0] | words[1] | words[2] | words[3]
    while at < bytes.count {
      anyBit |= bytes[at]
      if bytes[at] == 0 { nul = true }
      at += 1
    }
    return (folded & 0x8080_8080_8080_8080 != 0 || anyBit & 0x80 != 0, nul)
  }
}
