import Testing

@testable import Configuration

/// What Postfix 3.7 does with the same lists, seen by connecting to it.
@Suite struct TLSListTests {
  private static let versions: [UInt16] = [0x0301, 0x0302, 0x0303, 0x0304]

  private func spoken(_ list: TLSProtocolList) -> [UInt16] {
    Self.versions.filter {
      $0 >= list.lowest && (list.highest == 0 || $0 <= list.highest) && !list.excluded.contains($0)
    }
  }

  @Test(
    arguments: [
      ("", [0x0301, 0x0302, 0x0303, 0x0304]), (">=TLSv1", [0x0301, 0x0302, 0x0303, 0x0304]),
      (">=TLSv1.2", [0x0303, 0x0304]), (">=tlsv1.3", [0x0304]),
      ("<=TLSv1.2", [0x0301, 0x0302, 0x0303]), (">=0304", [0x0304]), (">=0x304", [0x0304]),
      (">=304", [0x0304]), ("<=0303", [0x0301, 0x0302, 0x0303]),
      (">=TLSv1.2,<=TLSv1.2", [0x0303]), ("!SSLv2, !SSLv3", [0x0301, 0x0302, 0x0303, 0x0304]),
      ("!SSLv2 !SSLv3 !TLSv1 !TLSv1.1", [0x0303, 0x0304]),
      ("!SSLv2:!SSLv3:!tlsv1", [0x0302, 0x0303, 0x0304]), ("TLSv1.2", [0x0303]),
      ("TLSv1.3 TLSv1.2", [0x0303, 0x0304]), ("SSLv2", [0x0301, 0x0302, 0x0303, 0x0304]),
      ("!TLSv1.2 TLSv1.2 TLSv1.3", [0x0304]), (">=TLSv1.2 !TLSv1.3", [0x0303]),
      (">=TLSv1 >=TLSv1.3", [0x0304]), (">=0", [0x0301, 0x0302, 0x0303, 0x0304]),
    ] as [(String, [UInt16])])
  func aListOfVersions(text: String, wanted: [UInt16]) throws {
    #expect(spoken(try #require(TLSProtocolList(text))) == wanted)
  }

  /// Postfix lets some of these pass with a warning, and then means something else.
  @Test(arguments: [
    "bogus", "TLSv1.4", "!", "!0304", "0304", "!SSLv23", ">=", ">=0x", ">= TLSv1.2", ">=TLSv1;",
    ">=+304", ">=03034", ">=-1",
  ])
  func whatIsNoListOfVersions(text: String) {
    #expect(TLSProtocolList(text) == nil)
  }

  @Test func aBrokenListIsAnErrorWithItsPlace() {
    let found = Sample.evaluate("smtpd_tls_protocols = TLSv9\nsmtpd_tls_ciphers = best\n")
    #expect(found.hasErrors)
    let texts = found.diagnostics.map(\.description)
    #expect(texts.contains { $0.contains("main.cf, line 1: smtpd_tls_protocols") })
    #expect(texts.contains { $0.contains("main.cf, line 2: smtpd_tls_ciphers") })
  }

  @Test func ciphersAreThoseOfTheGradeWithoutTheExcluded() {
    let configuration = Sample.evaluate("tls_high_cipherlist = HIGH\n").configuration
    #expect(configuration.cipherList(.high, excluding: []) == "HIGH")
    #expect(
      configuration.cipherList(.high, excluding: ["aNULL", "MD5:DES"]) == "HIGH:!aNULL:!MD5:!DES")
    #expect(
      configuration.cipherList(.medium, excluding: ["RC4"])
        == "aNULL:-aNULL:HIGH:MEDIUM:+RC4:@STRENGTH:!RC4")
    #expect(configuration.cipherList(.null, excluding: []) == "eNULL:!aNULL")
  }
}
