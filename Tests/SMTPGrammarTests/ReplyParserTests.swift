import MailTypes
import SMTPGrammar
import Testing

struct ReplyParserTests {
  struct Seen: Equatable {
    var code: Int
    var status: EnhancedStatus
    var text: String
  }

  static func read(_ input: [UInt8], chunk: Int) throws -> [Seen] {
    var parser = ReplyParser()
    var seen: [Seen] = []
    var start = 0
    while start < input.count {
      let end = min(start + chunk, input.count)
      let piece = Array(input[start..<end])
      start = end
      var position = 0
      while position < piece.count {
        let isComplete = try piece.withUnsafeBytes { bytes in
          try parser.read(bytes, at: &position)
        }
        if isComplete {
          seen.append(
            Seen(
              code: parser.code, status: parser.status,
              text: String(decoding: parser.logText, as: UTF8.self)))
        }
      }
    }
    return seen
  }

  static func seen(_ code: Int, _ status: EnhancedStatus, _ text: String) -> Seen {
    Seen(code: code, status: status, text: text)
  }

  @Test(arguments: [
    ("250 2.1.0 Ok\r\n", seen(250, EnhancedStatus(2, 1, 0), "250 2.1.0 Ok")),
    ("250\r\n", seen(250, EnhancedStatus(2, 0, 0), "250")),
    ("354 \n", seen(354, EnhancedStatus(3, 0, 0), "354 ")),
    ("550 5.1.1\r\n", seen(550, EnhancedStatus(5, 1, 1), "550 5.1.1")),
    ("550 4.1.1 x\r\n", seen(550, EnhancedStatus(5, 0, 0), "550 4.1.1 x")),
    ("550 5.1.1x\r\n", seen(550, EnhancedStatus(5, 0, 0), "550 5.1.1x")),
    (
      "550-5.7.1 one\r\n550 5.7.26 two\r\n",
      seen(550, EnhancedStatus(5, 7, 26), "550-5.7.1 one 550 5.7.26 two")
    ),
    ("hello\r\n220 x\r\n", seen(220, EnhancedStatus(2, 0, 0), "hello 220 x")),
    ("2200 y\r\n220 x\r\n", seen(220, EnhancedStatus(2, 0, 0), "2200 y 220 x")),
    ("421 a\tb\u{7f}\u{1b}[0m\r\n", seen(421, EnhancedStatus(4, 0, 0), "421 a?b??[0m")),
    ("250 gr\u{fc}n\r\n", seen(250, EnhancedStatus(2, 0, 0), "250 gr\u{fc}n")),
  ])
  func readsOneReply(input: String, expected: Seen) throws {
    for chunk in [1, 2, 1000] {
      #expect(try Self.read(Array(input.utf8), chunk: chunk) == [expected])
    }
  }

  @Test func readsPipelinedRepliesInOrder() throws {
    let input = Array("250 a\r\n550-b\r\n550 c\r\n354 d\r\n".utf8)
    for chunk in 1...input.count {
      #expect(try Self.read(input, chunk: chunk).map(\.code) == [250, 550, 354])
    }
  }

  @Test func brokenUTF8BecomesQuestionMarks() throws {
    let line = Array("250 ".utf8) + [0xC3, 0x28, 0xE9, 0x20, 0xC3, 0xA9, 13, 10]
    #expect(try Self.read(line, chunk: 99).map(\.text) == ["250 ?(? \u{e9}"])
  }

  @Test func textIsCutAtOneKibibyteAndTheCodeStillRead() throws {
    for filler in ["x", "\u{e9}", "\u{20ac}"] {
      let line = "250-" + String(repeating: filler, count: 2000) + "\r\n"
      let input = Array((String(repeating: line, count: 20) + "450 4.2.0 end\r\n").utf8)
      let seen = try Self.read(input, chunk: 700)
      #expect(seen.map(\.code) == [450])
      #expect(seen.map(\.status) == [EnhancedStatus(4, 2, 0)])
      let text = try #require(seen.first?.text)
      #expect((1021...1024).contains(text.utf8.count))
      #expect(!text.contains("?"))
    }
  }

  @Test func aReplyWithoutEndIsAnError() {
    let input = Array(String(repeating: "250-x\r\n", count: 20_000).utf8)
    #expect(throws: ReplyError.tooLong) { try Self.read(input, chunk: 4096) }
    let line = [UInt8](repeating: 0x32, count: 200_000)
    #expect(throws: ReplyError.tooLong) { try Self.read(line, chunk: 4096) }
  }

  @Test func anyInputReadsTheSameWholeAndInPieces() throws {
    var state: UInt64 = 7
    func next(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % bound
    }
    let parts = [
      "250", " ", "-", "\r\n", "\n", "\r", "5.1.1", "4", "x", "\u{e9}", "\0", "550 5.7.1 no\r\n",
    ].map { Array($0.utf8) }
    for _ in 0..<3000 {
      var input: [UInt8] = []
      for _ in 0..<next(40) { input += parts[next(parts.count)] }
      let whole = try Self.read(input, chunk: 1 << 20)
      #expect(try Self.read(input, chunk: 1) == whole)
      #expect(try Self.read(input, chunk: 1 + next(7)) == whole)
    }
  }
}
