import LinuxSystem
import MailTypes
import Primitives
import QueueFormat
import QueueScheduler
import QueueStore
import Reactor
import ServiceKit
import TestSupport
import Testing

@testable import QueueManager

/// What a record itself says of the way of its message: on hold, or through a filter.
@Suite(.timeLimit(.minutes(1))) struct IntakeOrderTests {
  init() { Reactor.startThread() }

  private static func envelope(filter: String = "") -> Envelope {
    var envelope = Envelope(
      sender: MailAddress("a@example.org"),
      recipients: ["b@One.test", "c@two.test"].map { EnvelopeRecipient(MailAddress($0)) },
      arrival: Clocks.wallNow())
    envelope.contentFilter = Array(filter.utf8)
    return envelope
  }

  @ReactorActor
  private static func order(_ order: QueueOrder, _ id: QueueID, _ control: MessageChannel)
    async throws
  {
    control.post(.queueCommand(id: 7, command: QueueCommand.order(order, [id]).encoded))
    let delivery = try #require(
      try await control.receive(deadline: Reactor.shared.now + .seconds(10)))
    for case .queueAnswer(7, let part, _) in delivery.messages {
      let answer = try OrderAnswerPart(decoding: part)
      #expect(answer.isDurable)
      #expect(answer.outcomes.map(\.isDone) == [true])
    }
  }

  @Test @ReactorActor func mailThatEntersOnHoldWaitsForAnOrderInEveryLife() async throws {
    var rig = try Rig()
    try await rig.peers.start()
    let writer = try TestWriter(rig)
    var agent = try TestAgent(rig)
    rig.peers.channelsComplete()
    let held = try await writer.send(Self.envelope(), flags: .entersOnHold)
    let free = try await writer.send(Self.envelope())
    try await eventually("the free one goes") {
      rig.queue.scheduler.messageCount == 1 && !agent.requests.isEmpty
    }
    #expect(rig.queue.scheduler.counts.hold == 1)
    #expect(agent.requests.allSatisfy { $0.queueID == free })
    await writer.spool.drain()
    rig.queue.isOpen = false
    rig.peers.lock = nil

    rig = try Rig(directory: rig.directory)
    try await rig.peers.start()
    agent = try TestAgent(rig)
    let control = try rig.connect(.control)
    rig.peers.channelsComplete()
    try await eventually("it is held again") { rig.queue.scheduler.counts.hold == 1 }
    #expect(agent.requests.isEmpty)
    try await Self.order(.release, held, control)
    try await eventually("it goes") { rig.queue.scheduler.messageCount == 0 }
    #expect(agent.requests.allSatisfy { $0.queueID == held })
    #expect(!agent.requests.isEmpty)
  }

  @Test @ReactorActor func requeuedMailIsOnHoldNoMoreAndGetsTheFilterOfToday() async throws {
    let rig = try Rig(settings: { $0.contentFilter = "relay:[192.0.2.2]:25" })
    try await rig.peers.start()
    let writer = try TestWriter(rig)
    let agent = try TestAgent(rig)
    let control = try rig.connect(.control)
    rig.peers.channelsComplete()
    let held = try await writer.send(
      Self.envelope(filter: "old:[192.0.2.1]:25"), flags: .entersOnHold)
    try await eventually("it is held") { rig.queue.scheduler.counts.hold == 1 }
    try await Self.order(.requeue, held, control)
    try await eventually("its successor goes") {
      rig.queue.scheduler.messageCount == 0 && !agent.requests.isEmpty
    }
    #expect(agent.requests.map(\.transport) == ["relay"])
    #expect(agent.requests[0].queueID != held)
  }

  @Test(arguments: [
    ("relay:[192.0.2.1]:25", [["relay", "[192.0.2.1]:25"]]),
    ("relay:", [["relay", "one.test"], ["relay", "two.test"]]),
  ])
  @ReactorActor func mailWithAFilterGoesThereWhateverItsRoutes(
    _ row: (String, [[String]])
  ) async throws {
    let rig = try Rig(routes: { _ in "error:no" })
    let (writer, agent) = try await rig.begin()
    try await writer.send(Self.envelope(filter: row.0))
    try await eventually("it goes") { agent.requests.flatMap(\.recipients).count == 2 }
    #expect(
      agent.requests.map { [$0.transport, $0.nextHop] }.sorted { $0[1] < $1[1] } == row.1)
    #expect(
      agent.requests.flatMap(\.recipients).map { "\($0.address)" }.sorted()
        == ["b@One.test", "c@two.test"])
  }
}
