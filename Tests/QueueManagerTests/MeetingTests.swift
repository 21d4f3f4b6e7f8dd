import Glibc
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

/// What meets in the queue manager: orders, moves, reports, lists and results about one message at
/// the same time.
@Suite(.timeLimit(.minutes(1))) struct MeetingTests {
  init() { Reactor.startThread() }

  /// An agent of an earlier life, and whether all it left has been written down.
  @ReactorActor private final class Stranger {
    let agent = Agent(
      ended: ResultsFileName(
        process: ProcessName(role: .smtp, index: 9), pid: 5, made: Clocks.wallNow()))
    private(set) var isPaid = false

    init(owed: [UInt64]) { agent.owe(owed) { self.isPaid = true } }
  }

  @Test @ReactorActor func aListOutlivesTheMessagesInIt() async throws {
    let rig = try Rig()
    let (writer, agent) = try await rig.begin { _ in nil }
    let id = try await writer.send(to: ["b@example.net"])
    try await eventually("asked for") { agent.requests.count == 1 }
    let hold = try await Hold.take(rig.queue.reader)
    let listing = Listing(rig.queue)
    let list = Task { @ReactorActor in await listing.next() }
    try await eventually("its record is wanted") { rig.queue.reader.depth > 0 }
    agent.answer(agent.requests[0], TestAgent.deliverAll(agent.requests[0]))
    try await eventually("it is gone") { rig.queue.scheduler.messageCount == 0 }
    hold.letGo()
    _ = await list.value
    #expect(try rig.log.contains { $0.hasSuffix("\(id): removed") })
  }

  @Test @ReactorActor func aReportThatFailsBringsNoDeletedMailBack() async throws {
    let rig = try Rig(sequences: 0)
    try await rig.peers.start()
    let writer = try TestWriter(rig)
    let agent = try TestAgent(rig) { request in
      zip(
        BounceTests.refuse(request),
        TestAgent.verdicts(
          on: request, .deferred, EnhancedStatus(4, 2, 0), "450 later")
      ).enumerated().map { $0.offset == 0 ? $0.element.0 : $0.element.1 }
    }
    rig.peers.channelsComplete()
    let hold = try await Hold.take(rig.queue.reader)
    let id = try await writer.send(to: ["no@example.net", "late@example.net"])
    try await eventually("it waits") { rig.queue.scheduler.counts.deferred == 1 }
    #expect(rig.queue.carryOut(.delete, on: id).isDone)
    try await eventually("it is gone") { rig.queue.scheduler.messageCount == 0 }
    hold.letGo()
    try await eventually("the report has failed") {
      try rig.log.contains { $0.contains("\(id): cannot write a report") }
    }
    try await eventually("the refusal is confirmed") {
      agent.acknowledged == [agent.requests[0].id]
    }
    #expect(rig.queue.scheduler.messageCount == 0)
  }

  @Test @ReactorActor func aResultThatWasLeftForMailOnTheMoveCountsAtItsNewPlace() async throws {
    let rig = try Rig {
      $0.relocation.sizeMin = 0
      $0.relocation.factor = 2
      $0.relocationDelay = .seconds(3600)
    }
    try await rig.peers.start()
    let writer = try TestWriter(rig)
    let agent = try TestAgent(rig) { request in
      request.recipients[0].address == MailAddress("late@example.net")
        ? TestAgent.verdicts(on: request, .deferred, EnhancedStatus(4, 2, 0), "450 later")
        : TestAgent.deliverAll(request)
    }
    rig.peers.channelsComplete()
    for _ in 0..<10 { try await writer.send(to: ["b@example.net"]) }
    let late = try await writer.send(to: ["late@example.net"])
    try await eventually("one is left") {
      rig.queue.scheduler.messageCount == 1 && rig.queue.scheduler.counts.deferred == 1
    }
    await writer.spool.drain()
    try await eventually("it is sealed") { rig.queue.segments.all.allSatisfy(\.isSealed) }
    let request = try #require(agent.requests.first { $0.queueID == late })

    let hold = try await Hold.take(rig.queue.journalHelper)
    rig.queue.mover.look(after: .zero)
    try await eventually("it is on the move") { rig.queue.scheduler.isMoving(late) }
    var result = DeliveryResult(
      answering: request, connectionFailed: false, verdicts: TestAgent.deliverAll(request))
    result.id += 1 << 60
    let stranger = Stranger(owed: [result.id])
    rig.queue.adoption.take(inHand: [], results: [result], from: stranger.agent)
    hold.letGo()
    try await eventually("it is gone") { rig.queue.scheduler.messageCount == 0 }
    try await eventually("the result is written down") { stranger.isPaid }
    #expect(agent.requests.count { $0.queueID == late } == 1)
    await rig.drain()
  }

  @Test @ReactorActor func aResultThatComesWhenMailEndsIsTooLate() async throws {
    let rig = try Rig()
    try await rig.peers.start()
    let writer = try TestWriter(rig)
    let agent = try TestAgent(rig) { request in
      TestAgent.verdicts(on: request, .deferred, EnhancedStatus(4, 2, 0), "450 later")
    }
    rig.peers.channelsComplete()
    let id = try await writer.send(to: ["b@example.net"])
    try await eventually("it waits") { rig.queue.scheduler.counts.deferred == 1 }
    let hold = try await Hold.take(rig.queue.journalHelper)
    #expect(rig.queue.carryOut(.delete, on: id).isDone)
    let result = DeliveryResult(
      answering: agent.requests[0], connectionFailed: false,
      verdicts: TestAgent.deliverAll(agent.requests[0]))
    let stranger = Stranger(owed: [result.id])
    rig.queue.adoption.take(inHand: [], results: [result], from: stranger.agent)
    #expect(stranger.isPaid)
    hold.letGo()
    try await eventually("it is gone") { rig.queue.scheduler.messageCount == 0 }
  }

  @Test @ReactorActor func aStopDoesNotWaitForWhatAReplacedChannelHasLost() async throws {
    let rig = try Rig()
    try await rig.peers.start()
    let writer = try TestWriter(rig)
    let file = try AgentFile(rig, pid: 77)
    let agent = try TestAgent(rig, pid: 77) { _ in nil }
    rig.peers.channelsComplete()
    try await writer.send(to: ["b@example.net"])
    try await eventually("asked for") { agent.requests.count == 1 }
    let stop = Task { @ReactorActor in
      await rig.peers.drain(deadline: Reactor.shared.now + .seconds(3600))
    }
    try await eventually("it stops") { !rig.queue.isOpen }
    agent.channel.close()
    _ = try TestAgent(rig, pid: 77)
    await stop.value
    file.letGo()
  }

  @Test @ReactorActor func noMailIsRequeuedOnceAllIsWritten() async throws {
    let rig = try Rig()
    try await rig.peers.start()
    let writer = try TestWriter(rig)
    _ = try TestAgent(rig) { request in
      TestAgent.verdicts(on: request, .deferred, EnhancedStatus(4, 2, 0), "450 later")
    }
    rig.peers.channelsComplete()
    let id = try await writer.send(to: ["b@example.net"])
    try await eventually("it waits") { rig.queue.scheduler.counts.deferred == 1 }
    await rig.drain()
    #expect(rig.queue.carryOut(.requeue, on: id).isDone)
    #expect(await rig.queue.journals.flush(deadline: Reactor.shared.now + .seconds(60)))
    #expect(try !rig.files.contains { $0.hasSuffix(".qmgr.segment") })
    // The next life finds the order.
    rig.peers.lock = nil
    await writer.spool.drain()
    let second = try Rig(directory: rig.directory)
    try await second.peers.start()
    let agent = try TestAgent(second)
    second.peers.channelsComplete()
    try await eventually("it goes out under a new name") {
      agent.requests.count == 1 && agent.requests[0].queueID != id
    }
  }

  @Test @ReactorActor func aSegmentThatWaitsForItsMailDoesNotKeepTheQueueUnsettled() async throws {
    let first = try Rig()
    try await first.peers.start()
    let writer = try TestWriter(first)
    // As a segment that was made ready, or into which a large message comes: its lock is held, and
    // its writer has not spoken of it.
    writer.isSilent = true
    try await writer.send(to: ["b@example.net"])
    first.peers.lock = nil
    let second = try Rig(directory: first.directory)
    try await second.peers.start()
    second.peers.channelsComplete()
    try await eventually("the segment is known") {
      second.queue.isOpen && second.queue.segments.count == 1
    }
    #expect(!second.queue.isSettled)
    let channel = try second.connect(.smtpd)
    channel.post(.writerHello([]))
    try await eventually("all is found") { second.queue.isSettled }
    channel.close()
  }

  @Test @ReactorActor func aSegmentThatCannotBeReadHoldsNoOtherUp() async throws {
    let rig = try Rig()
    rig.queue.intake.retryPause = .seconds(3600)
    try await rig.peers.start()
    let writer = try TestWriter(rig)
    let other = try TestWriter(rig, index: 1)
    let agent = try TestAgent(rig)
    rig.peers.channelsComplete()
    try await writer.send(to: ["a@example.net"])
    try await eventually("delivered") { agent.requests.count == 1 }
    // Reads of its first segment fail from now on.
    let segment = try #require(rig.queue.segments.all.first)
    let folder = try Files.open(rig.directory.path, [.read, .directory])
    try #require(dup2(folder.raw, segment.file.descriptor.raw) >= 0)
    try await writer.send(to: ["a@example.net"])
    try await eventually("it cannot be read") {
      try rig.log.contains { $0.contains("cannot read \(segment.name.segmentFile)") }
    }
    try await other.send(to: ["b@example.net"])
    try await eventually("the other's mail flows") { agent.requests.count == 2 }
  }
}
