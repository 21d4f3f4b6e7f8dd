import TestSupport
import Testing

@testable import SMTPGrammar

@Suite struct WireBodyTests {
  private func plain(_ chunks: [[UInt8]]) -> [UInt8] {
    var body = WireBody()
    return chunks.flatMap { chunk in chunk.withUnsafeBytes { body.plain($0) } }
  }

  @Test func stuffingIsTakenOutHoweverTheBodyIsCut() {
    let results = feedWholeAndByteByByte(Array("..a\r\nb..\r\n...\r\n.\n".utf8), plain)
    #expect(results.agree)
    #expect(results.whole == Array(".a\r\nb..\r\n..\r\n\n".utf8))
  }

  @Test func randomBodiesComeOutAlikeHoweverTheyAreCut() {
    var random = SplitMix64(seed: 3)
    for round in 0..<300 {
      let body = random.bytes(count: random.below(200), from: Array(".\r\nxyz".utf8))
      let results = feedWholeAndByteByByte(body, seed: UInt64(round), plain)
      #expect(results.agree, "round \(round)")
      var isLineStart = true
      let expected = body.filter { byte in
        defer { isLineStart = byte == 10 }
        return !(isLineStart && byte == UInt8(ascii: "."))
      }
      #expect(results.whole == expected)
    }
  }
}
