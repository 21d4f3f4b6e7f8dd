import LinuxSystem
import MailTypes
import Primitives
import Reactor
import ServiceKit
import Testing

@Suite struct DeliveryTests {
  init() { Reactor.startThread() }

  @Test(arguments: [true, false]) @ReactorActor
  func contentArrivesByteForByte(headerFirst: Bool) async throws {
    let fixture = try await SenderFixture()
    let server = try WireServer()
    let body = (0..<20_000).map { "..dot \($0) \u{e9}\r\n" }.joined()
    let message = StoredMessage(number: 1, body: body, headerFirst: headerFirst)
    let request = try fixture.deliver(message, to: server.port)
    let session = try await server.greeted()
    try await session.takeEnvelope()
    #expect(try await session.content() == message.wire)
    try await session.say("250 2.0.0 Ok: queued as 77")
    let result = try await fixture.result()
    #expect(result.id == request.id)
    #expect(!result.connectionFailed)
    let verdict = try #require(result.verdicts.first)
    #expect(verdict.outcome == .sent)
    #expect(verdict.index == 10)
    #expect(verdict.status == EnhancedStatus(2, 0, 0))
    #expect(
      String(decoding: verdict.relay, as: UTF8.self) == "127.0.0.1[127.0.0.1]:\(server.port)")
    #expect(try fixture.log().contains("status=sent (250 2.0.0 Ok: queued as 77)"))
  }

  @Test @ReactorActor func aMessageWithAnEmptyBodyIsSent() async throws {
    let fixture = try await SenderFixture()
    let server = try WireServer()
    let message = StoredMessage(number: 1, body: "")
    try fixture.deliver(message, to: server.port)
    let session = try await server.greeted()
    try await session.takeEnvelope()
    #expect(try await session.content() == message.wire)
    try await session.say("250 Ok")
    #expect(try await fixture.result().verdicts.map(\.outcome) == [.sent])
  }

  @Test @ReactorActor func eachRecipientGetsItsOwnVerdict() async throws {
    let fixture = try await SenderFixture()
    let server = try WireServer()
    try fixture.deliver(StoredMessage(number: 1, body: "x\r\n"), to: server.port, recipients: 3)
    let session = try await server.greeted()
    try await session.takeEnvelope(
      recipients: 3, replies: ["550 5.1.1 no", "250 2.1.5 Ok", "450 4.2.1 later"])
    _ = try await session.content()
    try await session.say("250 Ok")
    let verdicts = try await fixture.result().verdicts
    #expect(verdicts.map(\.index) == [10, 11, 12])
    #expect(verdicts.map(\.outcome) == [.bounced, .sent, .deferred])
    let log = try fixture.log()
    for (name, fate) in [("r0", "bounced"), ("r1", "sent"), ("r2", "deferred")] {
      let line = log.split(separator: "\n").first { $0.contains("to=<\(name)@") }
      #expect(line?.contains("status=\(fate)") == true)
    }
  }

  @Test @ReactorActor func aConnectionIsUsedAgain() async throws {
    let fixture = try await SenderFixture()
    let server = try WireServer()
    let messages = (1...3).map { StoredMessage(number: $0, body: "body \($0)\r\n") }
    try fixture.deliver(messages[0], to: server.port)
    let session = try await server.greeted()
    for (place, message) in messages.enumerated() {
      if place > 0 { try fixture.deliver(message, to: server.port) }
      try await session.takeEnvelope()
      #expect(try await session.content() == message.wire)
      try await session.say("250 2.0.0 Ok")
      #expect(try await fixture.result().verdicts.map(\.outcome) == [.sent])
    }
    #expect(server.sessions == 1)
    #expect(try fixture.log().contains("conn_use=3"))
  }

  @Test(arguments: [true, false]) @ReactorActor
  func anIdleConnectionThatHasGoneCostsOnlyANewOne(says421: Bool) async throws {
    let fixture = try await SenderFixture()
    let server = try WireServer()
    try fixture.deliver(StoredMessage(number: 1, body: "one\r\n"), to: server.port)
    let old = try await server.greeted()
    try await old.takeEnvelope()
    _ = try await old.content()
    try await old.say("250 2.0.0 Ok")
    _ = try await fixture.result()
    if says421 { try await old.say("421 4.4.2 timeout exceeded") }
    old.close()
    let second = StoredMessage(number: 2, body: "two\r\n")
    try fixture.deliver(second, to: server.port)
    let session = try await server.greeted()
    try await session.takeEnvelope()
    #expect(try await session.content() == second.wire)
    try await session.say("250 2.0.0 Ok")
    let result = try await fixture.result()
    #expect(result.verdicts.map(\.outcome) == [.sent])
    #expect(server.sessions == 2)
  }

  @Test @ReactorActor func aShortFileEndsWithoutTheFinalDot() async throws {
    let fixture = try await SenderFixture()
    let server = try WireServer()
    let body = String(repeating: "line\r\n", count: 1000)
    let message = StoredMessage(number: 1, body: body, missing: 100)
    try fixture.deliver(message, to: server.port)
    let session = try await server.greeted()
    try await session.takeEnvelope()
    let seen = try await session.rest()
    #expect(seen == Array(message.wire.dropLast(100)))
    let result = try await fixture.result()
    #expect(result.verdicts.map(\.outcome) == [.deferred])
  }

  @Test @ReactorActor func nothingIsSaidForAMessageThatIsNotTheOneAskedFor() async throws {
    let fixture = try await SenderFixture()
    let server = try WireServer()
    let real = StoredMessage(number: 1, body: "x\r\n")
    let other = StoredMessage(number: 2, body: "y\r\n")
    let file = try Files.sealedMemory("segment", content: other.file)
    fixture.queue.post(.segment(real.nonce), descriptors: [file.raw])
    fixture.queue.flush()
    try fixture.deliver(real, to: server.port, sending: false)
    #expect(try await fixture.result().verdicts.map(\.outcome) == [.deferred])
    // A message whose segment never came.
    try fixture.deliver(StoredMessage(number: 3, body: ""), to: server.port, sending: false)
    let verdicts = try await fixture.result().verdicts
    #expect(verdicts.map(\.outcome) == [.deferred])
    #expect(verdicts.map(\.status) == [EnhancedStatus(4, 3, 0)])
    #expect(server.sessions == 0)
  }

  @Test @ReactorActor func aServerThatIsNotThereIsAFailureOfTheConnection() async throws {
    let fixture = try await SenderFixture()
    let server = try WireServer()
    try await server.stop()
    try fixture.deliver(StoredMessage(number: 1, body: "x\r\n"), to: server.port)
    let result = try await fixture.result()
    #expect(result.connectionFailed)
    #expect(result.verdicts.map(\.outcome) == [.deferred])
    #expect(result.verdicts.map { String(decoding: $0.relay, as: UTF8.self) } == ["none"])
    let text = String(decoding: result.verdicts[0].text, as: UTF8.self)
    #expect(text.hasSuffix("[127.0.0.1]:\(server.port): Connection refused"))
  }
}
