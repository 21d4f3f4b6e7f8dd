import MailTypes
import Testing

@testable import SMTPServerCore

/// BDAT, and that nothing of it is left over whatever goes wrong.
@Suite struct ChunkTests {
  /// What every step answers, one line for each reply.
  private func replies(
    _ steps: [String], _ change: (inout Session) -> Void = { _ in }
  ) -> [String] {
    var session = Session {
      $0.hardErrorLimit = 100
      $0.messageSizeLimit = 100
    }
    change(&session)
    for step in steps where session.isOpen { session.feed(Array(step.utf8)) }
    return session.text().split(separator: "\n").map(String.init)
  }

  private static let start = ["MAIL FROM:<a@b>\r\n", "RCPT TO:<c@d>\r\n"]
  private static let started = ["250 2.1.0 Ok", "250 2.1.5 Ok"]
  private static let small = "BDAT 3\r\nabc"
  private static let last = "BDAT 3 LAST\r\nabc"
  private static let noTransaction = "503 5.5.1 Error: need RCPT command"
  private static let tooLarge = "552 5.3.4 Chunk exceeds message size limit"
  private static let queued = "250 2.0.0 Ok: 5 bytes queued as 4SVLCh0000z1"
  private static let queuedBoth = "250 2.0.0 Ok: 8 bytes queued as 4SVLCh0000z1"

  private static func dropped(_ count: Int) -> String {
    "551 5.0.0 Discarded \(count) bytes after earlier error"
  }

  private static func chunk(_ count: Int, last: Bool = false) -> String {
    "BDAT \(count)\(last ? " LAST" : "")\r\n" + String(repeating: "x", count: count)
  }

  @Test(arguments: [
    (["BDAT 6 LAST\r\n.a\r\n.b"], "..a\r\n..b\r\n", 8), (["BDAT 0 LAST\r\n"], "", 0),
    (["BDAT 2\r\na\r", "BDAT 1 LAST\r\n\n"], "a\r\n", 3), (["BDAT 2 LAST\r\na\r"], "a \r\n", 4),
    (["BDAT 3\r\n\r\n.", "BDAT 3 LAST\r\n\r\nx"], "\r\n..\r\nx\r\n", 8),
    (["BDAT 3 LAST\r\na\nb"], "a\r\nb\r\n", 6), (["BDAT 5 LAST\r\n\r\n.\r\n"], "\r\n..\r\n", 5),
  ])
  func chunksBecomeStuffedContent(_ chunks: [String], _ content: String, _ size: Int) {
    var session = Session()
    for step in Self.start + chunks { session.feed(Array(step.utf8)) }
    #expect(session.received.map { String(decoding: $0, as: UTF8.self) } == [content])
    #expect(session.text().hasSuffix("250 2.0.0 Ok: \(size) bytes queued as 4SVLCh0000z1\n"))
    #expect(session.core.transaction == nil)
  }

  /// Steps behind MAIL and RCPT, and what they answer; a whole message must go through at the end.
  private static let table: [(steps: [String], replies: [String])] = [
    ([small, last], ["250 2.0.0 Ok: 3 bytes", queuedBoth]),
    (
      [small, "DATA\r\n", last],
      ["250 2.0.0 Ok: 3 bytes", "503 5.5.1 Error: DATA after BDAT", queuedBoth]
    ),
    (
      [small, "RCPT TO:<e@f>\r\n", "MAIL FROM:<e@f>\r\n", "VRFY a\r\n", "RSET\r\n"],
      [
        "250 2.0.0 Ok: 3 bytes", "503 5.5.1 Error: RCPT after BDAT",
        "503 5.5.1 Error: nested MAIL command", "252 2.0.0 a", "250 2.0.0 Ok",
      ]
    ),
    (
      [small, "HELO x\r\n", last],
      ["250 2.0.0 Ok: 3 bytes", "250 mx.example.test", noTransaction]
    ),
    (
      ["BDAT 0\r\n", small, last], ["551 5.7.1 Null BDAT request", dropped(3), dropped(3)]
    ),
    (
      [chunk(101), small, "DATA\r\n", last],
      [tooLarge, dropped(3), "503 5.5.1 Error: DATA after BDAT", dropped(3)]
    ),
    ([chunk(101, last: true), last], [tooLarge, noTransaction]),
    ([small, chunk(98), last], ["250 2.0.0 Ok: 3 bytes", tooLarge, dropped(3)]),
    (
      ["RSET\r\n", small, "MAIL FROM:<a@b>\r\n", last],
      ["250 2.0.0 Ok", noTransaction, "503 5.5.1 Error: MAIL after BDAT", dropped(3)]
    ),
    (
      ["RSET\r\n", "MAIL FROM:<a@b>\r\n", small, "RCPT TO:<c@d>\r\n", last],
      [
        "250 2.0.0 Ok", "250 2.1.0 Ok", "554 5.5.1 Error: no valid recipients",
        "503 5.5.1 Error: RCPT after BDAT", dropped(3),
      ]
    ),
    (
      ["RSET\r\n", "MAIL FROM:<a@b>\r\n", last, "RCPT TO:<c@d>\r\n"],
      [
        "250 2.0.0 Ok", "250 2.1.0 Ok", "554 5.5.1 Error: no valid recipients",
        "503 5.5.1 Error: need MAIL command",
      ]
    ),
  ]

  @Test(arguments: table.indices)
  func theStateIsCompleteAfterEachError(_ index: Int) {
    let (steps, expected) = Self.table[index]
    let end = replies(Self.start + steps + Self.start + [Self.last])
    #expect(end.dropLast(3) == (Self.started + expected)[...])
    #expect(end.suffix(3).dropLast() == Self.started[...])
    #expect(end.last?.hasPrefix("250 2.0.0 Ok: 5 bytes queued as ") == true)
  }

  @Test(arguments: [
    "BDAT", "BDAT x", "BDAT -1", "BDAT +1", "BDAT 1 FOO", "BDAT 1 LAST x", "BDAT 0x5",
    "BDAT 9223372036854775808",
  ])
  func aCountThatIsNoneEndsTheSession(_ line: String) {
    #expect(replies([line + "\r\n", "NOOP\r\n"]) == ["521 5.5.4 Syntax: BDAT count [LAST]"])
  }

  @Test func noRoomForContentDropsTheChunk() {
    let full = "452 4.3.1 Insufficient system storage"
    #expect(
      replies(Self.start + [Self.small, Self.last, "RCPT TO:<c@d>\r\n"]) {
        $0.contentRefusal = .insufficientStorage
      } == Self.started + [full, Self.dropped(3), "503 5.5.1 Error: need MAIL command"])
    #expect(
      replies(Self.start + [Self.last, "RCPT TO:<c@d>\r\n"]) {
        $0.contentRefusal = .insufficientStorage
      } == Self.started + [full, "503 5.5.1 Error: need MAIL command"])
  }

  @Test func contentThatIsRefusedEndsTheTransaction() {
    #expect(
      replies(Self.start + [Self.small, Self.last, "RCPT TO:<c@d>\r\n"]) {
        $0.contentReply = .tooManyHops
      } == Self.started + [
        "250 2.0.0 Ok: 3 bytes", "554 5.4.0 Error: too many hops",
        "503 5.5.1 Error: need MAIL command",
      ])
    #expect(
      replies(Self.start + [Self.small, Self.last, "RCPT TO:<c@d>\r\n"]) {
        $0.chunkReply = .bareNewline(code: 550, myhostname: "mx")
      } == Self.started + [
        "550 5.5.2 mx Error: bare <LF> received", Self.dropped(3),
        "503 5.5.1 Error: need MAIL command",
      ])
  }
}
