import MailTypes
import Primitives
import SMTPGrammar
import TestSupport
import Testing

@testable import SMTPServerCore

@Suite struct LimitTests {
  private let goodbye = "421 4.7.0 mx.example.test Error: too many errors\n"

  @Test func recipientsOverTheLimitAreErrorsOnlyBeyondTheOvershoot() {
    var session = Session {
      $0.recipientLimit = 3
      $0.recipientOvershootLimit = 2
      $0.hardErrorLimit = 3
    }
    session.feed(Array("MAIL FROM:<a@b>\r\n".utf8))
    for index in 0..<7 {
      session.out = []
      session.feed(Array("RCPT TO:<r\(index)@c>\r\n".utf8))
      #expect(
        session.text() == (index < 3 ? "250 2.1.5 Ok\n" : "452 4.5.3 Error: too many recipients\n"))
    }
    session.out = []
    session.feed(Array("RCPT TO:<r@c>\r\n".utf8))
    #expect(session.text() == "452 4.5.3 Error: too many recipients\n" + goodbye)
    #expect(!session.isOpen)
    #expect(session.core.endedByErrors)
    #expect(
      session.core.tooManyErrorsLine == "too many errors after RCPT from localhost[127.0.0.1]")
  }

  @Test func errorsEndTheSession() {
    var session = Session { $0.hardErrorLimit = 4 }
    session.play(
      """
      C: FOO
      S: 500 5.5.2 Error: command not recognized
      C: FOO
      S: 500 5.5.2 Error: command not recognized
      C:
      S: 500 5.5.2 Error: bad syntax
      C:
      S: 500 5.5.2 Error: bad syntax
      S: 421 4.7.0 mx.example.test Error: too many errors
      """)
    #expect(!session.isOpen)
  }

  @Test func junkCommandsBecomeErrors() {
    var session = Session {
      $0.hardErrorLimit = 4
      $0.junkCommandLimit = 3
    }
    session.feed(Array("EHLO x\r\n".utf8))
    for _ in 0..<3 { session.feed(Array("NOOP\r\nRSET\r\n".utf8)) }
    #expect(session.isOpen)
    session.feed(Array("NOOP\r\n".utf8))
    #expect(!session.isOpen)
    #expect(session.text().hasSuffix("250 2.0.0 Ok\n" + goodbye))
  }

  @Test func deliveryForgivesErrors() {
    var session = Session { $0.hardErrorLimit = 3 }
    for _ in 0..<5 {
      session.feed(
        Array("FOO\r\nFOO\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n.\r\n".utf8))
    }
    #expect(session.isOpen)
    #expect(session.received.count == 5)
  }

  @Test func repliesAreDelayedFromTheSoftLimitOn() {
    var session = Session {
      $0.softErrorLimit = 2
      $0.errorSleepTime = .seconds(3)
    }
    for _ in 0..<2 {
      session.feed(Array("FOO\r\n".utf8))
      #expect(session.core.replyDelay == .zero)
    }
    for line in ["FOO", "NOOP"] {
      session.feed(Array("\(line)\r\n".utf8))
      #expect(session.core.replyDelay == .seconds(3))
    }
  }

  @Test func sessionEndsLeaveTheirLines() {
    var session = Session()
    #expect(session.core.connectLine == "connect from localhost[127.0.0.1]")
    #expect(
      session.core.lostConnectionLine() == "lost connection after CONNECT from localhost[127.0.0.1]"
    )
    session.feed(
      Array(
        """
        EHLO x(y) <z>;@"q\\\r
        MAIL FROM:<a@b>\r
        RCPT TO:<c@other.test>\r
        RCPT TO:<c@d>\r
        DATA\r
        hello
        """.utf8))
    #expect(
      session.core.lostConnectionLine(contentSize: 5)
        == "lost connection after DATA (5 bytes) from localhost[127.0.0.1]")
    #expect(session.core.helo == "x?y???z????q?")
    #expect(
      session.core.disconnectLine
        == "disconnect from localhost[127.0.0.1] ehlo=1 mail=1 rcpt=1/2 data=0/1 commands=3/5")
    let end = session.core.end(with: .timeout(myhostname: "mx.example.test"), into: &session.out)
    #expect(end == .close)
    #expect(session.core.timeoutLine() == "timeout after DATA from localhost[127.0.0.1]")
    #expect(session.text().hasSuffix("421 4.4.2 mx.example.test Error: timeout exceeded\n"))
    let reply = SMTPReply(554, EnhancedStatus(5, 7, 1), "<r\u{7}>: Relay access denied")
    #expect(
      session.core.rejectLine(
        stage: "RCPT", reply, sender: MailAddress("a@b"), recipient: MailAddress("r@d"))
        == "NOQUEUE: reject: RCPT from localhost[127.0.0.1]: 554 5.7.1 <r?>: Relay access denied; "
        + "from=<a@b> to=<r@d> proto=ESMTP helo=<x?y???z????q?>")
  }

  @Test(arguments: [
    ("GET /\u{7}", "non-SMTP command from localhost[127.0.0.1]: GET /?"),
    (
      "MAIL FROM:<a b@c>",
      "Illegal address syntax from localhost[127.0.0.1] in MAIL command: <a b@c>"
    ),
    ("VRFY <>", "Illegal address syntax from localhost[127.0.0.1] in VRFY command: <>"),
    (
      "Subject: \(String(repeating: "x", count: 200))",
      "non-SMTP command from localhost[127.0.0.1]: Subject: \(String(repeating: "x", count: 91))"
    ),
  ])
  func oddInputLeavesAWarning(_ line: String, _ warning: String) {
    var session = Session()
    session.feed(Array("\(line)\r\n".utf8))
    #expect(session.core.notice == "warning: \(warning)")
  }

  @Test func aSessionWithoutACommandSaysSo() {
    #expect(
      Session().core.disconnectLine == "disconnect from localhost[127.0.0.1] commands=0/0")
  }

  @Test(arguments: Corpus.load())
  func sessionsOfTheCorpusAreTheSameHoweverTheyAreCut(entry: CorpusEntry) {
    var whole = Session()
    whole.feed(entry.bytes)
    #expect(!whole.out.isEmpty)
    for step in [1, 2, 3, 7] {
      var cut = Session()
      var at = 0
      while at < entry.bytes.count, cut.isOpen {
        let end = min(at + step, entry.bytes.count)
        cut.feed(Array(entry.bytes[at..<end]))
        at = end
      }
      #expect(cut.out == whole.out, "pieces of \(step)")
      #expect(cut.received == whole.received, "pieces of \(step)")
      #expect(cut.core.transaction == whole.core.transaction, "pieces of \(step)")
    }
    for end in stride(from: 0, to: entry.bytes.count, by: max(entry.bytes.count / 500, 1)) {
      var part = Session()
      part.feed(Array(entry.bytes[..<end]))
      #expect(whole.out.starts(with: part.out), "cut off at \(end)")
    }
  }

  @Test func wholeAndByteByByteAgreeOnRandomSessions() {
    var random = SplitMix64(seed: 99)
    let pieces = [
      "EHLO x\r\n", "HELO y\n", "MAIL FROM:<a@b>\r\n", "MAIL FROM:<a@bad.test>\r\n",
      "RCPT TO:<c@d>\r\n",
      "RCPT TO:<c@other.test>\r\n", "DATA\r\n", "\r\n.\r\n", ".\r\n", "\n.\n", "RSET\r\n",
      "NOOP\r\n",
      "QUIT\r\n", "MAIL", " FROM:<", ">", "\"", "\r", "\0", "BDAT 3\r\n", "VRFY x\r\n", "abc\r\n",
      "BDAT 4 LAST\r\n.a\r\n", "BDAT 0 LAST\r\n", "BDAT 3\r\na\n\r", "BDAT 99999\r\n",
      "RCPT TO:<\"a b\"@d> X\r\n", "MAIL FROM:<x> SIZE=5 BODY=8BITMIME\r\n",
    ]
    for round in 0..<2000 {
      var input: [UInt8] = []
      for _ in 0..<Int.random(in: 1..<25, using: &random) {
        input += Array(pieces.randomElement(using: &random)!.utf8)
      }
      var whole = Session()
      whole.feed(input)
      var bytes = Session()
      for byte in input where bytes.isOpen { bytes.feed([byte]) }
      #expect(whole.out == bytes.out, "round \(round)")
      #expect(whole.received == bytes.received, "round \(round)")
      #expect(whole.core.counters == bytes.core.counters, "round \(round)")
      #expect(whole.core.transaction == bytes.core.transaction, "round \(round)")
    }
  }
}
