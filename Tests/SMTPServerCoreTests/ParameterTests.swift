import MailTypes
import Testing

@testable import SMTPServerCore

/// What MAIL and RCPT may say behind the path.
@Suite struct ParameterTests {
  @Test func wishesAboutReportsAreKept() {
    var session = Session()
    session.play(
      """
      C: MAIL FROM:<a@b> RET=hdrs ENVID=x+2By
      S: 250 2.1.0 Ok
      C: RCPT TO:<c@d> NOTIFY=SUCCESS,,delay ORCPT=rfc822;c+2Bx@d
      S: 250 2.1.5 Ok
      C: RCPT TO:<e@d> NOTIFY=NEVER
      S: 250 2.1.5 Ok
      C: RCPT TO:<f@d>
      S: 250 2.1.5 Ok
      """)
    let transaction = session.core.transaction
    #expect(transaction?.returned == .headers)
    #expect(transaction?.envelopeID == Array("x+2By".utf8))
    #expect(transaction?.recipients.map(\.notify) == [[.success, .delay], [], nil])
    #expect(transaction?.recipients[0].original == Array("rfc822;c+2Bx@d".utf8))
    #expect(transaction?.recipients[1].original == [])
  }

  @Test(arguments: [
    ("RET=x", "Bad RET parameter syntax"), ("RET=FULL RET=FULL", "Bad RET parameter syntax"),
    ("ENVID=", "Bad ENVID parameter syntax"), ("ENVID=a+0A", "Bad ENVID parameter syntax"),
    ("ENVID=a+Z", "Bad ENVID parameter syntax"), ("ENVID=a+", "Bad ENVID parameter syntax"),
    ("ENVID=a ENVID=b", "Bad ENVID parameter syntax"),
  ])
  func badParametersOfMailAreRefused(_ parameter: String, _ text: String) {
    var session = Session()
    session.play("C: MAIL FROM:<a@b> \(parameter)\nS: 501 5.5.4 \(text)")
    #expect(session.core.transaction == nil)
  }

  @Test(arguments: [
    ("NOTIFY=", "NOTIFY"), ("NOTIFY=x", "NOTIFY"), ("NOTIFY=NEVER,DELAY", "NOTIFY"),
    ("NOTIFY=NEVER NOTIFY=NEVER", "NOTIFY"), ("ORCPT=", "ORCPT"), ("ORCPT=x", "ORCPT"),
    ("ORCPT=;x", "ORCPT"), ("ORCPT=rfc822;+0D+0Ax", "ORCPT"), ("ORCPT=rfc822;+7F", "ORCPT"),
    ("ORCPT=rfc\u{fc};x", "ORCPT"),
    ("ORCPT=a;b ORCPT=a;b", "ORCPT"),
  ])
  func badParametersOfRcptAreRefused(_ parameter: String, _ name: String) {
    var session = Session()
    session.play(
      """
      C: MAIL FROM:<a@b>
      S: 250 2.1.0 Ok
      C: RCPT TO:<c@d> \(parameter)
      S: 501 5.5.4 Error: Bad \(name) parameter syntax
      """)
    #expect(session.core.transaction?.recipients.isEmpty == true)
  }

  @Test func namesOutsideASCIIAreForThoseWhoSaySo() {
    var session = Session()
    session.play(
      """
      C: MAIL FROM:<a@\u{e9}.test>
      S: 501 5.1.7 Bad sender address syntax
      C: MAIL FROM:<a@b>
      S: 250 2.1.0 Ok
      C: RCPT TO:<a@\u{e9}.test>
      S: 501 5.1.3 Bad recipient address syntax
      C: RCPT TO:<\u{e9}@b.test>
      S: 250 2.1.5 Ok
      C: RSET
      S: 250 2.0.0 Ok
      C: MAIL FROM:<a@\u{e9}.test> smtputf8
      S: 250 2.1.0 Ok
      C: RCPT TO:<a@\u{e9}.test>
      S: 250 2.1.5 Ok
      """)
    #expect(session.core.transaction?.isInternational == true)
  }
}
