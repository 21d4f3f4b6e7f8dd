import MailTypes
import Primitives
import Testing

@testable import MessageHeaders

@Suite struct TraceTests {
  private func date(_ seconds: Int64, _ offset: LocalOffset = .utc) -> String {
    var text: [UInt8] = []
    MailDate.append(WallTime(microseconds: seconds * 1_000_000), offset: offset, to: &text)
    return String(decoding: text, as: UTF8.self)
  }

  @Test func datesAreThoseOfTheCalendar() {
    #expect(date(0) == "Thu,  1 Jan 1970 00:00:00 +0000 (UTC)")
    #expect(date(951_782_399) == "Mon, 28 Feb 2000 23:59:59 +0000 (UTC)")
    #expect(date(951_782_400) == "Tue, 29 Feb 2000 00:00:00 +0000 (UTC)")
    #expect(date(1_795_456_764) == "Mon, 23 Nov 2026 17:59:24 +0000 (UTC)")
    #expect(date(4_107_542_400) == "Mon,  1 Mar 2100 00:00:00 +0000 (UTC)")
    #expect(date(-1) == "Wed, 31 Dec 1969 23:59:59 +0000 (UTC)")
  }

  @Test func offsetsMoveTheClock() {
    #expect(
      date(1_795_456_764, LocalOffset(seconds: 3600, name: "CET"))
        == "Mon, 23 Nov 2026 18:59:24 +0100 (CET)")
    #expect(
      date(1_795_456_764, LocalOffset(seconds: -12_600, name: "NST"))
        == "Mon, 23 Nov 2026 14:29:24 -0330 (NST)")
    #expect(date(0, LocalOffset(seconds: 19_800, name: "")) == "Thu,  1 Jan 1970 05:30:00 +0530")
  }

  private func field(_ address: String, for recipient: MailAddress?) -> String {
    let field = ReceivedField(
      helo: "x.y", clientName: "localhost", clientAddress: IPAddress(address)!,
      myhostname: "mx.example.test", mailName: "Postfix", protocolName: "ESMTP",
      queueID: QueueID(microseconds: 1_700_000_000_000_000, sequence: 1), recipient: recipient,
      time: WallTime(microseconds: 1_795_456_764_000_000), offset: .utc)
    var text: [UInt8] = []
    field.append(to: &text)
    return String(decoding: text, as: UTF8.self)
  }

  @Test func theTraceFieldHasPostfixsShape() {
    #expect(
      field("127.0.0.1", for: MailAddress("\"c d\"@other.test"))
        == "Received: from x.y (localhost [127.0.0.1])\r\n"
        + "\tby mx.example.test (Postfix) with ESMTP id 4SVLCh0000z1\r\n"
        + "\tfor <\"c d\"@other.test>; Mon, 23 Nov 2026 17:59:24 +0000 (UTC)\r\n")
    #expect(
      field("2001:db8::1", for: nil)
        == "Received: from x.y (localhost [IPv6:2001:db8::1])\r\n"
        + "\tby mx.example.test (Postfix) with ESMTP id 4SVLCh0000z1;\r\n"
        + "\tMon, 23 Nov 2026 17:59:24 +0000 (UTC)\r\n")
  }
}
