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

/// Mail is moved out of large segments that hold little else (spool rules R17 and R31).
@Suite(.timeLimit(.minutes(1))) struct RelocationTests {
  init() { Reactor.startThread() }

  private static func small(_ settings: inout QueueSettings) {
    settings.relocation.sizeMin = 0
    settings.relocation.factor = 2
    settings.relocationDelay = .milliseconds(20)
  }

  /// Defers what is for somebody who is late, and delivers the rest.
  @ReactorActor private static func judge(_ request: DeliveryRequest) -> [RecipientVerdict] {
    request.recipients.map {
      let isLate = $0.address.bytes.starts(with: Array("late".utf8))
      return RecipientVerdict(
        index: $0.index, outcome: isLate ? .deferred : .sent,
        status: EnhancedStatus(isLate ? 4 : 2, 0, 0), text: Array("so".utf8), relay: [])
    }
  }

  /// A queue with one message left of many, in a segment that is sealed.
  @ReactorActor private func sparse(_ rig: Rig) async throws -> (QueueID, TestAgent) {
    let (writer, agent) = try await rig.begin(judge: Self.judge)
    for _ in 0..<5 { try await writer.send(to: ["b@example.net"]) }
    let late = try await writer.send(to: ["b@example.net", "late@example.net"])
    for _ in 0..<5 { try await writer.send(to: ["b@example.net"]) }
    try await eventually("one is left") {
      rig.queue.scheduler.messageCount == 1 && rig.queue.scheduler.counts.deferred == 1
    }
    await writer.spool.drain()
    return (late, agent)
  }

  @ReactorActor private func isMoved(_ rig: Rig) throws -> Bool {
    try rig.files.allSatisfy { $0.contains(MailQueue.writerName) }
  }

  @Test @ReactorActor func theLastMailOfALargeSegmentIsMovedAndTheSegmentGoes() async throws {
    let rig = try Rig(settings: Self.small)
    let (id, agent) = try await sparse(rig)
    try await eventually("the segment is gone") { try isMoved(rig) }
    #expect(try rig.log.contains { $0.contains("1 messages were moved out of") })
    let before = agent.requests.count
    agent.judge = TestAgent.deliverAll
    rig.queue.scheduler.flushAll()
    rig.queue.plan()
    try await eventually("it is gone") { rig.queue.scheduler.messageCount == 0 }
    let last = agent.requests[before...]
    #expect(last.map(\.queueID) == [id])
    #expect(last.flatMap(\.recipients).map(\.address) == [MailAddress("late@example.net")])
    rig.queue.writer.sealEarly()
    try await eventually("the files are gone") { try rig.files.isEmpty }
    await rig.drain()
  }

  @Test @ReactorActor func movedMailIsFoundByTheNextQueueManagerWithItsHistory() async throws {
    let first = try Rig(settings: Self.small)
    let (id, _) = try await sparse(first)
    try await eventually("the segment is gone") { try isMoved(first) }
    // It dies: locks are given up, nothing else is done.
    first.queue.isOpen = false
    await first.queue.writer.drain()
    first.peers.lock = nil

    let second = try Rig(directory: first.directory)
    try await second.peers.start()
    try await eventually("it is found") { second.queue.scheduler.counts.deferred == 1 }
    let agent = try TestAgent(second)
    second.peers.channelsComplete()
    second.queue.scheduler.flushAll()
    second.queue.plan()
    try await eventually("it is gone") { second.queue.scheduler.messageCount == 0 }
    #expect(agent.requests.map(\.queueID) == [id])
    #expect(agent.requests[0].recipients.map(\.address) == [MailAddress("late@example.net")])
    try await eventually("the files are gone") { try second.files.isEmpty }
  }

  @Test @ReactorActor func mailInFlightStaysWhereItIs() async throws {
    let rig = try Rig(settings: Self.small)
    try await rig.peers.start()
    let writer = try TestWriter(rig)
    let agent = try TestAgent(rig) { request in
      request.recipients[0].address == MailAddress("slow@example.net") ? nil : Self.judge(request)
    }
    rig.peers.channelsComplete()
    for _ in 0..<10 { try await writer.send(to: ["b@example.net"]) }
    let slow = try await writer.send(to: ["slow@example.net"])
    let late = try await writer.send(to: ["late@example.net"])
    try await eventually("two are left") {
      rig.queue.scheduler.messageCount == 2 && rig.queue.scheduler.counts.deferred == 1
    }
    await writer.spool.drain()
    try await eventually("one is moved") {
      try rig.log.contains { $0.contains("1 messages were moved out of") }
    }
    func segment(_ id: QueueID) throws -> UInt32 {
      let ref = try #require(rig.queue.scheduler.find(id))
      return try #require(rig.queue.scheduler.summary(of: ref)).place.segment
    }
    #expect(try segment(slow) != segment(late))
    let request = try #require(agent.requests.first { $0.queueID == slow })
    agent.answer(request, TestAgent.deliverAll(request))
    try await eventually("the old segment is gone") { try isMoved(rig) }
    #expect(rig.queue.scheduler.messageCount == 1)
    await rig.drain()
  }

  @Test @ReactorActor func onANearlyFullDiskSizeDoesNotMatter() async throws {
    let rig = try Rig(settings: {
      $0.relocation.sizeMin = 1 << 40
      $0.relocation.factor = 2
      $0.freeBytesMin = 1 << 60
    })
    _ = try await sparse(rig)
    try await eventually("the segment is gone") { try isMoved(rig) }
    await rig.drain()
  }

  @Test @ReactorActor func segmentsAreLeftAloneWhileThereIsRoom() async throws {
    for (sizeMin, count) in [(UInt64(1) << 40, 0), (0, 1)] {
      let rig = try Rig(settings: {
        $0.relocation.sizeMin = sizeMin
        $0.relocation.factor = 2
        $0.relocationDelay = .seconds(3600)
      })
      _ = try await sparse(rig)
      try await eventually("it is sealed") { rig.queue.segments.all.allSatisfy(\.isSealed) }
      #expect(rig.queue.mover.choose().count == count)
      await rig.drain()
    }
  }

  /// Where a queue manager is killed while it moves a message.
  enum Death: CaseIterable { case copyIsFlushed, originSaysSo, originIsGone }

  @Test(arguments: Death.allCases)
  @ReactorActor func aMoveThatIsCutShortLeavesOneMessage(death: Death) async throws {
    let first = try Rig()
    let (id, _) = try await sparse(first)
    await first.drain()
    first.peers.lock = nil
    let disk = try LinuxDisk(path: first.directory.path)
    let (origin, copy) = try cutShort(on: disk, of: id, at: death)

    let second = try Rig(directory: first.directory)
    try await second.peers.start()
    let agent = try TestAgent(second)
    second.peers.channelsComplete()
    try await eventually("it is found") { second.queue.scheduler.messageCount == 1 }
    second.queue.scheduler.flushAll()
    second.queue.plan()
    try await eventually("it is gone") { second.queue.scheduler.messageCount == 0 }
    #expect(agent.requests.map(\.queueID) == [id])
    #expect(agent.requests[0].nonce == (death == .copyIsFlushed ? origin : copy).nonce)
    #expect(agent.requests[0].recipients.map(\.address) == [MailAddress("late@example.net")])
    try await eventually("the files are gone") { try second.files.isEmpty }
    await second.drain()
  }

  /// Does a part of what a move does.
  private func cutShort(
    on disk: LinuxDisk, of id: QueueID, at death: Death
  ) throws -> (origin: SegmentName, copy: SegmentName) {
    let origin = try #require(try SpoolScan(disk).segments.first)
    let file = try disk.open(origin.segmentFile, in: .segments, writable: false)
    let leads = try SegmentWalk.leads(
      on: disk, file: file, nonce: origin.nonce, from: UInt64(FileHeader.size),
      to: try disk.size(of: file))
    let lead = try #require(leads.records.first { $0.id == id })
    let record = try SegmentReader.record(on: disk, file: file, place: lead.place, id: id)
    let name = try #require(
      SegmentName(
        sequence: origin.sequence + 1, nonce: Nonce(high: 5, low: 6), writer: MailQueue.writerName))
    let now = Clocks.wallNow()
    let writer = try SegmentWriter.create(on: disk, name: name, created: now, sizeLimit: 1 << 20)
    let batch = CommitBatch()
    batch.append(try Relocation.copy(of: record, file: file, on: disk))
    _ = try writer.commit(batch)
    let copied = try disk.open(name.segmentFile, in: .segments, writable: false)
    let copy = try #require(
      try SegmentWalk.leads(
        on: disk, file: copied, nonce: name.nonce, from: UInt64(FileHeader.size),
        to: writer.flushedEnd
      ).records.first)
    writer.close()
    guard death != .copyIsFlushed else { return (origin, name) }
    let known = try #require(try JournalReading.read(origin, on: disk)).entries
    let moved = Relocation.entries(for: copy.place, of: id, origin: lead.place, in: known)
    try SegmentJournal(on: disk, name: name, entries: moved).flush(now: now)
    let journal = SegmentJournal(on: disk, name: origin, entries: known)
    journal.append([Relocation.entry(movingTo: copy.place, id: id, origin: lead.place, now: now)])
    try journal.flush(now: now)
    if death == .originIsGone { try SpoolScan.remove(origin, on: disk) }
    return (origin, name)
  }
}
