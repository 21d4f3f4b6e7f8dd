import TLSEngine
import Testing

struct AuthenticationCodeTests {
  private func hexadecimal(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  /// RFC 2195 2, and RFC 2202 2 (the second); the last is what an empty key and text have.
  @Test(arguments: [
    (
      "tanstaaftanstaaf", "<1896.697170952@postoffice.reston.mci.net>",
      "b913a602c7eda7a495b4e6e7334d3890"
    ),
    ("Jefe", "what do ya want for nothing?", "750c783e6ab0b503eaa86e310a5db738"),
    ("", "", "74e6f7298a9c2d168935f58c001bad88"),
  ])
  func codesAreThoseOfTheStandards(key: String, text: String, code: String) throws {
    let found = try #require(
      AuthenticationCode.hmacMD5(key: Array(key.utf8), text: Array(text.utf8)))
    #expect(hexadecimal(found) == code)
  }
}
