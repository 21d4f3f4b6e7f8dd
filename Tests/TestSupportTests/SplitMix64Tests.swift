import TestSupport
import Testing

struct SplitMix64Tests {
  @Test func aSeedGivesTheSequenceOfThePublishedAlgorithm() {
    var generator = SplitMix64(seed: 1_234_567)
    let numbers = (0..<3).map { _ in generator.next() }
    #expect(
      numbers == [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423])
  }

  @Test func tokensAreJoinedUpToTheirCount() {
    var generator = SplitMix64(seed: 5)
    let text = generator.text(tokens: ["ab"], countMax: 10)
    #expect(text.count <= 20)
    #expect(text.count.isMultiple(of: 2))
  }
}

struct ChunksTests {
  @Test func chunksHoldTheSameBytes() {
    var generator = SplitMix64(seed: 3)
    let input = generator.bytes(count: 100)
    #expect(Chunks.whole(input).flatMap(\.self) == input)
    #expect(Chunks.bytes(input).flatMap(\.self) == input)
    #expect(Chunks.random(input, longest: 7, using: &generator).flatMap(\.self) == input)
  }

  @Test func aParserThatLooksAtChunkBordersIsFoundOut() {
    let input = Array("one\r\ntwo".utf8)
    #expect(feedWholeAndByteByByte(input) { $0.flatMap(\.self) }.agree)
    #expect(!feedWholeAndByteByByte(input) { $0.count }.agree)
  }
}
