import MailTypes
import Primitives
import SMTPGrammar
import Testing

@testable import SMTPServerCore

@Suite struct DialogTests {
  @Test func aMessageGoesThrough() {
    var session = Session()
    session.play(
      """
      C: EHLO client.test
      \(ehlo)
      C: MAIL FROM:<a@b.test> SIZE=100 BODY=8BITMIME
      S: 250 2.1.0 Ok
      C: RCPT TO:<c@d.test>
      S: 250 2.1.5 Ok
      C: RCPT TO:<postmaster>
      S: 250 2.1.5 Ok
      C: DATA
      S: 354 End data with <CR><LF>.<CR><LF>
      """)
    let envelope = session.core.transaction
    #expect(envelope?.sender == MailAddress("a@b.test"))
    #expect(
      envelope?.recipients.map(\.address)
        == [MailAddress("c@d.test"), MailAddress("postmaster")])
    #expect(envelope?.announcedSize == 100)
    #expect(envelope?.isEightBit == true)
    session.out = []
    session.play(
      "C: S: x\nC: \nC: .hello\nC: .\nS: 250 2.0.0 Ok: queued as 4SVLCh0000z1\nC: QUIT\nS: 221 2.0.0 Bye"
    )
    #expect(session.received == [Array("S: x\r\n\r\nhello\r\n".utf8)])
    #expect(session.core.transaction == nil)
  }

  @Test func envelopeCommandsAnswerAsPostfixDoes() {
    var session = Session { $0.hardErrorLimit = 100 }
    session.play(
      """
      C: MAIL FROM:<a@b.test>
      S: 250 2.1.0 Ok
      C: RSET
      S: 250 2.0.0 Ok
      C: HELO
      S: 501 Syntax: HELO hostname
      C: EHLO
      S: 501 Syntax: EHLO hostname
      C: HELO foo
      S: 250 mx.example.test
      C: MAIL
      S: 501 5.5.4 Syntax: MAIL FROM:<address>
      C: MAIL FROM:
      S: 501 5.5.4 Syntax: MAIL FROM:<address>
      C: MAIL TO:<a@b>
      S: 501 5.5.4 Syntax: MAIL FROM:<address>
      C: MAIL FROM:<>
      S: 250 2.1.0 Ok
      C: MAIL FROM:<a@b.test>
      S: 503 5.5.1 Error: nested MAIL command
      C: RSET
      S: 250 2.0.0 Ok
      C: RSET x
      S: 501 5.5.4 Syntax: RSET
      C: NOOP x y
      S: 250 2.0.0 Ok
      C: MAIL FROM:<a@b.test> SIZE=
      S: 501 5.5.4 Bad message size syntax
      C: MAIL FROM:<a@b.test> SIZE=abc
      S: 501 5.5.4 Bad message size syntax
      C: MAIL FROM:<a@b.test> SIZE=10241
      S: 552 5.3.4 Message size exceeds fixed limit
      C: MAIL FROM:<a@b.test> SIZE=99999999999999999999999999
      S: 552 5.3.4 Message size exceeds file system imposed limit
      C: MAIL FROM:<a@b.test> BODY=BINARYMIME
      S: 555 5.5.4 Unsupported option: BODY=BINARYMIME
      C: MAIL FROM:<a@b.test> FOO=1
      S: 555 5.5.4 Unsupported option: FOO=1
      C: MAIL FROM:<a@b.test>SIZE=10
      S: 501 5.1.7 Bad sender address syntax
      C: MAIL FROM:<a@b.test> size=10 body=7bit AUTH=<>
      S: 250 2.1.0 Ok
      C: RCPT
      S: 501 5.5.4 Syntax: RCPT TO:<address>
      C: RCPT TO:<>
      S: 501 5.1.3 Bad recipient address syntax
      C: RCPT TO:<"">
      S: 501 5.1.3 Bad recipient address syntax
      C: RCPT TO:<a@local.test> FOO
      S: 555 5.5.4 Unsupported option: FOO
      C: RCPT TO:<a@other.test>
      S: 454 4.7.1 <a@other.test>: Relay access denied
      C: DATA
      S: 554 5.5.1 Error: no valid recipients
      C: RCPT TO:<a@local.test>
      S: 250 2.1.5 Ok
      C: DATA x
      S: 501 5.5.4 Syntax: DATA
      C: EHLO again
      \(ehlo)
      C: RCPT TO:<a@local.test>
      S: 503 5.5.1 Error: need MAIL command
      C: DATA
      S: 503 5.5.1 Error: need RCPT command
      C: QUIT now
      S: 221 2.0.0 Bye
      """)
    #expect(!session.isOpen)
  }

  @Test func otherCommandsAnswerAsPostfixDoes() {
    var session = Session { $0.hardErrorLimit = 100 }
    session.play(
      """
      C: FOO
      S: 500 5.5.2 Error: command not recognized
      C:
      S: 500 5.5.2 Error: bad syntax
      C:    
      S: 500 5.5.2 Error: bad syntax
      C: HELP
      S: 500 5.5.2 Error: command not recognized
      C: Subject : foo
      S: 500 5.5.2 Error: command not recognized
      C: AUTH PLAIN x
      S: 503 5.5.1 Error: authentication not enabled
      C: STARTTLS
      S: 502 5.5.1 Error: command not implemented
      C: STARTTLS x
      S: 501 5.5.4 Syntax: STARTTLS
      C: VRFY
      S: 501 5.5.4 Syntax: VRFY address [SMTPUTF8]
      C: VRFY SMTPUTF8
      S: 501 5.5.4 Syntax: VRFY address [SMTPUTF8]
      C: VRFY <a>
      S: 252 2.0.0 <a>
      C: VRFY a@b smtputf8
      S: 252 2.0.0 a@b
      C: VRFY a b
      S: 501 5.1.3 Bad recipient address syntax
      C: VRFY a@\u{e9}.test
      S: 501 5.1.3 Bad recipient address syntax
      C: VRFY a@\u{e9}.test SMTPUTF8
      S: 252 2.0.0 a@\u{e9}.test
      C: VRFY a@other.test
      S: 454 4.7.1 <a@other.test>: Relay access denied
      C: RCPT TO:<a@b>
      S: 503 5.5.1 Error: need MAIL command
      C: ETRN
      S: 500 Syntax: ETRN domain
      C: ETRN a b
      S: 500 Syntax: ETRN domain
      C: ETRN -x
      S: 501 Error: invalid parameter syntax
      C: ETRN @d.test
      S: 459 <d.test>: service unavailable
      C: XCLIENT NAME=x
      S: 550 5.7.0 Error: insufficient authorization
      C: XFORWARD NAME=x
      S: 550 5.7.0 Error: insufficient authorization
      C: NOOP \(String(repeating: "x", count: 3000))
      S: 500 5.5.2 Error: line too long
      """)
    session.feed([0x4e, 0xff, 13, 10])
    #expect(session.text().hasSuffix("500 5.5.2 Error: bad UTF-8 syntax\n"))
    #expect(session.isOpen)
  }

  @Test(arguments: [
    "GET / HTTP/1.0", "connect x", "Subject: foo", "subject:foo", "1x", "\u{16}\u{3}",
  ])
  func whatIsNotMailIsHungUpOn(_ line: String) {
    var session = Session()
    session.play("C: \(line)\nS: 221 2.7.0 Error: I can break rules, too. Goodbye.")
    #expect(!session.isOpen)
  }

  @Test func heloIsAskedForWhereRequired() {
    var session = Session { $0.heloRequired = true }
    session.play(
      """
      C: MAIL FROM:<a@b>
      S: 503 5.5.1 Error: send HELO/EHLO first
      C: EHLO x
      \(ehlo)
      C: MAIL FROM:<a@b>
      S: 250 2.1.0 Ok
      """)
  }

  @Test func keywordsCanBeHidden() {
    var session = Session {
      $0.discardedKeywords = EHLOKeywords(words: ["size", "PIPELINING", "dsn", "x", "Chunking"])
      $0.smtputf8IsEnabled = false
      $0.vrfyDisabled = true
      $0.hardErrorLimit = 100
    }
    let short = """
      S: 250-mx.example.test
      S: 250-ETRN
      S: 250-ENHANCEDSTATUSCODES
      S: 250 8BITMIME
      """
    session.play(
      """
      C: EHLO x
      \(short)
      C: MAIL FROM:<a@b> RET=FULL
      S: 501 5.7.1 DSN support is disabled
      C: MAIL FROM:<a@b> SMTPUTF8
      S: 555 5.5.4 Unsupported option: SMTPUTF8
      C: MAIL FROM:<a@b>
      S: 250 2.1.0 Ok
      C: RCPT TO:<a@b> NOTIFY=NEVER
      S: 501 5.7.1 DSN support is disabled
      """)
    #expect(session.core.notice == "discarding EHLO keywords: PIPELINING SIZE DSN CHUNKING")
    session.out = []
    session.play("C: BDAT 5\nS: 521 5.5.1 Error: command not implemented")
    #expect(!session.isOpen)
    var quiet = Session { $0.discardedKeywords = EHLOKeywords(words: ["size", "silent-discard"]) }
    quiet.feed(Array("EHLO x\r\n".utf8))
    #expect(!quiet.text().contains("SIZE"))
    #expect(quiet.core.notice == nil)
  }

  @Test func commandsCanBeMadeToDoNothing() {
    var session = Session { $0.noopCommands = ["Foo", "ETRN"] }
    session.play("C: foo x\nS: 250 2.0.0 Ok\nC: ETRN d\nS: 250 2.0.0 Ok")
  }

  @Test func greetingComesFirstAndNobodySpeaksBeforeIt() {
    var session = Session()
    #expect(session.core.greet(into: &session.out) == .next)
    #expect(session.text() == "220 mx.example.test ESMTP Postfix\n")
    var eager = Session { $0.forbidsUnauthorizedPipelining = true }
    #expect(eager.core.greet(inputIsPending: true, into: &eager.out) == .close)
    #expect(eager.text() == "554 5.5.0 Error: SMTP protocol synchronization\n")
  }

  @Test(
    arguments: [
      ("EHLO x", true, true), ("DATA", true, true), ("NOOP", true, true), ("VRFY a", true, true),
      ("RSET", true, false), ("MAIL FROM:<a@b>", true, false), ("FOO", true, false),
      ("BDAT x", true, false), ("RSET", false, true), ("MAIL FROM:<a@b>", false, true),
      ("FOO", false, false),
    ], [true, false])
  func aClientThatDoesNotWaitIsRefusedWhereForbidden(
    _ row: (line: String, extended: Bool, mustWait: Bool), forbidden: Bool
  ) {
    var session = Session { $0.forbidsUnauthorizedPipelining = forbidden }
    session.feed(Array((row.extended ? "EHLO x\r\n" : "HELO x\r\n").utf8))
    session.out = []
    _ = Array(row.line.utf8).withUnsafeBytes {
      session.core.handle($0, inputIsPending: true, into: &session.out)
    }
    let refusal = "554 5.5.0 Error: SMTP protocol synchronization\n"
    #expect((session.text() == refusal) == (forbidden && row.mustWait))
    #expect(session.core.isOutOfStep == row.mustWait)
  }

  @Test func pipelinedCommandsAreAnsweredInOrder() {
    var session = Session()
    session.feed(
      Array(
        """
        EHLO x\r
        MAIL FROM:<a@b>\r
        RCPT TO:<x@other.test>\r
        RCPT TO:<c@d>\r
        DATA\r
        S: x\r
        \r
        .\r
        MAIL FROM:<e@f>\r
        QUIT\r

        """.utf8))
    let replies = session.text().split(separator: "\n").suffix(7)
    #expect(
      replies == [
        "250 2.1.0 Ok", "454 4.7.1 <x@other.test>: Relay access denied", "250 2.1.5 Ok",
        "354 End data with <CR><LF>.<CR><LF>", "250 2.0.0 Ok: queued as 4SVLCh0000z1",
        "250 2.1.0 Ok", "221 2.0.0 Bye",
      ])
  }

  @Test func refusedContentEndsTheTransaction() {
    var session = Session()
    session.contentReply = .tooManyHops
    session.play(
      """
      C: MAIL FROM:<a@b>
      S: 250 2.1.0 Ok
      C: RCPT TO:<c@d>
      S: 250 2.1.5 Ok
      C: DATA
      S: 354 End data with <CR><LF>.<CR><LF>
      C: .
      S: 554 5.4.0 Error: too many hops
      C: RCPT TO:<c@d>
      S: 503 5.5.1 Error: need MAIL command
      C: MAIL FROM:<a@bad.test>
      S: 452 4.3.1 Insufficient system storage
      C: RCPT TO:<c@d>
      S: 503 5.5.1 Error: need MAIL command
      """)
  }

  @Test func contentThatHasNoRoomCanBeTriedAgain() {
    var session = Session()
    session.contentRefusal = .insufficientStorage
    session.play(
      """
      C: MAIL FROM:<a@b>
      S: 250 2.1.0 Ok
      C: RCPT TO:<c@d>
      S: 250 2.1.5 Ok
      C: DATA
      S: 452 4.3.1 Insufficient system storage
      """)
    session.contentRefusal = nil
    session.out = []
    session.play(
      """
      C: DATA
      S: 354 End data with <CR><LF>.<CR><LF>
      """)
  }

  @Test func a421FromPolicyEndsTheSession() {
    var session = Session()
    session.play(
      "C: MAIL FROM:<a@b>\nS: 250 2.1.0 Ok\nC: RCPT TO:<c@hangup.test>\nS: 421 4.7.0 Go away")
    #expect(!session.isOpen)
  }

  @Test func aBareNewlineEndsTheSessionWhereItIsRefused() {
    var session = Session { $0.bareNewlineRejectCode = 550 }
    session.feed(Array("NOOP\r\nNOOP\nNOOP\r\n".utf8))
    #expect(
      session.text() == "250 2.0.0 Ok\n550 5.5.2 mx.example.test Error: bare <LF> received\n")
    #expect(!session.isOpen)
  }
}
