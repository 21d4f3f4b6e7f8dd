import LinuxSystem
import MailTypes
import Primitives
import Reactor
import ServiceKit
import Testing

@Suite struct AgentLinkTests {
  init() { Reactor.startThread() }

  @Test @ReactorActor func resultsAreToldAgainUntilTheyAreAcknowledged() async throws {
    let fixture = try await SenderFixture()
    let server = try WireServer()
    server.stop()
    let requests = try (1...3).map {
      try fixture.deliver(StoredMessage(number: $0, body: "x\r\n"), to: server.port)
    }
    var results: [DeliveryResult] = []
    for _ in requests { results.append(try await fixture.result()) }
    fixture.queue.post(.acknowledge([requests[1].id]))
    for _ in 0..<5 { await Reactor.shared.yieldTurn() }
    try fixture.attachAgain()
    let hello = try await fixture.hello()
    #expect(Set(hello.results.map(\.id)) == [requests[0].id, requests[2].id])
    for result in hello.results { #expect(results.contains(result)) }
    #expect(hello.inHand.isEmpty)
    fixture.queue.post(.acknowledge(hello.results.map(\.id)))
    for _ in 0..<5 { await Reactor.shared.yieldTurn() }
    try fixture.attachAgain()
    #expect(try await fixture.hello().results.isEmpty)
  }

  @Test @ReactorActor func whatIsInHandIsNamedToANewQueueManagerAndItsResultGoesThere()
    async throws
  {
    let fixture = try await SenderFixture()
    let server = try WireServer()
    let message = StoredMessage(number: 1, body: "x\r\n")
    let request = try fixture.deliver(message, to: server.port)
    let session = try await server.greeted()
    fixture.queue.close()
    try await session.takeEnvelope()
    try fixture.attachAgain()
    #expect(try await fixture.hello().inHand == [DeliveryReference(request)])
    #expect(try await session.content() == message.wire)
    try await session.say("250 2.0.0 Ok")
    let result = try await fixture.result()
    #expect(result.id == request.id)
    #expect(result.queueID == message.id)
    #expect(result.verdicts.map(\.outcome) == [.sent])
  }

  @Test @ReactorActor func manyDeliveriesInHandAreNamedHoweverLongTheListIs() async throws {
    let fixture = try await SenderFixture()
    let server = try WireServer()
    let message = StoredMessage(number: 1, body: "x\r\n")
    try fixture.deliver(message, to: server.port)
    let first = try await server.accept()
    var sessions = [first]
    for _ in 1..<50 {
      try fixture.deliver(message, to: server.port, recipients: 400, sending: false)
      sessions.append(try await server.accept())
    }
    try fixture.attachAgain()
    let hello = try await fixture.hello()
    #expect(hello.inHand.count == 50)
    #expect(hello.inHand.reduce(0) { $0 + $1.recipients.count } == 1 + 49 * 400)
    for session in sessions { session.close() }
  }
}
