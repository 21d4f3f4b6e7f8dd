import Testing

@testable import Primitives

@Suite struct ByteTextTests {
  private func decimal(_ value: Int, width: Int = 1) -> String {
    var text: [UInt8] = []
    text.append(decimal: value, width: width)
    return String(decoding: text, as: UTF8.self)
  }

  @Test func decimalsOfEveryTypeAndSign() {
    #expect(decimal(0) == "0")
    #expect(decimal(.min) == "-9223372036854775808")
    #expect(decimal(42, width: 5) == "00042")
    #expect(decimal(-7, width: 2) == "-07")
    var text: [UInt8] = []
    text.append(decimal: UInt64.max)
    text.append(decimal: Int8.min)
    #expect(String(decoding: text, as: UTF8.self) == "18446744073709551615-128")
  }

  @Test(arguments: ["0.0.0.0", "192.0.2.255", "2001:db8::1", "::ffff:192.0.2.1"])
  func addressesAreAppendedAsTheyAreDescribed(_ address: String) {
    var text: [UInt8] = []
    IPAddress(address)!.append(to: &text)
    #expect(String(decoding: text, as: UTF8.self) == address)
  }

  @Test func namesAreComparedHoweverTheirBytesAreKept() {
    for (left, right, isEqual) in [
      ("Received", "RECEIVED", true), ("a", "b", false), ("[", "{", false), ("a", "ab", false),
      ("", "", true),
    ] {
      let (a, b) = (Array(left.utf8), Array(right.utf8))
      #expect(ASCII.equalFolded(a, b[...]) == isEqual)
      #expect(ASCII.equalFolded(left.utf8, b) == isEqual)
      #expect(ASCII.equalFolded(a, b.lazy.map { $0 }) == isEqual)
    }
  }

  @Test func bytesAreComparedWithTextInLowerCase() {
    Array("SIZE=".utf8).withUnsafeBytes { bytes in
      #expect(ASCII.equalFolded(bytes, "size="))
      #expect(!ASCII.equalFolded(bytes, "size"))
      #expect(!ASCII.equalFolded(bytes, "sized"))
    }
  }
}
