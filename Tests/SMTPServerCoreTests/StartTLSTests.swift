import MailTypes
import Primitives
import SMTPGrammar
import Testing

@testable import SMTPServerCore

@Suite struct StartTLSTests {
  private static let ehloWithTLS = ehlo.replacing(
    "S: 250-ETRN\n", with: "S: 250-ETRN\nS: 250-STARTTLS\n")

  @Test func theSessionBeginsAnewUnderTLS() {
    var session = Session { $0.security = .offered }
    session.play(
      """
      C: EHLO client.test
      \(Self.ehloWithTLS)
      C: MAIL FROM:<a@b.test>
      S: 250 2.1.0 Ok
      C: STARTTLS
      S: 220 2.0.0 Ready to start TLS
      """)
    #expect(session.isShakingHands)
    #expect(session.core.beginSecurely() == .next)
    #expect(session.core.transaction == nil)
    #expect(session.core.helo == nil)
    session.out = []
    session.play(
      """
      C: RCPT TO:<c@d.test>
      S: 503 5.5.1 Error: need MAIL command
      C: STARTTLS
      S: 554 5.5.1 Error: TLS already active
      C: EHLO client.test
      \(ehlo)
      """)
    #expect("\(session.core.traceProtocolName)" == "ESMTPS")
    #expect("\(session.core.protocolName)" == "ESMTP")
    var counters: [UInt8] = []
    session.core.counters.append(to: &counters)
    #expect(
      String(decoding: counters, as: UTF8.self)
        == " ehlo=2 starttls=1/2 mail=1 rcpt=0/1 commands=4/6")
  }

  @Test func aChunkDoesNotOutliveTheHandshake() {
    var session = Session { $0.security = .offered }
    session.play(
      """
      C: EHLO client.test
      \(Self.ehloWithTLS)
      C: MAIL FROM:<a@b.test>
      S: 250 2.1.0 Ok
      C: RCPT TO:<c@example.org>
      S: 250 2.1.5 Ok
      """)
    session.feed(Array("BDAT 5\r\nhello".utf8))
    session.out = []
    session.play("C: STARTTLS\nS: 220 2.0.0 Ready to start TLS")
    #expect(session.core.beginSecurely() == .next)
    session.out = []
    session.play("C: MAIL FROM:<a@b.test>\nS: 250 2.1.0 Ok")
  }

  @Test func aHandshakeThatFailsIsNotCounted() {
    var session = Session { $0.security = .offered }
    session.play("C: STARTTLS\nS: 220 2.0.0 Ready to start TLS")
    var counters: [UInt8] = []
    session.core.counters.append(to: &counters)
    #expect(String(decoding: counters, as: UTF8.self) == " starttls=0/1 commands=0/1")
  }

  @Test func aClientThatMayNotBeginTLSGoesOnWithout() {
    var session = Session { $0.security = .offered }
    session.tlsRefusal = .tooManyTLSSessions(from: "localhost[127.0.0.1]")
    session.play(
      """
      C: STARTTLS
      S: 454 4.7.0 Error: too many new TLS sessions from localhost[127.0.0.1]
      C: NOOP
      S: 250 2.0.0 Ok
      """)
    #expect(!session.isShakingHands && !session.core.isSecure)
  }

  @Test(arguments: [true, false])
  func aSessionCanEndBehindTheHandshake(countsCommand: Bool) {
    var session = Session { $0.security = .offered }
    session.play("C: STARTTLS\nS: 220 2.0.0 Ready to start TLS")
    session.out = []
    let reply = SMTPReply.certificateRefused(myhostname: "mx.example.test", "none")
    let step = session.core.endSecurely(
      with: reply, countsCommand: countsCommand, into: &session.out)
    #expect(step == .close)
    #expect(session.text() == "421 4.7.1 mx.example.test Error: none\n")
    var counters: [UInt8] = []
    session.core.counters.append(to: &counters)
    #expect(
      String(decoding: counters, as: UTF8.self)
        == (countsCommand ? " starttls=1 commands=1" : " starttls=0/1 commands=0/1"))
  }

  @Test func aWrappedSessionNeedsNoCommand() {
    var session = Session { $0.security = .demanded }
    #expect(session.core.beginSecurely() == .next)
    session.play("C: EHLO client.test\n\(ehlo)\nC: MAIL FROM:<a@b.test>\nS: 250 2.1.0 Ok")
  }

  @Test func whereTLSIsDemandedLittleElseIsTaken() {
    var session = Session {
      $0.security = .demanded
      $0.hardErrorLimit = 100
    }
    session.play("C: NOOP\nS: 250 2.0.0 Ok\nC: HELO client.test\nS: 250 mx.example.test")
    session.out = []
    for command in [
      "MAIL FROM:<a@b.test>", "RCPT TO:<a@b.test>", "DATA", "RSET", "VRFY a", "ETRN a",
      "BDAT 0 LAST", "AUTH PLAIN", "XFORWARD NAME=x",
    ] {
      session.play("C: \(command)\nS: 530 5.7.0 Must issue a STARTTLS command first")
      session.out = []
    }
    session.play(
      """
      C: FOO
      S: 500 5.5.2 Error: command not recognized
      C: XCLIENT NAME=x
      S: 550 5.7.0 Error: insufficient authorization
      C: EHLO client.test
      \(Self.ehloWithTLS)
      C: STARTTLS now
      S: 501 5.5.4 Syntax: STARTTLS
      C: QUIT
      S: 221 2.0.0 Bye
      """)
  }

  @Test func whereThereIsNoneTheCommandIsUnknown() {
    for change in [
      { _ in },
      {
        $0.security = .offered
        $0.discardedKeywords = .starttls
      },
    ] as [(inout SMTPServerSettings) -> Void] {
      var session = Session(change)
      session.play(
        "C: EHLO client.test\n\(ehlo)\nC: STARTTLS\nS: 502 5.5.1 Error: command not implemented")
    }
  }

  @Test func withoutCertificatesItIsNotAvailable() {
    var session = Session { $0.security = .unavailable }
    session.play(
      """
      C: EHLO client.test
      \(Self.ehloWithTLS)
      C: STARTTLS
      S: 454 4.7.0 TLS not available due to local problem
      C: MAIL FROM:<a@b.test>
      S: 250 2.1.0 Ok
      """)
  }
}
