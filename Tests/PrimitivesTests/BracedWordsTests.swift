import Testing

@testable import Primitives

@Suite struct BracedWordsTests {
  private func words(_ text: String) -> [String]? {
    BracedWords.split(text.utf8) { $0 == UInt8(ascii: ",") || ASCII.isSpace($0) }?
      .map { String(decoding: $0, as: UTF8.self) }
  }

  @Test func bracesKeepSeparatorsInsideAWord() {
    #expect(words(" a, b\tc,,d ") == ["a", "b", "c", "d"])
    #expect(words("x{a, b} { c {d e} } f") == ["x{a, b}", "{ c {d e} }", "f"])
    #expect(words("") == [])
    #expect(words(" ,") == [])
  }

  @Test(arguments: ["{", "}", "a {b", "a} {b", "{}}"])
  func aBraceWithoutPartnerIsRefused(text: String) {
    #expect(words(text) == nil)
  }

  @Test(arguments: [
    ("{a}", "a"), ("{ a b }", "a b"), ("{}", ""), ("{ {a} b }", "{a} b"), ("{a}b", nil),
    ("{a}{b}", nil), ("a", nil), ("", nil), ("{", nil),
  ])
  func aGroupIsOneWordInBraces(word: String, inside: String?) {
    let group = BracedWords.group(word.utf8).map { String(decoding: $0, as: UTF8.self) }
    #expect(group == inside)
  }
}
