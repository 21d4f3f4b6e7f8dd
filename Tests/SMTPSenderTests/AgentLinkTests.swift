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
    try await server.stop()
    let requests = try (1...3).map {
      try fixture.deliver(StoredMessage(number: $0, body: "x\r\n"), to: server.port)
    }
    var results: [DeliveryResult] = []
    for _ in requests { results.append(try await fixture.result()) }
    fixture.queue.post(.acknowledge([requests[1].id]))
    try await arrive(fixture)
    let told = try await self.results(of: fixture, until: [requests[0].id, requests[2].id])
    for result in told { #expect(results.contains(result)) }
    fixture.queue.post(.acknowledge(told.map(\.id)))
    try await arrive(fixture)
    _ = try await self.results(of: fixture, until: [])
  }

  /// What a new queue manager is told, asked again until it is as wanted: what was acknowledged is
  /// on its way for a while.
  @ReactorActor private func results(
    of fixture: SenderFixture, until wanted: Set<UInt64>
  ) async throws -> [DeliveryResult] {
    for _ in 0..<1000 {
      try fixture.attachAgain()
      let hello = try await fixture.hello()
      #expect(hello.inHand.isEmpty)
      let told = Set(hello.results.map(\.id))
      if told == wanted { return hello.results }
      fixture.queue.post(.acknowledge(Array(told.subtracting(wanted))))
      try await arrive(fixture)
    }
    Issue.record("the results never became \(wanted)")
    return []
  }

  /// Lets what was posted reach the other end before the channel is replaced.
  @ReactorActor private func arrive(_ fixture: SenderFixture) async throws {
    fixture.queue.flush()
    for _ in 0..<20 { await Reactor.shared.yieldTurn() }
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
}
