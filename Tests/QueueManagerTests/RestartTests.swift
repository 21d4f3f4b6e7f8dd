import Foundation
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

@Suite(.timeLimit(.minutes(1))) struct RestartTests {
  init() { Reactor.startThread() }

  /// A queue manager that goes on where another one was killed.
  @ReactorActor func successor(of rig: Rig) async throws -> Rig {
    rig.queue.isOpen = false
    rig.peers.lock = nil
    let next = try Rig(directory: rig.directory)
    try await next.peers.start()
    return next
  }

  @Test @ReactorActor func deferredMailIsKnownAgainAfterARestart() async throws {
    let first = try Rig()
    try await first.peers.start()
    let writer = try TestWriter(first)
    let agent = try TestAgent(first) { request in
      request.recipients.map {
        RecipientVerdict(
          index: $0.index, outcome: $0.index == 0 ? .sent : .deferred,
          status: EnhancedStatus($0.index == 0 ? 2 : 4, 0, 0), text: Array("so".utf8), relay: [])
      }
    }
    first.peers.channelsComplete()
    let id = try await writer.send(to: ["b@example.net", "c@example.net"])
    try await eventually("it waits") { first.queue.scheduler.counts.deferred == 1 }
    #expect(agent.requests.count == 1)
    await writer.spool.drain()
    await first.drain()
    first.peers.lock = nil

    let second = try Rig(directory: first.directory)
    try await second.peers.start()
    try await eventually("it is found") { second.queue.scheduler.counts.deferred == 1 }
    let other = try TestAgent(second)
    second.peers.channelsComplete()
    second.queue.scheduler.flushAll()
    second.queue.plan()
    try await eventually("it is gone") { second.queue.scheduler.messageCount == 0 }
    #expect(other.requests.map(\.queueID) == [id])
    #expect(other.requests[0].recipients.map(\.address) == [MailAddress("c@example.net")])
    try await eventually("the files are gone") { try second.files.isEmpty }
  }

  @Test @ReactorActor func theQueueManagerRewritesAJournalThatHasGrown() async throws {
    let first = try Rig()
    try await first.peers.start()
    let writer = try TestWriter(first)
    let id = try await writer.send(to: ["b@example.net"])
    try await eventually("known") { first.queue.scheduler.messageCount == 1 }
    await writer.spool.drain()
    let ref = try #require(first.queue.scheduler.find(id))
    let record = first.queue.record(of: ref)
    // Some thousand attempts, each with a long story.
    for round in 0..<40 {
      for number in 0..<100 {
        let attempt = DeliveryAttempt(
          status: EnhancedStatus(4, 0, 0), nextHop: [],
          reply: Array("\(round * 100 + number) ".utf8) + [UInt8](repeating: 65, count: 900))
        let time = first.queue.clock.wallNow
        first.queue.journals.append(
          JournalEntry(
            .deferred(attempt, until: time), id: id, offset: record.offset, recipient: 0,
            time: time), to: record.segment)
      }
      #expect(await first.queue.journals.flush(deadline: Reactor.shared.now + .seconds(10)))
    }
    let file = try #require(try first.files.first { $0.hasSuffix(".journal") })
    #expect(try first.directory.read("segments/" + file).count < 2 << 20)
    let disk = try LinuxDisk(path: first.directory.path)
    let entries = try JournalKeeper.entries(of: record.segment.name, on: disk)
    let replies = entries.compactMap { entry -> String? in
      guard case .deferred(let attempt, _) = entry.event else { return nil }
      return String(decoding: attempt.reply.prefix { $0 != 32 }, as: UTF8.self)
    }
    #expect(replies.first == "0" && replies.last == "3999")
    let second = try await successor(of: first)
    try await eventually("it waits") { second.queue.scheduler.counts.deferred == 1 }
  }

  @Test @ReactorActor func mailOfALivingWriterIsTakenInOnce() async throws {
    let first = try Rig()
    let (writer, agent) = try await first.begin()
    let done = try await writer.send(to: ["b@example.net"])
    try await eventually("the first is done") { first.queue.scheduler.messageCount == 0 }
    try await eventually("acknowledged") { agent.acknowledged.count == 1 }
    first.queue.isOpen = false
    let waiting = try await writer.send(to: ["c@example.net"])
    try await eventually("the second is known") { first.queue.scheduler.messageCount == 1 }

    let second = try await successor(of: first)
    let channel = try second.connect(.smtpd)
    channel.post(.writerHello(writer.spool.progress.map(SegmentMark.init)))
    let other = try TestAgent(second)
    second.peers.channelsComplete()
    try await eventually("the second is done") { other.requests.count == 1 }
    #expect(other.requests.map(\.queueID) == [waiting])
    try await eventually("gone") { second.queue.scheduler.messageCount == 0 }
    #expect(try second.log.count { $0.hasSuffix("\(done): removed") } == 1)
  }

  @Test @ReactorActor func whatAnAgentHasInHandIsNotAskedForAgain() async throws {
    let first = try Rig()
    let (writer, agent) = try await first.begin { _ in nil }
    let id = try await writer.send(to: ["b@example.net"])
    try await eventually("asked for") { agent.requests.count == 1 }

    let second = try await successor(of: first)
    let channel = try second.connect(.smtpd)
    channel.post(.writerHello(writer.spool.progress.map(SegmentMark.init)))
    let request = agent.requests[0]
    let same = try TestAgent(second, greets: false)
    // Agents with much in hand say it in several messages, the greeting last.
    same.channel.post(.agentHolds(inHand: [DeliveryReference(request)], results: []))
    same.channel.post(.agentHello(inHand: [], results: [], capacity: 100))
    second.peers.channelsComplete()
    try await eventually("adopted") { second.queue.scheduler.deliveriesInFlight == 1 }
    same.answer(request, TestAgent.deliverAll(request))
    try await eventually("gone") { second.queue.scheduler.messageCount == 0 }
    try await eventually("acknowledged") { same.acknowledged == [request.id] }
    #expect(same.requests.isEmpty)
    #expect(try second.log.contains { $0.hasSuffix("\(id): removed") })
  }

  @Test @ReactorActor func anUnconfirmedResultIsRecordedByTheSuccessor() async throws {
    let first = try Rig()
    let (writer, agent) = try await first.begin { _ in nil }
    let id = try await writer.send(to: ["b@example.net"])
    try await eventually("asked for") { agent.requests.count == 1 }

    let second = try await successor(of: first)
    let request = agent.requests[0]
    let result = DeliveryResult(
      answering: request, connectionFailed: false, verdicts: TestAgent.deliverAll(request))
    let same = try TestAgent(second, results: [result])
    let channel = try second.connect(.smtpd)
    channel.post(.writerHello(writer.spool.progress.map(SegmentMark.init)))
    second.peers.channelsComplete()
    try await eventually("removed") { try second.log.contains { $0.hasSuffix("\(id): removed") } }
    try await eventually("acknowledged") { same.acknowledged == [request.id] }
    #expect(same.requests.isEmpty)
  }

  @Test @ReactorActor func aResultOfMailThatIsGoneIsAcknowledged() async throws {
    let first = try Rig()
    let (writer, agent) = try await first.begin()
    try await writer.send(to: ["b@example.net"])
    try await eventually("done") { agent.acknowledged.count == 1 }
    let request = agent.requests[0]

    let second = try await successor(of: first)
    let channel = try second.connect(.smtpd)
    channel.post(.writerHello(writer.spool.progress.map(SegmentMark.init)))
    let result = DeliveryResult(
      answering: request, connectionFailed: false, verdicts: TestAgent.deliverAll(request))
    let same = try TestAgent(second, results: [result])
    second.peers.channelsComplete()
    try await eventually("acknowledged") { same.acknowledged == [request.id] }
    #expect(second.queue.scheduler.messageCount == 0)
  }

  @Test @ReactorActor func aSilentProcessIsEndedAndMailFlows() async throws {
    let rig = try Rig()
    try await rig.peers.start()
    let writer = try TestWriter(rig)
    let silent = try TestAgent(rig, index: 1, greets: false)
    let agent = try TestAgent(rig)
    rig.peers.channelsComplete()
    try await writer.send(to: ["b@example.net"])
    try await eventually("muted") { rig.muted == [ProcessName(role: .smtp, index: 1)] }
    #expect(agent.requests.isEmpty)
    silent.channel.close()
    try await eventually("delivered") { agent.requests.count == 1 }
  }

  @Test @ReactorActor func theMailOfAWriterThatDiedUnheardIsFound() async throws {
    let rig = try Rig()
    try await rig.peers.start()
    let agent = try TestAgent(rig)
    rig.peers.channelsComplete()
    let id = try await dyingWriter(rig)
    try await eventually("delivered") { agent.requests.map(\.queueID) == [id] }
    try await eventually("the files are gone") { try rig.files.isEmpty }
  }

  @ReactorActor func partlyAnnounced(_ rig: Rig) async throws -> [QueueID] {
    let writer = try TestWriter(rig)
    let first = try await writer.send(to: ["b@example.net"])
    try await eventually("the first is known") {
      try rig.log.contains { $0.contains("\(first): from=") }
    }
    writer.isSilent = true
    let second = try await writer.send(to: ["c@example.net"])
    writer.channel.close()
    return [first, second]
  }

  @Test @ReactorActor func theUnannouncedRestOfADeadWritersSegmentIsTakenInOnce() async throws {
    let rig = try Rig()
    try await rig.peers.start()
    let agent = try TestAgent(rig) { request in
      TestAgent.verdicts(on: request, .deferred, EnhancedStatus(4, 2, 0), "451 not now")
    }
    rig.peers.channelsComplete()
    let ids = try await partlyAnnounced(rig)
    try await eventually("both wait") { rig.queue.scheduler.counts.deferred == 2 }
    #expect(agent.requests.map(\.queueID) == ids)
    #expect(try rig.log.contains { $0.contains("of a dead writer is sealed") })
    agent.judge = TestAgent.deliverAll
    rig.queue.scheduler.flushAll()
    rig.queue.plan()
    try await eventually("the files are gone") { try rig.files.isEmpty }
    #expect(try rig.log.count { $0.hasSuffix(": removed") } == 2)
  }

  @Test @ReactorActor func aSecondQueueManagerWaitsForTheFirstToLeave() async throws {
    let first = try Rig()
    try await first.peers.start()
    let second = try Rig(directory: first.directory)
    let started = Task(executorPreference: Reactor.shared) { try await second.peers.start() }
    for _ in 0..<100 { await Reactor.shared.yieldTurn() }
    #expect(second.peers.lock == nil)
    first.peers.lock = nil
    try await started.value
    #expect(second.peers.lock != nil)
  }

  @Test @ReactorActor func aSpoolOfANewerBuildIsNotTouched() async throws {
    let rig = try Rig()
    let name = try #require(
      SegmentName(sequence: 9, nonce: Nonce(high: 1, low: 2), writer: "smtpd0"))
    let header = FileHeader(
      .segment, version: SpoolLayout.version + 1, name: name,
      created: WallTime(microseconds: 0))
    try Data(header.encoded()).write(
      to: rig.directory.url.appending(path: "segments/" + name.segmentFile))
    try Data().write(to: rig.directory.url.appending(path: "segments/" + name.journalDraftFile))
    let before = try rig.files
    await #expect(throws: RoleFailure.self) { try await rig.peers.start() }
    #expect(try rig.files == before)
  }

  /// Brings a message to the disk and dies before it is announced.
  @ReactorActor func dyingWriter(_ rig: Rig) async throws -> QueueID {
    let writer = try TestWriter(rig)
    writer.isSilent = true
    let id = try await writer.send(to: ["b@example.net"])
    writer.channel.close()
    return id
  }
}
