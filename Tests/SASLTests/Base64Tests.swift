import TestSupport
import Testing

@testable import SASL

@Suite struct Base64Tests {
  @Test(arguments: [
    ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="),
    ("fooba", "Zm9vYmE="), ("foobar", "Zm9vYmFy"), ("\0a\0b", "AGEAYg=="), ("???>", "Pz8/Pg=="),
  ])
  func isThatOfTheStandard(text: String, letters: String) {
    #expect(Base64.encoded(text.utf8) == Array(letters.utf8))
    #expect(Base64.decoded(letters.utf8) == Array(text.utf8))
    #expect(Base64.isText(letters.utf8))
  }

  @Test(arguments: [
    "Z", "Zg", "Zg=", "=", "==", "===", "====", "Z===", "Zg==Zg==", "Z=g=", "Zm9v ", "Zm9v\r\n",
    "Zm 9", "Zm9*", "Zm-_", "\u{e9}aa", "*", "QUI",
  ])
  func isNothingElse(text: String) {
    #expect(Base64.decoded(text.utf8) == nil)
    #expect(!Base64.isText(text.utf8))
  }

  @Test func whatIsEncodedIsDecoded() {
    var random = SplitMix64(seed: 11)
    for length in 0..<300 {
      let bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
      #expect(Base64.decoded(Base64.encoded(bytes)) == bytes)
    }
  }
}
