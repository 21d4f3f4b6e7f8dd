import Testing

@testable import SMTPGrammar

@Suite struct ExtendedTextTests {
  @Test(arguments: [
    ("", ""), ("abc", "abc"), ("a+2Bb", "a+b"), ("a+2bb", "a+b"), ("+0A", "\n"), ("a+", nil),
    ("a+2", nil), ("a+2G", nil), ("++", nil),
  ])
  func textIsDecoded(_ text: String, _ meaning: String?) {
    let decoded = ExtendedText.decoded(text.utf8).map { String(decoding: $0, as: UTF8.self) }
    #expect(decoded == meaning)
  }

  @Test func whatIsSpelledIsReadAgain() {
    #expect(ExtendedText.encoded("a+b=c d\u{fc}".utf8) == Array("a+2Bb+3Dc+20d+C3+BC".utf8))
    let all = (UInt8.min...UInt8.max).map(\.self)
    #expect(ExtendedText.decoded(ExtendedText.encoded(all)) == all)
    #expect(ExtendedText.encoded(all).allSatisfy { $0 > 32 && $0 < 127 })
  }

  @Test func controlCharactersAreNotHarmless() {
    #expect(ExtendedText.isHarmless("a+20b".utf8))
    #expect(ExtendedText.isHarmless(Array(repeating: 65, count: ExtendedText.lengthMax)))
    #expect(!ExtendedText.isHarmless(Array(repeating: 65, count: ExtendedText.lengthMax + 1)))
    for text in ["+0A", "+0D", "+00", "+7F", "a+1Fb", "+"] {
      #expect(!ExtendedText.isHarmless(text.utf8))
    }
  }
}
