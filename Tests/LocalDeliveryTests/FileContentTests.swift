import LocalDelivery
import TestSupport
import Testing

struct FileContentTests {
  private static func text(_ chunks: [[UInt8]]) -> [UInt8] {
    var content = FileContent()
    var text: [UInt8] = []
    for chunk in chunks { chunk.withUnsafeBytes { content.append($0, to: &text) } }
    content.finish(into: &text)
    return text
  }

  @Test(arguments: [
    ("", ""), ("a\r\nb\r\n", "a\nb\n"), ("..a\r\n...\r\n", ".a\n..\n"), ("a..b\r\n", "a..b\n"),
    ("\r\n\r\n", "\n\n"), ("a\rb\r\n", "a\rb\n"), ("a\n..b\r\n", "a\n..b\n"), ("a\r", "a\r"),
    ("a\r\r\n..b", "a\r\n.b"), (".\r\na", "\na"), ("..\r\n", ".\n"), ("\r\n..", "\n."),
  ])
  func wireFormBecomesLines(wire: String, file: String) {
    #expect(String(decoding: Self.text([Array(wire.utf8)]), as: UTF8.self) == file)
  }

  @Test func chunksMakeNoDifference() {
    var generator = SplitMix64(seed: 11)
    let tokens = ["\r\n", "\r", "\n", ".", "..", "x", "line of text", "\r\n.", ""]
    for round in 0..<2000 {
      let input = generator.text(tokens: tokens, countMax: 30)
      let results = feedWholeAndByteByByte(input, seed: UInt64(round), Self.text)
      #expect(results.agree, "\(input)")
    }
  }

  @Test func whatWasStuffedComesOutAsItWas() {
    var generator = SplitMix64(seed: 12)
    for _ in 0..<500 {
      let lines = (0..<generator.below(20)).map { _ in
        generator.bytes(count: generator.below(40), from: Array(".ab c".utf8))
      }
      let wire = lines.flatMap { ($0.first == UInt8(ascii: ".") ? [46] : []) + $0 + [13, 10] }
      #expect(Self.text([wire]) == lines.flatMap { $0 + [10] })
    }
  }
}
