import MailTypes
import Primitives
import QueueFormat
import QueueScheduler
import QueueStore
import Reactor
import ServiceKit
import Testing

@testable import QueueManager

@Suite(.timeLimit(.minutes(1))) struct RelayTests {
  init() { Reactor.startThread() }

  @Test @ReactorActor func aMessageIsTakenInDeliveredAndRemoved() async throws {
    let rig = try Rig()
    let (writer, agent) = try await rig.begin()
    let id = try await writer.send(to: ["b@example.net"])
    try await eventually("removed") { try rig.log.contains { $0.hasSuffix("\(id): removed") } }
    let request = try #require(agent.requests.first)
    #expect(request.queueID == id)
    #expect(request.transport == "smtp")
    #expect(request.nextHop == "[sink.test]:25")
    #expect(request.recipients.map(\.address) == [MailAddress("b@example.net")])
    try await eventually("acknowledged") { agent.acknowledged == [request.id] }
    let lines = try rig.log
    #expect(
      lines.contains {
        $0.hasPrefix("qmgr[")
          && $0.hasSuffix("\(id): from=<a@example.org>, size=47, nrcpt=1 (queue active)")
      })
    #expect(rig.queue.scheduler.messageCount == 0)
    await writer.spool.drain()
    try await eventually("the segment is removed") { try rig.files.isEmpty }
    try await eventually("the agent forgets it") { agent.segments.isEmpty }
  }

  @Test @ReactorActor func thousandsOfMessagesGoOutOnceEach() async throws {
    let rig = try Rig()
    try await rig.peers.start()
    let writer = try TestWriter(rig)
    let agents = [try TestAgent(rig, index: 0), try TestAgent(rig, index: 1)]
    rig.peers.channelsComplete()
    var sent: Set<QueueID> = []
    for _ in 0..<40 {
      let tasks = (0..<50).map { number in
        Task(executorPreference: Reactor.shared) {
          try await writer.send(to: ["b\(number)@example.net"])
        }
      }
      for task in tasks { sent.insert(try await task.value) }
    }
    try await eventually("all are removed") {
      try rig.log.count { $0.hasSuffix(": removed") } == 2000
    }
    let delivered = agents.flatMap(\.requests).map(\.queueID)
    #expect(delivered.count == 2000)
    #expect(Set(delivered) == sent)
    #expect(rig.queue.scheduler.messageCount == 0)
  }

  @Test @ReactorActor func nothingGoesOutBeforeAllHaveIntroducedThemselves() async throws {
    let rig = try Rig()
    try await rig.peers.start()
    let writer = try TestWriter(rig)
    let silent = try TestAgent(rig, index: 1, greets: false)
    let agent = try TestAgent(rig)
    rig.peers.channelsComplete()
    try await writer.send(to: ["b@example.net"])
    try await eventually("taken in") { rig.queue.scheduler.messageCount == 1 }
    #expect(agent.requests.isEmpty)
    silent.channel.post(.agentHello(inHand: [], results: [], capacity: 10))
    try await eventually("delivered") { rig.queue.scheduler.messageCount == 0 }
  }

  @Test @ReactorActor func internalTransportsReturnDiscardAndPutOff() async throws {
    let rig = try Rig { _ in
    } routes: { key in
      switch key {
      case "full.test": "error:5.2.2 mailbox full"
      case "void.test": "discard:not wanted"
      case "later.test": "retry:4.3.1 not today"
      case "nowhere.test": "uucp:host"
      default: nil
      }
    }
    try await rig.peers.start()
    let writer = try TestWriter(rig)
    rig.peers.channelsComplete()
    let id = try await writer.send(
      from: "", to: ["a@full.test", "b@void.test", "c@later.test", "d@nowhere.test"])
    let wanted = [
      "error[]: \(id): to=<a@full.test>, relay=none, dsn=5.2.2, status=bounced (mailbox full)",
      "discard[]: \(id): to=<b@void.test>, relay=none, dsn=2.0.0, status=sent (not wanted)",
      "error[]: \(id): to=<c@later.test>, relay=none, dsn=4.3.1, status=deferred (not today)",
      "error[]: \(id): to=<d@nowhere.test>, relay=none, dsn=4.3.0, status=deferred "
        + "(mail transport unavailable)",
    ]
    try await eventually("all four are logged") {
      let lines = try rig.log.map {
        $0.replacing(#/\[\d+\]/#, with: "[]").replacing(#/delay=.*?, delays=.*?, /#, with: "")
      }
      return wanted.allSatisfy(lines.contains)
    }
    try await eventually("it waits") { rig.queue.scheduler.counts.deferred == 1 }
  }
}
