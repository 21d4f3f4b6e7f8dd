import Testing

@testable import Primitives

@Suite struct LogicalLinesTests {
  private func lines(_ text: String) -> [String] {
    LogicalLines(text.utf8).lines.map { "\($0.number) \(String(decoding: $0.text, as: UTF8.self))" }
  }

  @Test func continuationLinesJoinTheLineBefore() {
    #expect(lines("a\n  b\n\n#x\n\tc \nd\r\n e\r\n") == ["1 a  b\tc", "6 d e"])
  }

  @Test func commentsAndBlankLinesVanish() {
    #expect(lines("  # a\n\n \t\nb # c\n") == ["4 b # c"])
    #expect(lines("") == [])
  }

  @Test func aLineWithNothingToContinueIsAnOrphan() {
    let text = LogicalLines(" a\nb\n".utf8)
    #expect(text.orphans == [1])
    #expect(text.lines.map(\.number) == [2])
  }
}
