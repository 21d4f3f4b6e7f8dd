import LinuxSystem
import MailTypes
import MessageHeaders
import Primitives
import QueueFormat
import QueueStore
import Reactor
import SMTPGrammar
import SMTPServerCore
import Streams
import Testing

@testable import SMTPReceiver

/// What happens at the limits of size, memory and the spool.
@Suite struct LimitTests {
  init() { Reactor.startThread() }

  /// A message of about `size` bytes as it goes over the wire.
  private func text(_ size: Int) -> String {
    let line = String(repeating: "x", count: 98) + "\r\n"
    return "Subject: large\r\n\r\n" + String(repeating: line, count: size / 100) + ".\r\n"
  }

  @Test @ReactorActor func aMessageOverTheSizeLimitIsRefusedAtItsEnd() async throws {
    let fixture = try Fixture { $0.messageSizeLimit = 100_000 }
    let client = try await fixture.connect()
    try await begin(client)
    try await client.send(text(300_000))
    #expect(try await client.replies(1) == ["552 5.3.4 Error: message file too big"])
    #expect(fixture.intake.memory.used == 0)
    try await client.send("MAIL FROM:<>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n")
    _ = try await client.replies(3)
    #expect(try await client.ask(".").hasPrefix("250 2.0.0"))
  }

  @Test @ReactorActor func tooManyHopsAreRefused() async throws {
    let fixture = try Fixture()
    let client = try await fixture.connect()
    try await begin(client)
    let trace = String(repeating: "Received: from a by b\r\n", count: 49)
    #expect(
      try await client.ask(trace + "\r\n.") == "554 5.4.0 Error: too many hops")
    #expect(fixture.spool.messages.isEmpty)
  }

  @Test @ReactorActor func aLargeMessageIsStreamed() async throws {
    let fixture = try Fixture()
    let client = try await fixture.connect()
    try await begin(client)
    let text = text(3_000_000)
    try await client.send(text)
    #expect(try await client.replies(1)[0].hasPrefix("250 2.0.0"))
    #expect(fixture.spool.streamsBegun == 1)
    let message = try #require(fixture.spool.messages.first)
    #expect(message.content.suffix(text.utf8.count - 3).elementsEqual(text.utf8.dropLast(3)))
    #expect(message.contentSize == UInt64(message.content.count))
    #expect(
      String(decoding: message.content[..<message.headerLength], as: UTF8.self)
        .hasSuffix("Subject: large\r\n\r\n"))
    #expect(fixture.intake.memory.used == 0)
    #expect(fixture.intake.memory.spilled == 0)
  }

  @Test(arguments: [
    "Subject: x\r\nX: a\r\n b\r\n\r\nbody\r\n", "Subject: x\r\nno field\r\n", "no field\r\n",
    " x\r\nSubject: y\r\n\r\nbody\r\n", "From a\r\nSubject: y\r\n\r\nbody\r\n",
    "Subject: x\r\n", "\r\nbody\r\n", "Received: a\r\n\tb\r\nReceived : c\r\n\r\nReceived: d\r\n",
  ])
  @ReactorActor func aHeaderMayLeaveMemoryAnywhereWithinIt(_ text: String) async throws {
    var whole: [UInt8]?
    for cut in 0...text.utf8.count {
      let fixture = try Fixture()
      let message = InboundMessage(
        trace: Array("Received: here\r\n".utf8), sizeMax: 0, bareNewlines: .normalize,
        intake: fixture.intake)
      let bytes = Array("\(text).\r\n".utf8)
      // Without a write between its parts the message is what every other one must be.
      _ = Array(bytes[..<cut]).withUnsafeBytes { message.take($0) }
      if whole != nil { await message.writeOut() }
      _ = Array(bytes[cut...]).withUnsafeBytes { message.take($0) }
      let hops = message.finishHeader().receivedCount + message.laterHops
      #expect(hops == (text.hasPrefix("Received") ? 3 : 1), "cut at \(cut)")
      try await message.commit(
        id: QueueID(microseconds: 1, sequence: 1),
        envelope: Envelope(sender: .null, recipients: [], arrival: WallTime(microseconds: 1)))
      let record = try #require(fixture.spool.messages.first)
      whole = whole ?? record.content
      #expect(record.content == whole, "cut at \(cut)")
      #expect(record.contentSize == UInt64(record.content.count))
    }
  }

  @Test @ReactorActor func aLargeHeaderIsStreamedAndItsHopsAreCounted() async throws {
    let fixture = try Fixture { $0.messageSizeLimit = 0 }
    let client = try await fixture.connect()
    try await begin(client)
    let fields = String(
      repeating: "X-Field: \(String(repeating: "x", count: 980))\r\n", count: 2500)
    let hops = String(repeating: "Received: from here\r\n", count: 48)
    try await client.send(fields + hops + "\r\nbody\r\n.\r\n")
    #expect(try await client.replies(1)[0].hasPrefix("250 2.0.0"))
    let message = try #require(fixture.spool.messages.first)
    #expect(
      String(decoding: message.content, as: UTF8.self).hasSuffix(fields + hops + "\r\nbody\r\n"))
    try await begin(client)
    try await client.send(fields + hops + hops + "\r\nbody\r\n.\r\n")
    #expect(try await client.replies(1)[0] == "554 5.4.0 Error: too many hops")
    #expect(fixture.intake.memory.used == 0)
    #expect(fixture.intake.memory.spilled == 0)
  }

  @Test @ReactorActor func theLargestBodyLeavesWhenMemoryIsShort() async throws {
    let fixture = try Fixture(bodyMemory: 400_000)
    let large = try await fixture.connect()
    try await begin(large)
    let bulk = text(300_000)
    try await large.send(String(bulk.dropLast(2)))
    try await settle { fixture.intake.memory.used > 290_000 }
    let small = try await fixture.connect()
    try await begin(small)
    let part = text(150_000)
    try await small.send(part)
    #expect(try await small.replies(1)[0].hasPrefix("250 2.0.0"))
    try await settle { fixture.spool.streamsBegun == 1 }
    #expect(try await large.ask(".").hasPrefix("250 2.0.0"))
    #expect(fixture.spool.messages.count == 2)
    for message in fixture.spool.messages {
      #expect(message.contentSize == UInt64(message.content.count))
    }
    #expect(fixture.spool.messages.last!.content.count > 300_000)
    #expect(fixture.intake.memory.used == 0)
  }

  @Test @ReactorActor func oneBodyIsAskedOnceToLeave() async throws {
    let fixture = try Fixture(bodyMemory: 1000)
    let message = InboundMessage(
      trace: Array("Received: here\r\n".utf8), sizeMax: 0, bareNewlines: .normalize,
      intake: fixture.intake)
    let line = Array("Subject: x\r\n\r\n\(String(repeating: "x", count: 900))\r\n".utf8)
    for _ in 0..<10 { _ = line.withUnsafeBytes { message.take($0) } }
    try await settle { fixture.intake.memory.spilled > 0 && message.content.isEmpty }
    for _ in 0..<20 { await Reactor.shared.yieldTurn() }
    #expect(fixture.spool.pieces == 1)
    for _ in 0..<10 { _ = line.withUnsafeBytes { message.take($0) } }
    try await settle { message.content.isEmpty }
    for _ in 0..<20 { await Reactor.shared.yieldTurn() }
    #expect(fixture.spool.pieces == 2)
    message.abandon()
    #expect(fixture.intake.memory.used == 0)
    #expect(fixture.intake.memory.spilled == 0)
    // Nothing is left of what was about to leave: the next one is asked too.
    let next = InboundMessage(
      trace: [], sizeMax: 0, bareNewlines: .normalize, intake: fixture.intake)
    for _ in 0..<2 { _ = line.withUnsafeBytes { next.take($0) } }
    try await settle { fixture.spool.pieces == 3 }
    next.abandon()
  }

  @Test @ReactorActor func headersThatStayBehindTakeMemoryThatIsThere() async throws {
    let fixture = try Fixture(bodyMemory: 100_000)
    func message() async -> InboundMessage {
      let message = InboundMessage(
        trace: Array("Received: here\r\n".utf8), sizeMax: 0, bareNewlines: .normalize,
        intake: fixture.intake)
      let fields = String(
        repeating: "X-Field: \(String(repeating: "x", count: 80))\r\n", count: 700)
      for part in [fields, "\r\n", text(10_000)] {
        _ = Array(part.utf8).withUnsafeBytes { message.take($0) }
      }
      await message.writeOut()
      return message
    }
    let first = await message()
    #expect(first.fault == nil)
    #expect(fixture.intake.memory.pinned > 60_000)
    let second = await message()
    #expect(second.fault == .noSpace)
    #expect(fixture.intake.memory.pinned < 70_000)
    first.abandon()
    second.abandon()
    #expect(fixture.intake.memory.pinned == 0)
    let third = await message()
    #expect(third.fault == nil)
    third.abandon()
  }

  @Test @ReactorActor func recipientsTakeNoMoreThanTheirShare() async throws {
    let fixture = try Fixture(bodyMemory: 10_000)
    let client = try await fixture.connect()
    _ = try await client.ask("EHLO c")
    _ = try await client.ask("MAIL FROM:<>")
    let name = String(repeating: "x", count: 1000)
    var taken = 0
    while taken < 20, try await client.ask("RCPT TO:<\(name)@example.org>") == "250 2.1.5 Ok" {
      taken += 1
    }
    #expect((7...10).contains(taken))
    let full = "452 4.3.1 Insufficient system storage"
    #expect(try await client.ask("RCPT TO:<b@example.org>") == full)
    let other = try await fixture.connect()
    _ = try await other.ask("EHLO c")
    _ = try await other.ask("MAIL FROM:<>")
    #expect(try await other.ask("RCPT TO:<b@example.org>") == full)
    _ = try await client.ask("RSET")
    #expect(try await other.ask("RCPT TO:<b@example.org>") == "250 2.1.5 Ok")
    #expect(try await client.ask("QUIT") == "221 2.0.0 Bye")
    other.stream.close()
    try await settle { fixture.intake.memory.pinned == 0 }
  }

  @Test @ReactorActor func noMessageBeginsWithoutMemoryAndSpill() async throws {
    let fixture = try Fixture(bodyMemory: 100_000, spillLimit: 0)
    let holder = try await fixture.connect()
    try await begin(holder)
    fixture.spool.writes.shut()
    try await holder.send(String(text(200_000).dropLast(2)))
    try await settle { !fixture.intake.memory.isAdmitting }
    let client = try await fixture.connect()
    _ = try await client.ask("EHLO c")
    try await client.send("MAIL FROM:<>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n")
    #expect(try await client.replies(3)[2] == "452 4.3.1 Insufficient system storage")
    fixture.spool.writes.open()
    holder.stream.close()
    try await settle { fixture.intake.memory.isAdmitting }
    #expect(try await client.ask("DATA").hasPrefix("354 "))
  }

  @Test @ReactorActor func aDiskThatDoesNotTakeALargeBodyInTimeCostsTheMessage() async throws {
    let fixture = try Fixture(writeTimeout: .milliseconds(50))
    let client = try await fixture.connect()
    try await begin(client)
    fixture.spool.writes.shut()
    try await client.send(text(3_000_000))
    #expect(try await client.replies(1) == ["451 4.3.0 Error: queue file write error"])
    #expect(fixture.intake.memory.used == 0)
    fixture.spool.writes.open()
    try await settle { fixture.spool.streamsAborted == 1 }
    #expect(fixture.spool.messages.isEmpty)
    try await begin(client)
    #expect(try await client.ask(".").hasPrefix("250 2.0.0"))
  }

  @Test @ReactorActor func aStreamIsDroppedWithItsClient() async throws {
    let fixture = try Fixture()
    let client = try await fixture.connect()
    try await begin(client)
    try await client.send(String(text(3_000_000).dropLast(2)))
    try await settle { fixture.spool.streamsBegun == 1 }
    client.stream.close()
    try await settle { fixture.spool.streamsAborted == 1 && fixture.room.count == 0 }
    #expect(fixture.spool.messages.isEmpty)
    #expect(fixture.intake.memory.used == 0)
  }

  @Test(arguments: [
    (SpoolError.noSpace, "452 4.3.1 Insufficient system storage"),
    (SpoolError.ended, "451 4.3.0 Error: queue file write error"),
  ])
  @ReactorActor func aSpoolThatFailsMeansComeBackLater(
    _ fault: SpoolError, _ reply: String
  ) async throws {
    let fixture = try Fixture()
    let client = try await fixture.connect()
    for size in [10, 3_000_000] {
      fixture.spool.fault = fault
      try await begin(client)
      try await client.send(text(size))
      #expect(try await client.replies(1) == [reply])
      fixture.spool.fault = nil
      try await begin(client)
      #expect(try await client.ask(".").hasPrefix("250 2.0.0"))
    }
    #expect(fixture.spool.messages.count == 2)
  }

  @Test @ReactorActor func anUncertainSpoolEndsTheSessionWithoutAnAnswer() async throws {
    let fixture = try Fixture()
    let client = try await fixture.connect()
    try await begin(client)
    fixture.spool.fault = .uncertain
    try await client.send("x\r\n.\r\nQUIT\r\n")
    #expect(try await client.rest() == "")
    #expect(try fixture.logLines().contains { $0.hasPrefix("smtpd: error: the spool failed") })
  }

  @Test @ReactorActor func newMailIsRefusedWhileTheSpoolDoesNotAnswer() async throws {
    let fixture = try Fixture()
    let client = try await fixture.connect()
    _ = try await client.ask("EHLO c")
    fixture.spool.isStalled = true
    #expect(try await client.ask("MAIL FROM:<>") == "452 4.3.1 Insufficient system storage")
    #expect(try await client.ask("MAIL FROM:<>") == "452 4.3.1 Insufficient system storage")
    fixture.spool.isStalled = false
    #expect(try await client.ask("MAIL FROM:<>") == "250 2.1.0 Ok")
    #expect(try fixture.logLines().count { $0.contains("the spool does not answer") } == 1)
    #expect(try fixture.logLines().count { $0.contains("the spool answers again") } == 1)
    #expect(
      try fixture.logLines().contains(
        "smtpd: NOQUEUE: reject: MAIL from unknown[192.0.2.7]: 452 4.3.1 Insufficient system "
          + "storage; from=<> proto=ESMTP helo=<c>"))
  }

  @Test @ReactorActor func theQueueManagerCanRefuseNewMail() async throws {
    let fixture = try Fixture()
    let client = try await fixture.connect()
    _ = try await client.ask("EHLO c")
    fixture.intake.queueRefusal = SMTPReply(452, EnhancedStatus(4, 3, 1), "queue full")
    #expect(try await client.ask("MAIL FROM:<>") == "452 4.3.1 queue full")
    fixture.intake.queueRefusal = nil
    #expect(try await client.ask("MAIL FROM:<>") == "250 2.1.0 Ok")
  }

  @Test @ReactorActor func theReplyWaitsForTheDisk() async throws {
    let fixture = try Fixture()
    fixture.spool.commits.shut()
    let client = try await fixture.connect()
    try await begin(client)
    try await client.send("x\r\n.\r\n")
    try await settle { fixture.spool.commits.waiting == 1 }
    let before = client.reads
    await pass(.milliseconds(20))
    #expect(client.reads == before)
    #expect(fixture.spool.inData == 0)
    fixture.spool.commits.open()
    #expect(try await client.replies(1)[0].hasPrefix("250 2.0.0"))
  }
}
