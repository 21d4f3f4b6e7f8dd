import MailTypes
import TestSupport
import Testing

@testable import DeliveryReports

struct DeliveryReportTests {
  static let reporter = DeliveryReport.Reporter(hostname: "mx.test", mailName: "Martinet")
  static let date = Array("Mon, 23 Nov 2026 17:55:10 +0000 (UTC)".utf8)
  static let id = QueueID(microseconds: 1_795_456_510_000_000, sequence: 7)
  static let subject = QueueID(microseconds: 1_795_456_500_000_000, sequence: 3)
  static let relay = "mx.there.test[192.0.2.1]:25"

  static func recipient(
    _ address: String = "a@there.test", original: String? = nil, orcpt: String = "",
    action: ReportedRecipient.Action = .failed, status: EnhancedStatus = EnhancedStatus(5, 1, 1),
    reason: String = "host mx.there.test[192.0.2.1] said: 550 no (in reply to RCPT TO command)"
  ) -> ReportedRecipient {
    ReportedRecipient(
      address: MailAddress(address), originalAddress: original.map { MailAddress($0) },
      dsnOriginal: Array(orcpt.utf8), action: action, status: status, reason: Array(reason.utf8),
      relay: Array(relay.utf8))
  }

  static func source(
    _ recipients: [ReportedRecipient] = [recipient()], sender: String = "s@here.test",
    header: String = "Subject: hi\r\nFrom: a@here.test\r\n\r\n", body: String? = "hello\r\n",
    needsSMTPUTF8: Bool = false
  ) -> DeliveryReport.Source {
    DeliveryReport.Source(
      queueID: subject, sender: MailAddress(sender), arrivalDate: date, recipients: recipients,
      returned: ReturnedMessage(header: Array(header.utf8), body: body.map { Array($0.utf8) }),
      needsSMTPUTF8: needsSMTPUTF8)
  }

  static func report(
    _ source: DeliveryReport.Source, _ kind: DeliveryReport.Kind = .failure
  ) -> DeliveryReport {
    DeliveryReport(kind, about: source, as: id, date: date, by: reporter)
  }

  static func text(_ bytes: [UInt8]) -> String {
    String(decoding: bytes, as: UTF8.self).replacing("\r\n", with: "\n")
  }

  @Test func aReportOfFailureIsThisMessage() {
    var source = Self.source()
    source.envelopeID = Array("QQ+1".utf8)
    let report = Self.report(source)
    let mark = "\(Self.subject).\(Self.id)/mx.test"
    #expect(
      Self.text(report.header) == """
        Received: by mx.test (Martinet)
        \tid \(Self.id); Mon, 23 Nov 2026 17:55:10 +0000 (UTC)
        Date: Mon, 23 Nov 2026 17:55:10 +0000 (UTC)
        From: Mail Delivery System <MAILER-DAEMON@mx.test>
        Subject: Undelivered Mail Returned to Sender
        To: s@here.test
        Auto-Submitted: auto-replied
        MIME-Version: 1.0
        Content-Type: multipart/report; report-type=delivery-status;
        \tboundary="\(mark)"
        Content-Transfer-Encoding: 7bit
        Message-Id: <\(Self.id)@mx.test>


        """)
    #expect(
      Self.text(report.body) == """
        This is a MIME-encapsulated message.

        --\(mark)
        Content-Description: Notification
        Content-Type: text/plain; charset=us-ascii

        This is the mail system at host mx.test.

        Your message has not reached the recipients below, and it will not
        be tried again. The reason stands beside each of them.

        If you need help, write to postmaster and include this report. Your
        own message, which is attached, you may leave out.

                           The mail system

        <a@there.test>: host mx.there.test[192.0.2.1] said: 550 no (in reply to RCPT
            TO command)

        --\(mark)
        Content-Description: Delivery report
        Content-Type: message/delivery-status

        Reporting-MTA: dns; mx.test
        Original-Envelope-Id: QQ+1
        X-Postfix-Queue-ID: \(Self.subject)
        X-Postfix-Sender: rfc822; s@here.test
        Arrival-Date: Mon, 23 Nov 2026 17:55:10 +0000 (UTC)

        Final-Recipient: rfc822; a@there.test
        Original-Recipient: rfc822;a@there.test
        Action: failed
        Status: 5.1.1
        Remote-MTA: dns; mx.there.test
        Diagnostic-Code: smtp; 550 no

        --\(mark)
        Content-Description: Undelivered Message
        Content-Type: message/rfc822

        Return-Path: <s@here.test>
        Subject: hi
        From: a@here.test

        hello

        --\(mark)--

        """)
    #expect(report.recipient == MailAddress("s@here.test"))
    #expect(!report.isEightBit && !report.needsSMTPUTF8 && !report.hasLongLine)
    #expect(report.size == report.header.count + report.body.count)
  }

  @Test func aReportOfSuccessSaysWhoHasTheMessage() {
    let body = Self.text(
      Self.report(
        Self.source(
          [
            Self.recipient(
              action: .relayed, status: EnhancedStatus(2, 0, 0), reason: "250 2.0.0 Ok"),
            ReportedRecipient(
              address: MailAddress("b@here.test"), dsnOriginal: Array("rfc822;l@here.test".utf8),
              action: .delivered, status: EnhancedStatus(2, 0, 0),
              reason: Array("delivered to maildir".utf8), relay: Array("local".utf8)),
            ReportedRecipient(
              address: MailAddress("c@here.test"), action: .delivered,
              status: EnhancedStatus(2, 0, 0), reason: Array("thrown away".utf8),
              relay: Array("none".utf8)),
          ], body: nil), .success
      ).body)
    for part in [
      "\n<a@there.test>: delivery via \(Self.relay): 250 2.0.0 Ok\n",
      "\n<b@here.test>: delivery via local: delivered to maildir\n",
      "\n<c@here.test>: thrown away\n",
      "\nAction: relayed\nStatus: 2.0.0\nRemote-MTA: dns; mx.there.test\n"
        + "Diagnostic-Code: smtp; 250 2.0.0 Ok\n",
      "\nFinal-Recipient: rfc822; b@here.test\nOriginal-Recipient: rfc822;l@here.test\n"
        + "Action: delivered\nStatus: 2.0.0\nDiagnostic-Code: X-Postfix; delivered to maildir\n",
      "Content-Description: Message Headers\nContent-Type: text/rfc822-headers\n",
    ] {
      #expect(body.contains(part), "\(part)")
    }
  }

  @Test func aReportOfDelayHasThisShape() {
    var source = Self.source(
      [
        Self.recipient(
          action: .delayed, status: EnhancedStatus(4, 3, 2),
          reason: "host mx.there.test[192.0.2.1] said: 451 4.3.2 later"
            + " (in reply to RCPT TO command)"),
        ReportedRecipient(
          address: MailAddress("b@dead.test"), action: .delayed, status: EnhancedStatus(4, 4, 1),
          reason: Array("connect to dead.test[192.0.2.2]:25: Connection refused".utf8),
          relay: Array("none".utf8)),
      ], body: nil)
    source.retryUntil = Array("Sat, 28 Nov 2026 17:55:10 +0000 (UTC)".utf8)
    let report = Self.report(source, .delay)
    #expect(Self.text(report.header).contains("\nSubject: Delayed Mail (still being retried)\n"))
    let mark = "\(Self.subject).\(Self.id)/mx.test"
    #expect(
      Self.text(report.body) == """
        This is a MIME-encapsulated message.

        --\(mark)
        Content-Description: Notification
        Content-Type: text/plain; charset=us-ascii

        This is the mail system at host mx.test.

        This is only a warning: there is no need to send your message again.

        It has not reached the recipients below so far. The reason stands
        beside each of them. This system goes on trying; if it has to give up,
        you will be told.

                           The mail system

        <a@there.test>: host mx.there.test[192.0.2.1] said: 451 4.3.2 later (in reply
            to RCPT TO command)

        <b@dead.test>: connect to dead.test[192.0.2.2]:25: Connection refused

        --\(mark)
        Content-Description: Delivery report
        Content-Type: message/delivery-status

        Reporting-MTA: dns; mx.test
        X-Postfix-Queue-ID: \(Self.subject)
        X-Postfix-Sender: rfc822; s@here.test
        Arrival-Date: Mon, 23 Nov 2026 17:55:10 +0000 (UTC)

        Final-Recipient: rfc822; a@there.test
        Original-Recipient: rfc822;a@there.test
        Action: delayed
        Status: 4.3.2
        Remote-MTA: dns; mx.there.test
        Diagnostic-Code: smtp; 451 4.3.2 later
        Will-Retry-Until: Sat, 28 Nov 2026 17:55:10 +0000 (UTC)

        Final-Recipient: rfc822; b@dead.test
        Original-Recipient: rfc822;b@dead.test
        Action: delayed
        Status: 4.4.1
        Diagnostic-Code: X-Postfix; connect to dead.test[192.0.2.2]:25: Connection
            refused
        Will-Retry-Until: Sat, 28 Nov 2026 17:55:10 +0000 (UTC)

        --\(mark)
        Content-Description: Undelivered Message Headers
        Content-Type: text/rfc822-headers

        Return-Path: <s@here.test>
        Subject: hi
        From: a@here.test

        --\(mark)--

        """)
  }

  @Test func expandedRecipientsNameTheirOrigin() {
    let body = Self.text(
      Self.report(
        Self.source([Self.recipient(), Self.recipient("b@there.test", original: "list@here.test")])
      ).body)
    #expect(body.contains("\n<b@there.test> (expanded from <list@here.test>): host"))
    #expect(
      body.contains(
        "\nFinal-Recipient: rfc822; b@there.test\nOriginal-Recipient: rfc822;list@here.test\n"))
  }

  @Test func longReasonsAreFoldedAtSpaces() {
    let reason = String(repeating: "reason ", count: 60) + String(repeating: "x", count: 2500)
    let report = Self.report(Self.source([Self.recipient(reason: reason)]))
    let lines = Self.text(report.body).split(separator: "\n")
    #expect(lines.filter { $0.hasPrefix("    reason") }.allSatisfy { $0.utf8.count <= 78 })
    #expect(!report.hasLongLine)
    #expect(lines.joined().filter { $0 != " " }.contains(String(repeating: "x", count: 2500)))
  }

  @Test func noLineOfTheBodyCanEndTheMessage() {
    let report = Self.report(
      Self.source(
        [Self.recipient(reason: "a\r\n.\r\nb")], header: "..\r\n..a: b\r\n\r\n",
        body: "..\r\n...\r\n"))
    let body = Self.text(report.body)
    #expect(!body.contains("\n.\n"))
    #expect(body.contains("a??.??b"))
    #expect(body.contains("\n..\n..a: b\n\n..\n...\n\n--"))
    #expect(report.size == report.header.count + report.body.count - 4)
  }

  @Test func eachPartIsLabelledAsItIs() {
    var latin = Self.source()
    latin.returned = ReturnedMessage(
      header: Array("Subject: ".utf8) + [0xfc, 13, 10, 13, 10], body: [0xfc, 13, 10])
    let report = Self.report(latin)
    let parts = Self.text(report.body).split(separator: "\n--")
    #expect(parts[1].contains("charset=us-ascii\n\n"))
    #expect(parts[3].contains("message/rfc822\nContent-Transfer-Encoding: 8bit\n\n"))
    #expect(Self.text(report.header).contains("Content-Transfer-Encoding: 8bit\n"))
    #expect(report.isEightBit && !report.hasEightBitHeader && !report.needsSMTPUTF8)
  }

  @Test func wordsThatAreNotUTF8AreNotCalledSo() {
    let odd = ReportedRecipient(
      address: MailAddress([0xfc] + Array("@there.test".utf8)), action: .failed,
      status: EnhancedStatus(5, 0, 0), reason: Array("gone \u{fc}".utf8))
    let body = Self.report(Self.source([odd], body: nil)).body
    #expect(String(validating: body, as: UTF8.self) != nil)
    #expect(Self.text(body).contains("<?@there.test>: gone \u{fc}"))
    #expect(Self.text(body).contains("charset=utf-8\nContent-Transfer-Encoding: 8bit\n"))
  }

  @Test func internationalMailHasAnInternationalReport() {
    let report = Self.report(
      Self.source(
        [Self.recipient("\u{fc}@there.test", orcpt: "utf-8;\u{fc}@there.test")],
        sender: "\u{e9}@here.test", header: "Subject: \u{fc}\r\n\r\n", body: nil,
        needsSMTPUTF8: true))
    let body = Self.text(report.body)
    for part in [
      "Content-Type: message/global-delivery-status\nContent-Transfer-Encoding: 8bit\n",
      "Content-Type: message/global-headers\nContent-Transfer-Encoding: 8bit\n",
      "X-Postfix-Sender: utf-8; \u{e9}@here.test\n",
      "Final-Recipient: utf-8; \u{fc}@there.test\nOriginal-Recipient: utf-8;\u{fc}@there.test\n",
    ] {
      #expect(body.contains(part), "\(part)")
    }
    #expect(report.hasEightBitHeader && report.needsSMTPUTF8)
  }

  @Test func longReturnedLinesAndNULsAreNoted() {
    let long = String(repeating: "l", count: 999)
    #expect(Self.report(Self.source(body: "\(long)\r\n")).hasLongLine)
    #expect(!Self.report(Self.source(body: "\(long.dropLast())\r\n")).hasLongLine)
    #expect(Self.report(Self.source(body: "a\0b\r\n")).hasNUL)
  }

  @Test func whatIsCutEndsWithItsLastWholeLine() {
    let body = Self.text(
      Self.report(Self.source(header: "Subject: hi\r\nX-Cut: in the mid", body: nil)).body)
    #expect(body.contains("\nReturn-Path: <s@here.test>\nSubject: hi\n\n--"))
    #expect(!body.contains("X-Cut"))
  }

  @Test func whatIsReturnedCannotEndItsPart() throws {
    let mark = "--\(Self.subject).\(Self.id)/mx.test"
    let report = Self.report(Self.source(body: "\(mark)\r\n\(mark)=--\r\nend\r\n"))
    let lines = Self.text(report.body).split(separator: "\n")
    let open = try #require(lines.firstIndex { $0.hasPrefix(mark) })
    let boundary = lines[open]
    #expect(lines.count { $0 == boundary } == 3)
    #expect(lines.filter { $0.hasPrefix(boundary) }.last == boundary + "--")
    #expect(lines.last == boundary + "--")
  }
}

struct DiagnosticTests {
  private static func parted(
    _ reason: String, relay: String = DeliveryReportTests.relay, isSuccess: Bool = false
  ) -> [String] {
    let found = Diagnostic(
      reason: Array(reason.utf8), relay: Array(relay.utf8), isSuccess: isSuccess)
    return [found.remoteHost.map { String(decoding: $0, as: UTF8.self) } ?? "-"]
      + [String(decoding: found.text, as: UTF8.self)]
  }

  private static let host = "host mx.there.test[192.0.2.1]"

  @Test(arguments: [
    ("\(host) said: 550-a 550 b (in reply to RCPT TO command)", "mx.there.test", "550-a 550 b"),
    (
      "\(host) said: 550 (in reply to x) y (in reply to MAIL FROM command)", "mx.there.test",
      "550 (in reply to x) y"
    ),
    ("\(host) said: 550 cut off", "mx.there.test", "550 cut off"),
    ("\(host) refused to talk to me: 554 (no)", "mx.there.test", "554 (no)"),
    ("Protocol error: \(host) said: 250 ok (in reply to DATA command)", "mx.there.test", "250 ok"),
    ("host other.test[192.0.2.9] said: 550 x", "-", "host other.test[192.0.2.9] said: 550 x"),
    ("lost connection with x while connecting", "-", "lost connection with x while connecting"),
    ("", "-", ""), ("\(host) said: )", "mx.there.test", ")"),
  ])
  func aRefusalIsParted(_ reason: String, _ host: String, _ text: String) {
    #expect(Self.parted(reason) == [host, text])
    #expect(Self.parted(reason, relay: "none") == ["-", reason])
  }

  @Test func aSuccessIsTheReply() {
    #expect(Self.parted("250 Ok", isSuccess: true) == ["mx.there.test", "250 Ok"])
    #expect(Self.parted("delivered", relay: "local", isSuccess: true) == ["-", "delivered"])
  }

  @Test func anyWordsOfAServerMakeAReport() {
    var random = SplitMix64(seed: 3464)
    let pieces = [
      "host ", "mx.there.test[192.0.2.1]", " said: ", " (in reply to ", ")", "[", "]", "\r\n", "\0",
      "\u{fc}", "\n.\n", "--", " ", String(repeating: "x", count: 1100), " refused to talk to me: ",
    ]
    func words() -> [UInt8] {
      (0..<random.next() % 9).flatMap { _ in
        Array(pieces[Int(random.next() % UInt64(pieces.count))].utf8)
          + (random.next() % 4 == 0 ? [UInt8(truncatingIfNeeded: random.next())] : [])
      }
    }
    for _ in 0..<3000 {
      let recipient = ReportedRecipient(
        address: MailAddress("a@there.test"), action: random.next() % 2 == 0 ? .failed : .relayed,
        status: EnhancedStatus(5, 0, 0), reason: words(), relay: words())
      let report = DeliveryReportTests.report(DeliveryReportTests.source([recipient]))
      #expect(!report.hasLongLine && !report.hasNUL)
      #expect(String(validating: report.body, as: UTF8.self) != nil)
      let text = DeliveryReportTests.text(report.body)
      #expect(!text.contains("\n.\n") && !text.contains("\r"))
      #expect(text.split(separator: "\n").count { $0.hasPrefix("Status: ") } == 1)
    }
  }
}
