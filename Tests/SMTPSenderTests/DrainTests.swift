import LinuxSystem
import MailTypes
import Primitives
import Reactor
import SMTPSender
import ServiceKit
import Testing

@Suite struct DrainTests {
  init() { Reactor.startThread() }

  @ReactorActor final class Drained {
    var isDone = false
  }

  @ReactorActor
  func drain(_ fixture: SenderFixture) -> (Drained, Task<Void, Never>) {
    let drained = Drained()
    let task = reactorTask {
      await fixture.service.drain(deadline: Clocks.monotonicNow() + .seconds(20))
      drained.isDone = true
    }
    return (drained, task)
  }

  /// A delivery of which the server has everything and has not said what becomes of it.
  @ReactorActor
  private func behindTheDot(
    _ fixture: SenderFixture, _ server: WireServer
  ) async throws -> WireSession {
    try fixture.deliver(StoredMessage(number: 1, body: "x\r\n"), to: server.port)
    let session = try await server.greeted()
    try await session.takeEnvelope()
    _ = try await session.content()
    return session
  }

  @Test @ReactorActor func beforeTheDotADeliveryIsGivenBackUnattempted() async throws {
    let fixture = try await SenderFixture()
    let server = try WireServer()
    let request = try fixture.deliver(StoredMessage(number: 1, body: "x\r\n"), to: server.port)
    let session = try await server.greeted()
    try await session.expect("MAIL FROM:")
    let (_, task) = drain(fixture)
    let result = try await fixture.result()
    #expect(result.id == request.id)
    #expect(result.verdicts.isEmpty)
    #expect(!result.connectionFailed)
    let rest = try await session.rest()
    #expect(!String(decoding: rest, as: UTF8.self).contains("\r\n.\r\n"))
    await task.value
  }

  @Test @ReactorActor func behindTheDotTheReplyIsWaitedFor() async throws {
    let fixture = try await SenderFixture()
    let server = try WireServer()
    let session = try await behindTheDot(fixture, server)
    let (drained, task) = drain(fixture)
    for _ in 0..<10 { await Reactor.shared.yieldTurn() }
    #expect(!drained.isDone)
    try await session.say("250 2.0.0 Ok")
    #expect(try await fixture.result().verdicts.map(\.outcome) == [.sent])
    await task.value
  }

  @Test @ReactorActor func anIdleConnectionSaysGoodbyeAtOnce() async throws {
    let fixture = try await SenderFixture()
    let server = try WireServer()
    let session = try await behindTheDot(fixture, server)
    try await session.say("250 2.0.0 Ok")
    _ = try await fixture.result()
    let (_, task) = drain(fixture)
    #expect(try await session.rest() == Array("QUIT\r\n".utf8))
    await task.value
  }

  @Test @ReactorActor func whatComesWhileDrainingIsGivenBack() async throws {
    let fixture = try await SenderFixture()
    let server = try WireServer()
    let (_, task) = drain(fixture)
    await task.value
    try fixture.deliver(StoredMessage(number: 1, body: "x\r\n"), to: server.port)
    #expect(try await fixture.result().verdicts.isEmpty)
    #expect(server.sessions == 0)
  }

  @Test @ReactorActor func aDeliveryJustAssignedToAnIdleConnectionIsGivenBackToo() async throws {
    let fixture = try await SenderFixture()
    let server = try WireServer()
    let session = try await behindTheDot(fixture, server)
    try await session.say("250 2.0.0 Ok")
    _ = try await fixture.result()
    for _ in 0..<5 { await Reactor.shared.yieldTurn() }
    // Both in one turn: the drain comes before the connection has taken its new job.
    let second = StoredMessage(number: 2, body: "y\r\n")
    let file = try Files.sealedMemory("segment", content: second.file)
    let now = Clocks.wallNow()
    let request = DeliveryRequest(
      id: 99, queueID: second.id, nonce: second.nonce, offset: second.offset, transport: "smtp",
      nextHop: "[127.0.0.1]:\(server.port)", sender: MailAddress("a@example.org"),
      recipients: [DeliveryRecipient(index: 0, address: MailAddress("b@example.net"))],
      arrival: now, activated: now, dispatched: now)
    let (_, task) = drain(fixture)
    fixture.service.deliver(request, segment: SharedDescriptor(file))
    let result = try await fixture.result()
    #expect(result.id == 99)
    #expect(result.verdicts.isEmpty)
    let rest = String(decoding: try await session.rest(), as: UTF8.self)
    #expect(!rest.contains("MAIL"))
    await task.value
  }
}
