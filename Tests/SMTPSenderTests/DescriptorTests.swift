import LinuxSystem
import Reactor
import ServiceKit
import Testing

/// What the sender does when it may have few descriptors.
@Suite struct DescriptorTests {
  init() { Reactor.startThread() }

  @Test @ReactorActor func deliveriesAtOnceFitTheDescriptors() async throws {
    #expect(try await SenderFixture(descriptors: 1_000_000).capacity == 2000)
    let few = try await SenderFixture(descriptors: 256).capacity
    #expect((64..<200).contains(few))
    #expect(try await SenderFixture(descriptors: 10).capacity == 1)
  }

  @Test @ReactorActor func whatThisHostLacksIsNotTheDestinationsFault() async throws {
    // No host has this address (RFC 5737).
    let fixture = try await SenderFixture("smtp_bind_address = 192.0.2.1\n")
    let server = try WireServer()
    try fixture.deliver(StoredMessage(number: 1, body: "x\r\n"), to: server.port)
    let result = try await fixture.result()
    #expect(result.verdicts.map(\.outcome) == [.deferred])
    #expect(!result.connectionFailed)
  }

  @Test @ReactorActor func anIdleConnectionMakesRoomForOneToSomewhereElse() async throws {
    let fixture = try await SenderFixture(
      "smtp_connection_cache_time_limit = 600s\n", descriptors: 10)
    let first = try WireServer()
    try fixture.deliver(StoredMessage(number: 1, body: "x\r\n"), to: first.port)
    let idle = try await first.greeted()
    try await idle.takeEnvelope()
    _ = try await idle.content()
    try await idle.say("250 2.0.0 Ok")
    #expect(try await fixture.result().verdicts.map(\.outcome) == [.sent])
    let second = try WireServer()
    try fixture.deliver(StoredMessage(number: 2, body: "y\r\n"), to: second.port)
    try await idle.expect("QUIT")
    #expect(try await idle.rest().isEmpty)
    let session = try await second.greeted()
    try await session.takeEnvelope()
    _ = try await session.content()
    try await session.say("250 2.0.0 Ok")
    #expect(try await fixture.result().verdicts.map(\.outcome) == [.sent])
  }
}
