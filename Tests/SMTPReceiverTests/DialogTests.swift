import MailTypes
import Primitives
import QueueFormat
import QueueStore
import Reactor
import Testing

@testable import SMTPReceiver

@Suite struct DialogTests {
  init() { Reactor.startThread() }

  @Test @ReactorActor func aMessageIsAnsweredOnceItIsKept() async throws {
    let fixture = try Fixture()
    let client = try await fixture.connect()
    #expect(try await client.ask("EHLO client.example").hasPrefix("250-mx.example.org|"))
    #expect(try await client.ask("MAIL FROM:<a@client.example>") == "250 2.1.0 Ok")
    #expect(try await client.ask("RCPT TO:<b@example.org>") == "250 2.1.5 Ok")
    #expect(try await client.ask("DATA") == "354 End data with <CR><LF>.<CR><LF>")
    let reply = try await client.ask(
      "Subject: x\r\nMessage-ID: <1@x>\r\n\r\nHello\r\n..dots\r\n.")
    #expect(reply.hasPrefix("250 2.0.0 Ok: queued as "))
    let message = try #require(fixture.spool.messages.first)
    #expect(reply == "250 2.0.0 Ok: queued as \(message.id)")
    let header = String(decoding: message.content[..<message.headerLength], as: UTF8.self)
    let body = String(decoding: message.content[message.headerLength...], as: UTF8.self)
    let trace = """
      Received: from client.example (unknown [192.0.2.7])\r
      \tby mx.example.org (Martinet) with ESMTP id \(message.id)\r
      \tfor <b@example.org>;\u{20}
      """
    #expect(header.hasPrefix(trace))
    #expect(header.hasSuffix("\r\nSubject: x\r\nMessage-ID: <1@x>\r\n\r\n"))
    #expect(body == "Hello\r\n..dots\r\n")
    #expect(message.contentSize == UInt64(message.content.count - 1))
    #expect(message.flags == [.hasStuffedLines, .scanForDots])
    #expect(message.envelope.sender.description == "a@client.example")
    #expect(message.envelope.recipients.map(\.address.description) == ["b@example.org"])
    #expect(message.envelope.client.helo == Array("client.example".utf8))
    #expect(fixture.spool.inData == 0)
    #expect(fixture.intake.memory.used == 0)
    #expect(try await client.ask("QUIT") == "221 2.0.0 Bye")
    #expect(try await client.rest() == "")
    #expect(
      try fixture.logLines() == [
        "smtpd: connect from unknown[192.0.2.7]",
        "smtpd: \(message.id): client=unknown[192.0.2.7]",
        "cleanup: \(message.id): message-id=<1@x>",
        "smtpd: disconnect from unknown[192.0.2.7] ehlo=1 mail=1 rcpt=1 data=1 quit=1 commands=5",
      ])
  }

  @Test @ReactorActor func aPipelinedBurstIsAnsweredInOneWrite() async throws {
    let fixture = try Fixture()
    let client = try await fixture.connect()
    _ = try await client.ask("EHLO c")
    let before = client.reads
    try await client.send(
      "MAIL FROM:<>\r\nRCPT TO:<b@example.org>\r\nRCPT TO:<c@elsewhere.example>\r\nDATA\r\n")
    let replies = try await client.replies(4)
    #expect(client.reads == before + 1)
    #expect(
      replies == [
        "250 2.1.0 Ok", "250 2.1.5 Ok",
        "554 5.7.1 <c@elsewhere.example>: Relay access denied",
        "354 End data with <CR><LF>.<CR><LF>",
      ])
    try await client.send("\r\n\r\n.\r\nQUIT\r\n")
    let last = try await client.replies(2)
    #expect(last.map { $0.prefix(4) } == ["250 ", "221 "])
    #expect(client.reads == before + 2)
    let reject = try #require(try fixture.logLines().first { $0.contains("reject") })
    #expect(
      reject.hasSuffix(
        ": reject: RCPT from unknown[192.0.2.7]: 554 5.7.1 <c@elsewhere.example>: Relay access "
          + "denied; from=<> to=<c@elsewhere.example> proto=ESMTP helo=<c>"))
  }

  @Test @ReactorActor func contentWithoutAHeaderGetsItsEmptyLine() async throws {
    let fixture = try Fixture()
    let client = try await fixture.connect()
    _ = try await client.ask("EHLO c")
    for (content, header, body) in [
      ("no header here\r\n", "\r\n\r\n", "no header here\r\n"),
      ("", "\r\n\r\n", ""),
      (" x\r\nbody\r\n", ")\r\n\r\n", " x\r\nbody\r\n"),
      ("From a b\r\nA: b\r\n\r\n", "\r\nX-Mailbox-Line: From a b\r\nA: b\r\n\r\n", ""),
      ("A: b\r\n", "\r\nA: b\r\n\r\n", ""),
      ("A: b\r\nbody\r\n", "\r\nA: b\r\n\r\n", "body\r\n"),
      ("\r\nbody\r\n", "\r\n\r\n", "body\r\n"),
    ] {
      try await client.send("MAIL FROM:<>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n")
      _ = try await client.replies(3)
      #expect(try await client.ask(content + ".").hasPrefix("250 2.0.0"))
      let message = try #require(fixture.spool.messages.last)
      let text = message.content[..<message.headerLength]
      #expect(String(decoding: text, as: UTF8.self).hasSuffix(header))
      #expect(message.content[message.headerLength...].elementsEqual(body.utf8))
      #expect(message.contentSize == UInt64(message.content.count))
    }
  }
}
