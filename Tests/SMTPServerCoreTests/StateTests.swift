import MailTypes
import Primitives
import SMTPGrammar
import TestSupport
import Testing

@testable import SMTPServerCore

/// Whatever went wrong before, nothing of it is left in the next transaction.
@Suite struct StateTests {
  private static let big = String(repeating: "x", count: 11000)

  /// What goes wrong, within a transaction or without one.
  private static let faults: [String] = [
    "BDAT 0\r\n", "BDAT 3\r\nabc", "BDAT 3\r\nabcBDAT 0\r\n", "BDAT 3\r\nabcDATA\r\n",
    "BDAT 11000\r\n\(big)", "BDAT 11000 LAST\r\n\(big)", "BDAT 11000\r\n\(big)BDAT 3\r\nabc",
    "BDAT 9000\r\n\(big.prefix(9000))BDAT 9000\r\n\(big.prefix(9000))",
    "BDAT 3\r\nabcMAIL FROM:<c@d>\r\n", "BDAT 3\r\nabcRCPT TO:<c@d>\r\n",
    "BDAT 3\r\nabcVRFY \u{e9}@d\r\n", "BDAT 3\r\nabc\(big)\r\n", "DATA x\r\n",
    "RCPT TO:<a@other.test>\r\n", "VRFY \u{e9}@d\r\n", "VRFY <\u{e9}@\u{e9}> SMTPUTF8\r\n",
    "VRFY\r\n", "VRFY <>\r\n", "VRFY a@other.test\r\n", "MAIL FROM:<c@bad.test>\r\n",
    "MAIL FROM:<c@d> SIZE=x\r\n", "MAIL FROM:<c@d> BODY=8BITMIME SMTPUTF8 RET=FULL X\r\n",
    "MAIL FROM:<c@d> SIZE=99999999\r\n", "RCPT TO:<c@d> NOTIFY=NEVER X\r\n", "RCPT TO:<>\r\n",
    "RCPT TO:<c@d> ORCPT=x\r\n", "\(big)\r\n", "MAIL FROM:<\(big)>\r\n", "RCPT TO:<\(big)>\r\n",
    "FOO\r\n", "\r\n", " \r\n", "EHLO\r\n", "HELO\r\n", "ETRN d\r\n", "STARTTLS\r\n",
    "AUTH PLAIN\r\n", "XCLIENT NAME=x\r\n", "XFORWARD NAME=x\r\n", "RSET x\r\n", "NOOP x\r\n",
    "HELP\r\n",
  ]

  private static let begins = [
    "", "MAIL FROM:<a@b> BODY=8BITMIME SMTPUTF8 ENVID=e RET=HDRS\r\n",
    "MAIL FROM:<a@b>\r\nRCPT TO:<c@d> NOTIFY=NEVER\r\n",
  ]

  private func patient() -> Session {
    Session {
      $0.hardErrorLimit = 1000
      $0.junkCommandLimit = 1000
    }
  }

  /// A whole transaction as a new session has it.
  private func expectUntouched(_ session: Session, _ fault: String) {
    var session = session
    session.out = []
    let before = session.received.count
    session.feed(Array("MAIL FROM:<s@t>\r\nRCPT TO:<u@v>\r\n".utf8))
    #expect(session.text() == "250 2.1.0 Ok\n250 2.1.5 Ok\n", "after \(fault.debugDescription)")
    var expected = SMTPTransaction(sender: MailAddress("s@t"))
    expected.recipients = [SMTPRecipient(address: MailAddress("u@v"))]
    #expect(session.core.transaction == expected)
    #expect(!session.core.isReceivingChunks)
    session.feed(Array("DATA\r\nhi\r\n.\r\n".utf8))
    #expect(
      session.received.dropFirst(before).map { String(decoding: $0, as: UTF8.self) } == [
        "hi\r\n"
      ])
    #expect(session.core.transaction == nil)
  }

  @Test(arguments: faults) func aResetLeavesNothing(fault: String) {
    for begin in Self.begins {
      for reset in ["RSET\r\n", "EHLO y\r\n", "HELO y\r\n"] {
        var session = patient()
        session.feed(Array("EHLO x\r\n\(begin)\(fault)\(reset)".utf8))
        #expect(session.isOpen)
        expectUntouched(session, begin + fault + reset)
      }
    }
  }

  /// The transaction is over where the peer was told that its message is not taken.
  @Test(arguments: [
    "BDAT 11000 LAST\r\n\(big)", "BDAT 3\r\nabcBDAT 11000 LAST\r\n\(big)",
    "BDAT 11000\r\n\(big)BDAT 3 LAST\r\nabc", "BDAT 0\r\nBDAT 0 LAST\r\n",
  ])
  func aRefusedLastChunkEndsTheTransaction(fault: String) {
    var session = patient()
    session.feed(Array("EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n\(fault)".utf8))
    #expect(session.core.transaction == nil)
    #expect(session.received.isEmpty)
    session.out = []
    session.feed(Array("RCPT TO:<e@f>\r\nDATA\r\n".utf8))
    #expect(
      session.text() == "503 5.5.1 Error: need MAIL command\n503 5.5.1 Error: need RCPT command\n")
    expectUntouched(session, fault)
  }

  @Test func refusedContentEndsTheTransactionHoweverItCame() {
    for content in ["DATA\r\nx\r\n.\r\n", "BDAT 1 LAST\r\nx", "BDAT 1\r\nxBDAT 0 LAST\r\n"] {
      var session = patient()
      session.contentReply = .writeError
      session.feed(Array("EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n\(content)".utf8))
      #expect(session.text().hasSuffix("451 4.3.0 Error: queue file write error\n"))
      #expect(session.core.transaction == nil)
      session.contentReply = nil
      expectUntouched(session, content)
    }
  }

  @Test func bytesThatAreNoTextLeaveNothing() {
    for verb in ["VRFY ", "MAIL FROM:<", "RCPT TO:<", "EHLO ", "DATA ", ""] {
      var session = patient()
      session.feed(Array("EHLO x\r\nMAIL FROM:<a@b>\r\n\(verb)".utf8) + [0xff, 0xfe, 13, 10])
      #expect(session.text().hasSuffix("500 5.5.2 Error: bad UTF-8 syntax\n"))
      session.feed(Array("RSET\r\n".utf8))
      expectUntouched(session, verb)
    }
  }

  @Test func whatEndsTheSessionLeavesNoTransaction() {
    for end in ["QUIT\r\n", "GET /\r\n", "BDAT x\r\n", "RCPT TO:<a@hangup.test>\r\n"] {
      var session = patient()
      session.feed(Array("EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n\(end)".utf8))
      #expect(!session.isOpen)
      #expect(session.core.transaction == nil)
      #expect(session.received.isEmpty)
    }
  }
}
