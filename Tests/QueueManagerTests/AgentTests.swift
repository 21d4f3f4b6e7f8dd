import MailTypes
import Primitives
import QueueFormat
import QueueScheduler
import QueueStore
import Reactor
import ServiceKit
import Testing

@testable import QueueManager

@Suite(.timeLimit(.minutes(1))) struct AgentTests {
  init() { Reactor.startThread() }

  @Test @ReactorActor func whatADeadAgentHadWaitsAndIsHeldAfterThreeDeaths() async throws {
    let rig = try Rig()
    try await rig.peers.start()
    let writer = try TestWriter(rig)
    rig.peers.channelsComplete()
    let id = try await writer.send(to: ["b@example.net"])
    for death in 1...3 {
      let agent = try TestAgent(rig, index: UInt32(death)) { _ in nil }
      try await eventually("asked for") { agent.requests.count == 1 }
      agent.channel.close()
      try await eventually("it waits") { rig.queue.scheduler.counts.active == 0 }
      if death < 3 {
        #expect(rig.queue.scheduler.counts.deferred == 1)
        rig.queue.scheduler.flushAll()
        rig.queue.plan()
      }
    }
    #expect(rig.queue.scheduler.counts.hold == 1)
    #expect(try rig.log.contains { $0.contains("\(id): placed on hold") })
    await rig.drain()
    rig.peers.lock = nil

    let second = try Rig(directory: rig.directory)
    try await second.peers.start()
    let channel = try second.connect(.smtpd)
    channel.post(.writerHello(writer.spool.progress.map(SegmentMark.init)))
    try await eventually("still held") { second.queue.scheduler.counts.hold == 1 }
  }

  @Test @ReactorActor func whatAnAgentGivesBackGoesToAnotherAtOnce() async throws {
    let rig = try Rig()
    try await rig.peers.start()
    let writer = try TestWriter(rig)
    let leaving = try TestAgent(rig, index: 0) { _ in [] }
    rig.peers.channelsComplete()
    let id = try await writer.send(to: ["b@example.net"])
    try await eventually("given back") { leaving.acknowledged.count == 1 }
    let agent = try TestAgent(rig, index: 1)
    try await eventually("delivered") { agent.requests.map(\.queueID) == [id] }
    #expect(leaving.requests.count == 1)
    try await eventually("gone") { rig.queue.scheduler.messageCount == 0 }
  }

  @Test @ReactorActor func noAgentGetsMoreThanItTakes() async throws {
    let rig = try Rig()
    let (writer, agent) = try await rig.begin(capacity: 3) { _ in nil }
    for number in 0..<10 { try await writer.send(to: ["b@example\(number).net"]) }
    try await eventually("all known") { rig.queue.scheduler.messageCount == 10 }
    try await eventually("busy") { agent.requests.count == 3 }
    agent.judge = TestAgent.deliverAll
    for request in agent.requests { agent.answer(request, TestAgent.deliverAll(request)) }
    try await eventually("gone") { rig.queue.scheduler.messageCount == 0 }
    #expect(agent.requests.count == 10)
  }

  @Test @ReactorActor func aDrainWaitsForWhatIsUnderWay() async throws {
    let rig = try Rig()
    let (writer, agent) = try await rig.begin { _ in nil }
    let id = try await writer.send(to: ["b@example.net"])
    try await eventually("asked for") { agent.requests.count == 1 }
    let drained = Task(executorPreference: Reactor.shared) { await rig.drain() }
    try await eventually("closed") { !rig.queue.isOpen }
    agent.answer(agent.requests[0], TestAgent.deliverAll(agent.requests[0]))
    await drained.value
    #expect(try rig.log.contains { $0.hasSuffix("\(id): removed") })
  }
}
