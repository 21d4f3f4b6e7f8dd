import MailTypes
import Primitives
import QueueScheduler
import QueueStore
import Reactor
import ServiceKit
import Testing

@testable import QueueManager

/// Channels that break while the processes at both ends live.
@Suite(.timeLimit(.minutes(1))) struct ChannelTests {
  init() { Reactor.startThread() }

  @ReactorActor private func rig() async throws -> (Rig, TestWriter) {
    let rig = try Rig()
    try await rig.peers.start()
    return (rig, try TestWriter(rig))
  }

  @Test @ReactorActor func anAgentWhoseChannelBrokeGoesOnWhereItWas() async throws {
    let (rig, writer) = try await rig()
    let file = try AgentFile(rig, pid: 77)
    let agent = try TestAgent(rig, pid: 77) { _ in nil }
    rig.peers.channelsComplete()
    let ids = try await [
      writer.send(to: ["b@example.net"]), writer.send(to: ["c@example.net"]),
      writer.send(to: ["d@example.net"]),
    ]
    try await eventually("asked for") { agent.requests.count == 3 }
    agent.channel.close()
    try await eventually("master is asked") { rig.ended.map(\.pid) == [77] }
    #expect(rig.ended[0].process == ProcessName(role: .smtp, index: 0))
    // Nothing is taken for lost, and nothing more is asked of an agent that cannot hear it.
    let late = try await writer.send(to: ["e@example.net"])
    try await eventually("all are known") { rig.queue.scheduler.messageCount == 4 }
    #expect(rig.queue.scheduler.deliveriesInFlight == 3)

    // One has ended meanwhile, one is in hand, and one it never heard of.
    let requests = agent.requests
    let result = DeliveryResult(
      answering: requests[0], connectionFailed: false,
      verdicts: TestAgent.deliverAll(requests[0]))
    let again = try TestAgent(
      rig, pid: 77, inHand: [DeliveryReference(requests[1])], results: [result])
    try await eventually("acknowledged") {
      again.acknowledged.contains(requests[0].id)
    }
    try await eventually("asked again for what was lost on the way, and for more") {
      Set(again.requests.map(\.queueID)) == [requests[2].queueID, late]
    }
    again.answer(requests[1], TestAgent.deliverAll(requests[1]))
    try await eventually("all are gone") { rig.queue.scheduler.messageCount == 0 }
    #expect(Set(ids + [late]).count == 4)
    #expect(try !rig.log.contains { $0.contains("died while it had") })
    #expect(rig.muted.isEmpty)
    file.letGo()
  }

  @Test @ReactorActor func aWriterWhoseChannelBrokeIsHeardAgain() async throws {
    let (rig, writer) = try await rig()
    let agent = try TestAgent(rig)
    rig.peers.channelsComplete()
    try await writer.send(to: ["b@example.net"])
    try await eventually("delivered") { agent.requests.count == 1 }
    writer.isSilent = true
    writer.channel.close()
    try await eventually("master is asked") { rig.ended.map(\.process.role) == [.smtpd] }
    let id = try await writer.send(to: ["c@example.net"])
    let channel = try rig.connect(.smtpd, pid: rig.ended[0].pid)
    channel.post(.writerHello(writer.spool.progress.map(SegmentMark.init)))
    try await eventually("delivered") { agent.requests.last?.queueID == id }
  }

  @Test @ReactorActor func nonsenseEndsAChannelAndNotTheDelivery() async throws {
    let (rig, writer) = try await rig()
    let file = try AgentFile(rig, pid: 77)
    let agent = try TestAgent(rig, pid: 77) { _ in nil }
    rig.peers.channelsComplete()
    try await writer.send(to: ["b@example.net"])
    try await eventually("asked for") { agent.requests.count == 1 }
    let request = agent.requests[0]
    try agent.sendNonsense()
    try await eventually("master is asked") { rig.ended.map(\.pid) == [77] }
    let again = try TestAgent(rig, pid: 77, inHand: [DeliveryReference(request)])
    again.answer(request, TestAgent.deliverAll(request))
    try await eventually("gone") { rig.queue.scheduler.messageCount == 0 }
    #expect(again.requests.isEmpty)
    file.letGo()
  }
}
