import QueueFormat
import QueueStore
import Reactor
import SMTPServerCore
import Streams
import Testing

@testable import SMTPReceiver

/// BDAT over real sockets.
@Suite struct ChunkTests {
  init() { Reactor.startThread() }

  @ReactorActor private func begin(_ client: TestClient) async throws {
    _ = try await client.ask("EHLO c")
    try await client.send(
      "MAIL FROM:<a@b.example> RET=FULL ENVID=e+2B SMTPUTF8\r\n"
        + "RCPT TO:<b@example.org> NOTIFY=NEVER ORCPT=rfc822;x@y\r\n")
    _ = try await client.replies(2)
  }

  @Test @ReactorActor func chunksMakeOneMessageWithItsWishes() async throws {
    let fixture = try Fixture()
    let client = try await fixture.connect()
    try await begin(client)
    try await client.send("BDAT 14\r\nSubject: \u{e9}\r\n\r")
    #expect(try await client.replies(1) == ["250 2.0.0 Ok: 14 bytes"])
    #expect(fixture.intake.memory.used > 14)
    #expect(fixture.spool.inData == 0)
    try await client.send("BDAT 5 LAST\r\n\n.dotNOOP\r\n")
    let replies = try await client.replies(2)
    #expect(replies[0].hasPrefix("250 2.0.0 Ok: 21 bytes queued as "))
    let message = try #require(fixture.spool.messages.first)
    #expect(
      String(decoding: message.content, as: UTF8.self)
        .hasSuffix("Subject: \u{e9}\r\n\r\n..dot\r\n"))
    #expect(String(decoding: message.content, as: UTF8.self).contains(" with UTF8SMTP id "))
    #expect(message.flags.isSuperset(of: [.needsSMTPUTF8, .header8Bit, .hasStuffedLines]))
    #expect(message.envelope.returnContent == .full)
    #expect(message.envelope.envelopeID == Array("e+2B".utf8))
    #expect(message.envelope.recipients[0].notify == .never)
    #expect(message.envelope.recipients[0].dsnOriginal == Array("rfc822;x@y".utf8))
    #expect(fixture.intake.memory.used == 0)
  }

  @Test @ReactorActor func aLargeChunkIsStreamed() async throws {
    let fixture = try Fixture { $0.messageSizeLimit = 0 }
    let client = try await fixture.connect()
    try await begin(client)
    let text = "Subject: x\r\n\r\n" + String(repeating: ".line of text\r\n", count: 200_000)
    try await client.send("BDAT \(text.utf8.count)\r\n" + text)
    #expect(try await client.replies(1) == ["250 2.0.0 Ok: \(text.utf8.count) bytes"])
    #expect(try await client.ask("BDAT 0 LAST").hasPrefix("250 2.0.0 Ok: \(text.utf8.count) bytes"))
    let message = try #require(fixture.spool.messages.first)
    #expect(fixture.spool.streamsBegun == 1)
    #expect(message.content.suffix(15).elementsEqual("..line of text\r\n".utf8.suffix(15)))
    #expect(fixture.intake.memory.used == 0)
    #expect(fixture.intake.memory.spilled == 0)
  }

  /// Each chunk came with its command, so that nothing was waited for.
  @Test @ReactorActor func manySmallChunksLeaveMemoryAsOneLargeDoes() async throws {
    let fixture = try Fixture { $0.messageSizeLimit = 0 }
    let client = try await fixture.connect()
    try await begin(client)
    let chunk = String(repeating: "line of text\r\n", count: 2000)
    for _ in 0..<100 {
      try await client.send("BDAT \(chunk.utf8.count)\r\n" + chunk)
      #expect(try await client.replies(1).count == 1)
    }
    #expect(fixture.spool.streamsBegun == 1)
    #expect(try await client.ask("BDAT 0 LAST").hasPrefix("250 2.0.0 Ok: 2800000 bytes"))
  }

  @Test(arguments: ["RSET\r\n", "EHLO x\r\n", "BDAT 0\r\n", "QUIT\r\n", nil])
  @ReactorActor func whatEndsTheTransactionFreesItsChunks(_ end: String?) async throws {
    let fixture = try Fixture()
    let client = try await fixture.connect()
    try await begin(client)
    try await client.send("BDAT 3\r\nabc")
    _ = try await client.replies(1)
    if let end { try await client.send(end) } else { client.stream.close() }
    try await settle { fixture.intake.memory.used == 0 }
    if end == nil {
      try await settle { fixture.room.count == 0 }
      #expect(
        try fixture.logLines().contains(
          "smtpd: lost connection after BDAT (3 bytes) from unknown[192.0.2.7]"))
    }
    #expect(fixture.spool.messages.isEmpty)
    #expect(fixture.spool.inData == 0)
  }

  @Test @ReactorActor func aClientThatWaitsForRepliesBeforeItsChunkGetsThem() async throws {
    let fixture = try Fixture()
    let client = try await fixture.connect()
    _ = try await client.ask("EHLO c")
    try await client.send("MAIL FROM:<>\r\nRCPT TO:<b@example.org>\r\nBDAT 3 LAST\r\n")
    #expect(try await client.replies(2) == ["250 2.1.0 Ok", "250 2.1.5 Ok"])
    try await client.send("abc")
    #expect(try await client.replies(1)[0].hasPrefix("250 2.0.0 Ok: 5 bytes queued as "))
    try await client.send("MAIL FROM:<>\r\nBDAT 3 LAST\r\n")
    #expect(try await client.replies(1) == ["250 2.1.0 Ok"])
    try await client.send("abc")
    #expect(try await client.replies(1) == ["554 5.5.1 Error: no valid recipients"])
  }

  @Test @ReactorActor func aChunkThatDoesNotComeIsTimedOut() async throws {
    let fixture = try Fixture(timeout: .seconds(6)) { $0.forbidsUnauthorizedPipelining = false }
    let client = try fixture.connectSilently()
    try await client.send(
      "EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<b@example.org>\r\n"
        + "BDAT 9223372036854775807 LAST\r\nabc")
    #expect(
      try await client.rest().hasSuffix("421 4.4.2 mx.example.org Error: timeout exceeded\r\n"))
    #expect(fixture.intake.memory.used == 0)
  }

  @Test @ReactorActor func whoDoesNotWaitIsNamedInTheLog() async throws {
    let fixture = try Fixture()
    let client = try await fixture.connect()
    _ = try await client.ask("EHLO c")
    try await client.send("NOOP\r\nQUIT\r\n")
    #expect(try await client.replies(1) == ["554 5.5.0 Error: SMTP protocol synchronization"])
    _ = try await client.rest()
    try await settle { fixture.room.count == 0 }
    let lines = try fixture.logLines()
    #expect(
      lines.contains {
        $0.hasPrefix(
          "smtpd: improper command pipelining after NOOP from unknown[192.0.2.7]: QUIT\\r\\n")
      }, "\(lines)")
  }
}
