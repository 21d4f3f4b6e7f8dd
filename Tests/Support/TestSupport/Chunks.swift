/// The ways in which a stream may hand over the same bytes.
package enum Chunks {
  /// All bytes at once.
  package static func whole(_ input: [UInt8]) -> [[UInt8]] { [input] }

  /// One byte at a time.
  package static func bytes(_ input: [UInt8]) -> [[UInt8]] { input.map { [$0] } }

  /// Chunks of random length, empty ones among them.
  package static func random(
    _ input: [UInt8], longest: Int, using generator: inout SplitMix64
  ) -> [[UInt8]] {
    var chunks: [[UInt8]] = []
    var rest = input[...]
    while !rest.isEmpty {
      let chunk = rest.prefix(generator.below(longest + 1))
      chunks.append(Array(chunk))
      rest = rest.dropFirst(chunk.count)
    }
    return chunks
  }
}

/// How the same input came out in different chunks.
package struct ChunkedResults<Result: Equatable> {
  /// The input given whole.
  package let whole: Result
  /// The input given byte by byte.
  package let byteByByte: Result
  /// The input in seeded random chunks.
  package let mixed: Result

  /// Whether the chunks made no difference.
  package var agree: Bool { whole == byteByByte && whole == mixed }
}

/// Feeds one input whole, byte by byte and in random chunks of up to seven bytes.
///
/// `feed` takes the chunks through a fresh parser and returns what came of it.
package func feedWholeAndByteByByte<Result: Equatable>(
  _ input: [UInt8], seed: UInt64 = 1, _ feed: ([[UInt8]]) -> Result
) -> ChunkedResults<Result> {
  var generator = SplitMix64(seed: seed)
  return ChunkedResults(
    whole: feed(Chunks.whole(input)), byteByByte: feed(Chunks.bytes(input)),
    mixed: feed(Chunks.random(input, longest: 7, using: &generator)))
}
