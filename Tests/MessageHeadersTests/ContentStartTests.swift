import Testing

@testable import MessageHeaders

@Suite struct ContentStartTests {
  private func mend(_ text: String, isWhole: Bool = true) -> (text: String, added: Int?) {
    var bytes = Array("T: x\r\n\(text)".utf8)
    let added = ContentStart.mend(&bytes, at: 6, isWhole: isWhole)
    return (String(decoding: bytes.dropFirst(6), as: UTF8.self), added)
  }

  @Test(arguments: [
    ("Subject: x\r\n", "Subject: x\r\n"), ("", ""), ("\r\nbody\r\n", "\r\nbody\r\n"),
    (" x\r\n", "\r\n x\r\n"), ("\tx\r\n", "\r\n\tx\r\n"), ("From: x\r\n", "From: x\r\n"),
    ("From a\r\nS: x\r\n", "X-Mailbox-Line: From a\r\nS: x\r\n"),
    (
      ">From a\r\n>>From b\r\nFrom c\r\nS: x\r\nFrom d\r\n",
      "X-Mailbox-Line: >From a\r\nX-Mailbox-Line: >>From b\r\nX-Mailbox-Line: From c\r\n"
        + "S: x\r\nFrom d\r\n"
    ),
    ("From a\r\n x\r\n", "X-Mailbox-Line: From a\r\n\r\n x\r\n"),
    ("From a\r\n", "X-Mailbox-Line: From a\r\n"), ("Fro\r\n", "Fro\r\n"), (">>", ">>"),
  ])
  func firstLinesDoNotRunIntoTheTrace(_ text: String, _ mended: String) {
    let whole = mend(text)
    #expect(whole.text == mended)
    #expect(whole.added == mended.utf8.count - text.utf8.count)
    for end in text.indices {
      let part = mend(String(text[..<end]), isWhole: false)
      guard part.added != nil else {
        #expect(part.text == text[..<end])
        continue
      }
      #expect(mended.hasPrefix(part.text), "cut at \(end)")
    }
  }

  @Test func oneWaitsForNoMoreThanABoundedBeginning() {
    let text = "From " + String(repeating: "x", count: 64 << 10)
    #expect(mend(text, isWhole: false).added == 16)
    #expect(mend(String(text.prefix(100)), isWhole: false).added == nil)
    let marks = String(repeating: ">", count: 64 << 10)
    #expect(mend(marks, isWhole: false).added == 0)
  }

  @Test func linesThatBeginLateAreLeftAsTheyAre() {
    let line = "From \r\n"
    let text = String(repeating: line, count: (1 << 20) / line.utf8.count)
    let lines = ((64 << 10) + line.utf8.count - 1) / line.utf8.count
    let whole = mend(text)
    #expect(whole.added == 16 * lines)
    #expect(whole.text.hasSuffix("\r\nFrom \r\n"))
  }
}
