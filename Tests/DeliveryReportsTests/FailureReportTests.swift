import DeliveryReports
import MailTypes
import Testing

struct FailureReportTests {
  static let reporter = FailureReport.Reporter(hostname: "mx.test", mailName: "Martinet")
  static let date = Array("Mon, 23 Nov 2026 17:55:10 +0000 (UTC)".utf8)
  static let id = QueueID(microseconds: 1_795_456_510_000_000, sequence: 7)

  static func source(
    sender: String = "s@here.test", reason: String = "host x said: 550 no",
    header: String = "Subject: hi\r\nFrom: a@here.test\r\n\r\n"
  ) -> FailureReport.Source {
    FailureReport.Source(
      queueID: QueueID(microseconds: 1_795_456_500_000_000, sequence: 3),
      sender: MailAddress(sender), arrivalDate: date,
      recipients: [
        FailedRecipient(
          address: MailAddress("a@there.test"), status: EnhancedStatus(5, 1, 1),
          reason: Array(reason.utf8))
      ], header: Array(header.utf8))
  }

  static func report(_ source: FailureReport.Source, limit: Int = 50_000) throws -> FailureReport {
    var reporter = reporter
    reporter.returnedSizeLimit = limit
    return try #require(FailureReport(about: source, as: id, date: date, by: reporter))
  }

  static func text(_ bytes: [UInt8]) -> String {
    String(decoding: bytes, as: UTF8.self).replacing("\r\n", with: "\n")
  }

  @Test func aReportIsThisMessage() throws {
    let report = try Self.report(Self.source())
    #expect(
      Self.text(report.header) == """
        Received: by mx.test (Martinet)
        \tid \(Self.id); Mon, 23 Nov 2026 17:55:10 +0000 (UTC)
        Date: Mon, 23 Nov 2026 17:55:10 +0000 (UTC)
        From: MAILER-DAEMON@mx.test (Mail Delivery System)
        Subject: Undelivered Mail Returned to Sender
        To: s@here.test
        Auto-Submitted: auto-replied
        Message-Id: <\(Self.id)@mx.test>
        MIME-Version: 1.0
        Content-Type: text/plain; charset=us-ascii
        Content-Transfer-Encoding: 7bit


        """)
    let body = Self.text(report.body)
    #expect(body.hasPrefix("This report comes from the mail system at mx.test.\n"))
    #expect(body.contains("\n<a@there.test>: host x said: 550 no\n    Status: 5.1.1\n"))
    #expect(
      body.hasSuffix("\n---- The header of your message ----\nSubject: hi\nFrom: a@here.test\n"))
    #expect(report.recipient == MailAddress("s@here.test"))
    #expect(!report.isEightBit)
    #expect(report.size == report.header.count + report.body.count)
  }

  @Test func nobodyIsToldAboutMailWithoutSender() {
    #expect(
      FailureReport(
        about: Self.source(sender: ""), as: Self.id, date: Self.date, by: Self.reporter) == nil)
  }

  @Test func expandedRecipientsNameTheirOrigin() throws {
    var source = Self.source()
    source.recipients.append(
      FailedRecipient(
        address: MailAddress("b@there.test"), originalAddress: MailAddress("list@here.test"),
        status: EnhancedStatus(5, 0, 0), reason: Array("gone".utf8)))
    let body = Self.text(try Self.report(source).body)
    #expect(body.contains("\n<b@there.test> (expanded from <list@here.test>): gone\n"))
    #expect(body.contains("\n<a@there.test>: "))
  }

  @Test func longReasonsAreFoldedAtSpaces() throws {
    let reason = String(repeating: "reason ", count: 60) + String(repeating: "x", count: 2500)
    let report = try Self.report(Self.source(reason: reason))
    let lines = Self.text(report.body).split(separator: "\n")
    #expect(lines.filter { $0.hasPrefix("    reason") }.allSatisfy { $0.utf8.count <= 78 })
    #expect(lines.allSatisfy { $0.utf8.count <= 998 })
    let joined = lines.joined().filter { $0 != " " }
    #expect(joined.contains(String(repeating: "x", count: 2500)))
  }

  @Test func noLineOfTheBodyCanEndTheMessage() throws {
    let source = Self.source(
      reason: "a\r\n.\r\nb", header: ".\r\n..\r\n..a: b\r\nX: \u{fc}\r\n\r\n")
    let report = try Self.report(source)
    let body = Self.text(report.body)
    #expect(!body.contains("\n.\n"))
    #expect(body.contains("a??.??b"))
    #expect(body.hasSuffix("\n..\n..\n..a: b\nX: \u{fc}\n"))
    #expect(report.isEightBit)
    #expect(Self.text(report.header).contains("charset=utf-8"))
    #expect(report.size == report.header.count + report.body.count - 3)
  }

  @Test func theReturnedHeaderIsBounded() throws {
    let line = String(repeating: "h", count: 98) + "\r\n"
    let header = String(repeating: line, count: 1000) + "\r\n"
    let report = try Self.report(Self.source(header: header), limit: 1000)
    let body = Self.text(report.body)
    #expect(body.split(separator: "\n").filter { $0.hasPrefix("hhh") }.count == 10)
    #expect(body.hasSuffix("\n---- The rest is left out ----\n"))
  }
}
