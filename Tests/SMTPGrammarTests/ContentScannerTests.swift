import TestSupport
import Testing

@testable import SMTPGrammar

@Suite struct ContentScannerTests {
  struct Row: Sendable {
    let input: String
    let wire: String
    /// Bytes of the input that belong to the content with its end; `nil` when it goes on.
    let used: Int?
    init(_ input: String, _ wire: String, _ used: Int?) {
      self.input = input
      self.wire = wire
      self.used = used
    }
  }

  static let smuggling = [
    Row("a\r\n.\r\n", "a\r\n", 6),
    Row(".\r\n", "", 3),
    Row("a\r\n.\r\nMAIL", "a\r\n", 6),
    Row("a\n.\n", "a\r\n", nil),
    Row("a\n.\r\n", "a\r\n", nil),
    Row("a\r\n.\n", "a\r\n", nil),
    Row("a\n.\r\n.\r\n", "a\r\n", 8),
    Row("a\r.\r", "a .", nil),
    Row("a\r.\r\n", "a .\r\n", nil),
    Row("a\r\n\r.\r\n", "a\r\n .\r\n", nil),
    Row("a\r\n.\r\r\n", "a\r\n \r\n", nil),
    Row("a\r\r\n.\r\n", "a \r\n", 7),
    Row("a\rb\r\n.\r\n", "a b\r\n", 8),
    Row("a\n\rb\r\n", "a\r\n b\r\n", nil),
    Row("a\r\n..\r\n.\r\n", "a\r\n..\r\n", 10),
    Row("a\r\n.b\r\n.\r\n", "a\r\nb\r\n", 10),
    Row("a\r\n..b\r\n", "a\r\n..b\r\n", nil),
    Row("a\r\n...b\r\n", "a\r\n...b\r\n", nil),
    Row("a\n.\n.b\r\n.\r\n", "a\r\nb\r\n", 11),
    Row("a\n..\n.\r\n.\r\n", "a\r\n..\r\n", 11),
    Row("a\r\n.\rb\r\n", "a\r\n b\r\n", nil),
    Row("a\r\n.\r.\r\n", "a\r\n .\r\n", nil),
    Row("\n.\r\nMAIL FROM:<x@y>\r\n", "\r\nMAIL FROM:<x@y>\r\n", nil),
    Row(
      "a\n.\nMAIL FROM:<x@y>\nRCPT TO:<z>\r\n.\r\n", "a\r\nMAIL FROM:<x@y>\r\nRCPT TO:<z>\r\n", 36),
  ]

  @Test(arguments: smuggling)
  func onlyWholeEndOfDataEndsContentAndNoBareByteGetsThrough(_ row: Row) {
    for step in [1, 2, 3, 64] {
      let outcome = ContentScanner.run(Array(row.input.utf8), step: step)
      #expect(text(outcome.wire) == row.wire, "\(row.input.debugDescription) by \(step)")
      #expect(outcome.used == row.used, "\(row.input.debugDescription) by \(step)")
    }
  }

  @Test(arguments: ["a\n.\n", "a\n.\r\n", "a\r\n.\n", "a\r\n.\r\n"])
  func withoutTheRuleEveryLineEndCounts(_ input: String) {
    let outcome = ContentScanner.run(Array(input.utf8), step: 1, bareNewlines: .no)
    #expect(outcome.used == input.utf8.count)
    #expect(text(outcome.wire) == "a\r\n")
  }

  @Test func sizeCountsContentWithoutStuffing() {
    let outcome = ContentScanner.run(Array("h: v\r\n\r\n..x\r\ny\r\n.\r\n".utf8), step: 100)
    #expect(outcome.size == 15)
    #expect(outcome.wireSize == 16)
    #expect(outcome.longest == 4)
    #expect(outcome.header == 6)
  }

  @Test func traitsTellHeaderFromBody() {
    #expect(ContentScanner.run(Array("S: ä\r\n\r\nx\r\n".utf8), step: 1).traits == .eightBitHeader)
    #expect(ContentScanner.run(Array("S: a\r\n\r\nä\r\n".utf8), step: 99).traits == .eightBitBody)
    #expect(ContentScanner.run(Array("S: a\r\n\r\n\0\r\n".utf8), step: 99).traits == .nul)
    let both = ContentScanner.run(Array("S\r\n\r\na\nb\rc".utf8), step: 99)
    #expect(both.traits == [.bareNewline, .bareReturn])
  }

  @Test func longLinesAreMeasuredAcrossChunks() {
    let line = [UInt8](repeating: 0x61, count: 5000)
    let outcome = ContentScanner.run(line + Array("\r\n".utf8) + line, step: 7)
    #expect(outcome.longest == 5000)
  }

  /// What any reader of the wire form may rely on.
  private func expectClean(_ wire: [UInt8], _ note: String) {
    var lineStart = true
    for (at, byte) in wire.enumerated() {
      if byte == 13 { #expect(at + 1 == wire.count || wire[at + 1] == 10, "\(note)") }
      if byte == 10 { #expect(at > 0 && wire[at - 1] == 13, "\(note)") }
      if lineStart, byte == 46 {
        #expect(at + 1 < wire.count && wire[at + 1] == 46, "\(note)")
      }
      lineStart = byte == 10
    }
  }

  @Test(arguments: Corpus.load())
  func contentOfTheCorpusIsCleanHoweverItIsCut(entry: CorpusEntry) {
    for mode in [ContentScanner.BareNewlines.normalize, .reject, .no] {
      let whole = ContentScanner.run(entry.bytes, step: entry.bytes.count, bareNewlines: mode)
      for step in [1, 2, 3, 31, 33] {
        let cut = ContentScanner.run(entry.bytes, step: step, bareNewlines: mode)
        #expect(cut == whole, "pieces of \(step), \(mode)")
      }
      expectClean(whole.wire, "\(mode)")
    }
  }

  @Test(arguments: Corpus.load())
  func chunksOfTheCorpusAreCleanHoweverTheyAreCut(entry: CorpusEntry) {
    var results: [[UInt8]] = []
    for step in [1, 2, 3, 31, 33, entry.bytes.count] {
      var scanner = ContentScanner(isChunked: true)
      var out: [UInt8] = []
      for start in stride(from: 0, to: entry.bytes.count, by: step) {
        let piece = Array(entry.bytes[start..<min(start + step, entry.bytes.count)])
        #expect(piece.withUnsafeBytes { scanner.scan($0, into: &out) } == piece.count)
      }
      scanner.finishChunks(into: &out)
      #expect(scanner.wireSize == out.count)
      expectClean(out, "chunks of \(step)")
      results.append(out)
    }
    #expect(Set(results).count == 1)
  }

  @Test func wholeAndByteByByteAgreeOnRandomInput() {
    var random = SplitMix64(seed: 20)
    let alphabet = Array("\r\n.\r\n.ab\0 ".utf8) + [0xe9]
    for round in 0..<4000 {
      let length = Int.random(in: 0..<60, using: &random)
      var input = (0..<length).map { _ in alphabet.randomElement(using: &random)! }
      if round % 4 == 0 {
        input.insert(contentsOf: [UInt8](repeating: 0x78, count: 70), at: length / 2)
      }
      for policy in [ContentScanner.BareNewlines.normalize, .no] {
        let whole = ContentScanner.run(input, step: .max / 2, bareNewlines: policy)
        let bytes = ContentScanner.run(input, step: 1, bareNewlines: policy)
        let pieces = ContentScanner.run(
          input, step: Int.random(in: 2..<20, using: &random), bareNewlines: policy)
        #expect(whole == bytes, "\(text(input).debugDescription)")
        #expect(whole == pieces, "\(text(input).debugDescription)")
        expectClean(whole.wire, text(input).debugDescription)
        #expect(whole.wire.count == whole.wireSize)
        #expect(whole.wire.filter { $0 == 0xe9 }.count <= input.filter { $0 == 0xe9 }.count)
      }
    }
  }

  @Test func cleanContentPassesUnchangedAndScansTheSameTwice() {
    var random = SplitMix64(seed: 7)
    let alphabet = Array("\r\n.ab".utf8)
    for _ in 0..<500 {
      let input = (0..<80).map { _ in alphabet.randomElement(using: &random)! }
      let once = ContentScanner.run(input, step: 1000)
      let again = ContentScanner.run(once.wire, step: 1000)
      if once.wire.last == 10 || once.wire.isEmpty { #expect(again.wire == once.wire) }
      #expect(again.used == nil)
    }
  }

  @Test func whatBelongsToEndedLinesIsKnownAtEachByte() {
    let ended: [(String, Int)] = [
      ("", 0), ("abc", 0), ("abc\r", 0), ("abc\r\n", 5), ("abc\n", 5), ("abc\r\nde", 5),
      ("abc\r\n.", 5), ("abc\r\n..d", 5), ("abc\r\n..d\r\n", 9), ("abc\r\n.d", 5),
      ("abc\r\n.\r", 5), ("abc\r\n.\r\n", 5), ("a\rb", 0), ("a\rb\r\n", 5),
    ]
    for (input, size) in ended {
      for step in [1, 100] {
        var scanner = ContentScanner(bareNewlines: .no)
        var out: [UInt8] = []
        for at in stride(from: 0, to: input.utf8.count, by: step) {
          let piece = Array(Array(input.utf8)[at..<min(at + step, input.utf8.count)])
          _ = piece.withUnsafeBytes { scanner.scan($0, into: &out) }
        }
        #expect(scanner.endedLinesSize == size, "\(input.debugDescription)")
      }
    }
  }
}
