import TestSupport
import Testing

@testable import MessageHeaders

@Suite struct HeaderScanTests {
  private func scan(_ text: String) -> HeaderScan {
    Array(text.utf8).withUnsafeBytes { HeaderScan($0) }
  }

  private func value(_ text: String, _ range: Range<Int>?) -> String? {
    range.map { String(decoding: Array(text.utf8)[$0], as: UTF8.self) }
  }

  @Test func theHeaderEndsAtTheEmptyLine() {
    let text = "Subject: x\r\n y\r\nDate: d\r\n\r\nFrom: body\r\n"
    let header = scan(text)
    #expect(header.headerEnd == 25)
    #expect(header.endsWithEmptyLine)
    #expect(header.fields == .date)
  }

  @Test(arguments: [
    ("Subject: x\r\nno field\r\nTo: y\r\n", 12), ("no field\r\n", 0), (" folded: x\r\n", 0),
    ("", 0), (": x\r\n", 0), ("Subject: x\r\n..\r\n", 12), ("Subject: x\r\nä: y\r\n", 12),
    ("Subject: x\r\n", 12), ("Subject: x", 10),
  ])
  func aLineThatIsNoFieldEndsTheHeaderToo(_ text: String, _ end: Int) {
    let header = scan(text)
    #expect(header.headerEnd == end)
    #expect(!header.endsWithEmptyLine)
    #expect(!header.fields.contains(.destination))
  }

  @Test func hopsAreCountedByTheirName() {
    let header = scan(
      "Received: a\r\n\tb\r\nRECEIVED : c\r\nReceived-SPF: d\r\nX-Received: e\r\n received: f\r\n\r\n"
    )
    #expect(header.receivedCount == 2)
  }

  @Test func messageIDsAreFoundFoldedOrNot() {
    let text = "Message-Id:\r\n\t<a@b> \r\nmessage-id: <c@d>\r\nResent-Message-ID:<e@f>\r\n\r\n"
    let header = scan(text)
    #expect(value(text, header.messageID) == "<a@b>")
    #expect(value(text, header.resentMessageID) == "<e@f>")
    #expect(header.fields == [.messageID, .resent, .resentMessageID])
    let empty = scan("Message-ID:\r\n\r\n")
    #expect(empty.messageID?.isEmpty == true)
  }

  @Test func fieldsAreKnownInAnyCase() {
    let header = scan(
      "DATE: x\r\nfrom:\r\nTo: a\r\nCC: b\r\nResent-Date: c\r\nResent-From: d\r\nToo: e\r\n\r\n")
    #expect(
      header.fields == [.date, .from, .destination, .resent, .resentDate, .resentFrom])
  }

  @Test func randomInputStaysInBounds() {
    var random = SplitMix64(seed: 5)
    let alphabet = Array("ad:\r\n \t\r\nDate:x\r\n".utf8) + [0, 0xe9]
    for _ in 0..<5000 {
      let text = random.bytes(count: 30, from: alphabet)
      let header = text.withUnsafeBytes { HeaderScan($0) }
      #expect(header.headerEnd <= text.count)
      if header.endsWithEmptyLine {
        #expect(Array(text[header.headerEnd...].prefix(2)) == [13, 10])
      }
      // What stands before the end is all header: the scan of it alone ends at the same place.
      let again = Array(text[..<header.headerEnd]).withUnsafeBytes { HeaderScan($0) }
      #expect(again.headerEnd == header.headerEnd)
      #expect(again.fields == header.fields)
    }
  }
}
