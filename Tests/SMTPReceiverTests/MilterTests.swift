import MailSite
import MailTypes
import MilterCore
import Primitives
import QueueFormat
import QueueStore
import Reactor
import SMTPServerCore
import Streams
import Testing

@testable import SMTPReceiver

/// A message's way past a milter that speaks the protocol over TCP.
@Suite struct MilterTests {
  init() { Reactor.startThread() }

  /// A fixture whose sessions are looked at by these milters.
  @ReactorActor
  func fixture(
    _ milters: [TestMilter], _ settings: String = "", bodyMemory: Int = 64 << 20
  ) throws -> Fixture {
    let list = milters.map { "inet:127.0.0.1:\($0.port)" }.joined(separator: ", ")
    return try Fixture(
      bodyMemory: bodyMemory, milters: try siteMilters("smtpd_milters = \(list)\n\(settings)"))
  }

  /// The replies to a message, from EHLO to the final dot.
  @ReactorActor
  func send(
    _ fixture: Fixture, content: String = "Subject: x\r\nFoo:  y\r\n\tz\r\n\r\nhi\r\n..dot\r\n"
  ) async throws -> [String] {
    let client = try fixture.connectSilently()
    var replies = try await client.replies(1)
    for line in ["EHLO c.test", "MAIL FROM:<a@b.test> SIZE=100", "RCPT TO:<q@r.test>", "DATA"] {
      replies.append(try await client.ask(line))
    }
    guard replies.last?.hasPrefix("354") == true else { return replies }
    replies.append(try await client.ask(content + "."))
    _ = try await client.ask("QUIT")
    return replies
  }

  /// The lines of a message but for the trace field and empty ones.
  func text(_ record: PendingRecord) -> String {
    let text = String(decoding: record.content, as: UTF8.self)
    var shown: [Substring] = []
    var isTrace = false
    for line in text.split(separator: "\r\n") {
      isTrace = line.hasPrefix("Received:") || isTrace && line.hasPrefix("\t")
      if !isTrace { shown.append(line) }
    }
    return shown.joined(separator: "|")
  }

  @Test @ReactorActor func itIsToldWhatHappens() async throws {
    let milter = try TestMilter()
    let fixture = try fixture([milter], "milter_macro_v = Martinet")
    #expect(try await send(fixture).last?.hasPrefix("250 2.0.0 Ok: queued as ") == true)
    try await milter.wait(for: "Q")
    let id = try #require(fixture.spool.messages.first).id
    #expect(
      milter.events.dropFirst() == [
        "DCj|mx.example.org|{daemon_name}|mx.example.org|v|Martinet|_|unknown [192.0.2.7]|",
        "Cunknown|4\u{10}\u{fffd}192.0.2.7|", "Hc.test|",
        "DM{mail_addr}|a@b.test|{mail_host}|b.test|{mail_mailer}|smtp|",
        "M<a@b.test>|SIZE=100|",
        "DR{rcpt_addr}|q@r.test|{rcpt_host}|r.test|{rcpt_mailer}|smtp|", "R<q@r.test>|",
        "DTi|\(id)|", "T", "DLi|\(id)|", "LSubject|x|", "DLi|\(id)|", "LFoo| y\n\tz|",
        "DNi|\(id)|", "N", "DBi|\(id)|", "Bhi\r\n.dot\r\n", "DEi|\(id)|", "E", "Q",
      ])
    milter.stop()
  }

  @Test @ReactorActor func whatItSaysAtEachStageIsWhatTheClientHears() async throws {
    let rows: [(Character, String, [String], String?)] = [
      (
        "C", "r",
        [
          "554 mx.example.org ESMTP not accepting connections", "250",
          "550 5.7.1 Command rejected",
        ],
        "NOQUEUE: milter-reject: CONNECT from unknown[192.0.2.7]: 550 5.7.1 Command rejected; "
          + "proto=SMTP"
      ),
      (
        "C", "t", ["220", "250", "451 4.7.1 Service unavailable - try again later"],
        "NOQUEUE: milter-reject: CONNECT from unknown[192.0.2.7]: 451 4.7.1 Service unavailable "
          + "- try again later; proto=SMTP"
      ),
      (
        "C", "d", ["220", "250", "250 2.1.0 Ok", "250", "354", "250"],
        nil
      ),
      (
        "H", "r", ["220", "250", "550 5.7.1 Command rejected"],
        "NOQUEUE: milter-reject: EHLO from unknown[192.0.2.7]: 550 5.7.1 Command rejected; "
          + "proto=SMTP helo=<c.test>"
      ),
      (
        "M", "y550 5.7.9 my text\0", ["220", "250", "550 5.7.9 my text"],
        "NOQUEUE: milter-reject: MAIL from unknown[192.0.2.7]: 550 5.7.9 my text; "
          + "from=<a@b.test> proto=ESMTP helo=<c.test>"
      ),
      (
        "R", "t", ["220", "250", "250", "451 4.7.1 Service unavailable - try again later"],
        "NOQUEUE: milter-reject: RCPT from unknown[192.0.2.7]: 451 4.7.1 Service unavailable - "
          + "try again later; from=<a@b.test> to=<q@r.test> proto=ESMTP helo=<c.test>"
      ),
      (
        "T", "r", ["220", "250", "250", "250", "550 5.7.1 Command rejected"],
        "ID: milter-reject: DATA from unknown[192.0.2.7]: 550 5.7.1 Command rejected; "
          + "from=<a@b.test> to=<q@r.test> proto=ESMTP helo=<c.test>"
      ),
      (
        "N", "r", ["220", "250", "250", "250", "354", "550 5.7.1 Command rejected"],
        "ID: milter-reject: END-OF-MESSAGE from unknown[192.0.2.7]: 5.7.1 Command rejected; "
          + "from=<a@b.test> to=<q@r.test> proto=ESMTP helo=<c.test>"
      ),
      (
        "B", "t",
        ["220", "250", "250", "250", "354", "451 4.7.1 Service unavailable - try again later"],
        "ID: milter-reject: END-OF-MESSAGE from unknown[192.0.2.7]: 4.7.1 Service unavailable - "
          + "try again later; from=<a@b.test> to=<q@r.test> proto=ESMTP helo=<c.test>"
      ),
      (
        "E", "d", ["220", "250", "250", "250", "354", "250 2.0.0 Ok: queued as "],
        "ID: milter-discard: END-OF-MESSAGE from unknown[192.0.2.7]: milter triggers DISCARD "
          + "action; from=<a@b.test> to=<q@r.test> proto=ESMTP helo=<c.test>"
      ),
    ]
    for (stage, answer, replies, line) in rows {
      let name = "\(stage) -> \(answer)"
      let milter = try TestMilter([stage: [.say(answer)]])
      let fixture = try fixture([milter])
      let heard = try await send(fixture)
      for (reply, start) in zip(heard, replies) { #expect(reply.hasPrefix(start), "\(name)") }
      let isKept = line == nil
      #expect(fixture.spool.messages.isEmpty == !isKept, "\(name)")
      if let line {
        let logged = try fixture.logLines().filter { $0.contains(": milter-") }
        let first = try #require(logged.first, "\(name)")
        let tail = first.drop { $0 != " " }.dropFirst()
        let shown = tail.hasPrefix("NOQUEUE") ? String(tail) : "ID" + tail.drop { $0 != ":" }
        #expect(shown == line, "\(name)")
        #expect(first.hasPrefix(stage == "N" || stage == "B" || stage == "E" ? "cleanup" : "smtpd"))
      }
      milter.stop()
    }
  }

  @Test @ReactorActor func whoSpeaksBeforeTheGreetingIsShownAllTheSame() async throws {
    let milter = try TestMilter(["C": [.say("r")]])
    let fixture = try Fixture(
      milters: try siteMilters("smtpd_milters = inet:127.0.0.1:\(milter.port)"),
      change: { $0.forbidsUnauthorizedPipelining = false })
    let client = try fixture.connectSilently()
    _ = try client.stream.writeNow(Array("HELO c.test\r\nMAIL FROM:<a@b.test>\r\n".utf8))
    #expect(
      try await client.replies(3) == [
        "554 mx.example.org ESMTP not accepting connections", "250 mx.example.org",
        "550 5.7.1 Command rejected",
      ])
    milter.stop()
  }

  @Test @ReactorActor func anEndOfTheSessionIsOne() async throws {
    for (stage, reply) in [
      ("C", "421 mx.example.org Service unavailable - try again later"),
      ("M", "421 4.7.0 Server closing connection"), ("E", "421 4.7.0 Server closing connection"),
    ] as [(Character, String)] {
      let milter = try TestMilter([stage: [.say("4")]])
      let fixture = try fixture([milter])
      let client = try fixture.connectSilently()
      var heard = try await client.replies(1)
      let lines = ["EHLO c.test", "MAIL FROM:<a@b.test>", "RCPT TO:<q@r.test>", "DATA", "x\r\n."]
      for line in lines {
        if let answer = try? await client.ask(line) { heard.append(answer) }
      }
      #expect(heard.last == reply)
      #expect(fixture.spool.messages.isEmpty)
      milter.stop()
    }
  }

  @Test @ReactorActor func changesComeTrue() async throws {
    let milter = try TestMilter([
      "E": [
        .say("hX-Added\0one\ntwo\0"), .say("i\0\0\0\0X-Top\0t\0"), .say("m\0\0\0\u{1}foo\0new\0"),
        .say("m\0\0\0\u{1}Subject\0\0"), .say("e<new@b.test>\0"), .say("+<more@r.test>\0"),
        .say("-<q@r.test>\0"), .say("bfirst\r\n.sec"), .say("p"), .say("bond"), .say("q spam\0"),
        .say("c"),
      ]
    ])
    let fixture = try fixture([milter])
    #expect(try await send(fixture).last?.hasPrefix("250 2.0.0 Ok") == true)
    let message = try #require(fixture.spool.messages.first)
    #expect(text(message) == "X-Top: t|foo: new|X-Added: one|\ttwo|first|..second")
    #expect(message.envelope.sender == MailAddress("new@b.test"))
    #expect(message.envelope.recipients.map(\.address) == [MailAddress("more@r.test")])
    #expect(message.flags == [.entersOnHold, .hasStuffedLines, .scanForDots])
    #expect(message.contentSize == UInt64(message.content.count - 1))
    #expect(message.content[..<message.headerLength].suffix(4) == [13, 10, 13, 10])
    #expect(
      try fixture.logLines().contains { $0.contains("milter-hold: END-OF-MESSAGE from ") })
    milter.stop()
  }

  @Test @ReactorActor func aMessageWhoseRecipientsAreAllTakenAwayGoesToNobody() async throws {
    let milter = try TestMilter(["E": [.say("-<q@r.test>\0"), .say("c")]])
    let fixture = try fixture([milter])
    #expect(try await send(fixture).last?.hasPrefix("250 2.0.0 Ok") == true)
    #expect(fixture.spool.messages.isEmpty)
    #expect(
      try fixture.logLines().contains {
        $0.hasPrefix("cleanup: ")
          && $0.hasSuffix(
            ": milter-discard: END-OF-MESSAGE from unknown[192.0.2.7]: milter removes all "
              + "recipients; from=<a@b.test> to=<q@r.test> proto=ESMTP helo=<c.test>")
      })
    milter.stop()
  }

  @Test @ReactorActor func theNextMilterSeesWhatTheFirstChanged() async throws {
    let first = try TestMilter(["E": [.say("hX-One\01\0"), .say("bother\r\n"), .say("c")]])
    let second = try TestMilter(["E": [.say("r")]])
    let fixture = try fixture([first, second])
    #expect(try await send(fixture).last == "550 5.7.1 Command rejected")
    #expect(second.told.contains("LX-One|1|"))
    #expect(second.body == Array("other\r\n".utf8))
    #expect(fixture.spool.messages.isEmpty)
    first.stop()
    second.stop()
  }

  @Test @ReactorActor func aLargeBodyIsReadBackAndReplaced() async throws {
    let line = String(repeating: "x", count: 98) + "\r\n"
    let large = String(repeating: line, count: 20_000)
    let part = "b" + String(repeating: "..y\r\n", count: 12_000)
    let answers = Array(repeating: TestMilter.Answer.say(part), count: 10) + [.say("c")]
    for (replaces, steps) in [(false, UInt32(0)), (true, 0x8_0000)] {
      let milter = try TestMilter(replaces ? ["E": answers] : [:], steps: steps)
      let fixture = try fixture([milter])
      let replies = try await send(fixture, content: "Subject: x\r\n\r\n" + large)
      #expect(replies.last?.hasPrefix("250 2.0.0 Ok") == true)
      #expect(milter.body == Array(large.utf8))
      let message = try #require(fixture.spool.messages.first)
      let body = message.content[message.headerLength...]
      #expect(body.count == (replaces ? 10 * 12_000 * 6 : large.utf8.count))
      #expect(message.flags.contains(.hasStuffedLines) == replaces)
      let size = message.content.count - (replaces ? 120_000 : 0)
      #expect(message.contentSize == UInt64(size))
      #expect(fixture.spool.streamsBegun == (replaces ? 2 : 1))
      #expect(fixture.spool.streamsAborted == (replaces ? 1 : 0))
      #expect(fixture.intake.memory.used == 0 && fixture.intake.memory.spilled == 0)
      milter.stop()
    }
  }

  @Test @ReactorActor func chunksAreShownAsOneMessage() async throws {
    let milter = try TestMilter(["E": [.say("hX-A\0b\0"), .say("c")]])
    let fixture = try fixture([milter])
    let client = try await fixture.connect()
    for line in ["EHLO c.test", "MAIL FROM:<a@b.test>", "RCPT TO:<q@r.test>"] {
      _ = try await client.ask(line)
    }
    try await client.send("BDAT 9\r\nA: b\r\n\r\n.")
    #expect(try await client.replies(1)[0].hasPrefix("250"))
    try await client.send("BDAT 5 LAST\r\n\r\nx\r\n")
    #expect(try await client.replies(1)[0].hasPrefix("250 2.0.0 Ok"))
    #expect(milter.body == Array(".\r\nx\r\n".utf8))
    #expect(text(try #require(fixture.spool.messages.first)) == "A: b|X-A: b|..|x")
    milter.stop()
  }

  @Test @ReactorActor func anEndedTransactionIsAborted() async throws {
    let milter = try TestMilter()
    let fixture = try fixture([milter])
    let client = try await fixture.connect()
    _ = try await client.ask("EHLO c.test")
    _ = try await client.ask("MAIL FROM:<a@b.test>")
    #expect(try await client.ask("RSET") == "250 2.0.0 Ok")
    _ = try await client.ask("MAIL FROM:<second@b.test>")
    client.stream.close()
    try await milter.wait(for: "Q")
    #expect(milter.told.map { $0.prefix(2) }.dropFirst(2) == ["M<", "A", "M<", "A", "Q"])
    milter.stop()
  }
}
