import LinuxSystem
import MailTypes
import Primitives
import QueueFormat
import Reactor
import Testing

@testable import QueueStore

@Suite struct GroupCommitTests {
  init() { Reactor.startThread() }

  @Test @ReactorActor func whatWasCommittedIsThereToBeRead() async throws {
    let fixture = try WriterFixture()
    let records = (0..<3).map { fixture.record($0, bodySize: 10_000 * $0) }
    for record in records { try await fixture.writer.commit(record) }
    let stored = try fixture.stored()
    #expect(stored.map(\.lead.id) == records.map(\.id))
    #expect(stored.map(\.envelope) == records.map(\.envelope))
    let name = try #require(fixture.ends.keys.first)
    for (record, lead) in zip(records, stored.map(\.lead)) {
      let header = Array(record.content[..<record.headerLength])
      #expect(try fixture.bytes(lead.header, of: name) == header)
      let body = Extent(offset: lead.body.offset, length: lead.body.length + 3)
      #expect(
        try fixture.bytes(body, of: name) == record.content[record.headerLength...]
          + Array(".\r\n".utf8))
      #expect(lead.isContiguous)
      #expect(lead.contentSize == record.contentSize)
    }
  }

  @Test @ReactorActor func aWalkProvesEveryRecordByItsChecksums() async throws {
    let fixture = try WriterFixture()
    let records = (0..<20).map { fixture.record($0, bodySize: 3_000) }
    for record in records { try await fixture.writer.commit(record) }
    let name = try #require(fixture.ends.keys.first)
    let file = try fixture.disk.open(name.segmentFile, in: .segments, writable: false)
    let findings = try SegmentWalk.findings(
      on: fixture.disk, file: file, nonce: name.nonce, end: try fixture.disk.size(of: file),
      flushedEnd: fixture.ends[name]?.end ?? 0)
    #expect(findings.records.map(\.id) == records.map(\.id))
    #expect(findings.damage.isEmpty && findings.unfinished.isEmpty)
  }

  @Test @ReactorActor func aBatchHoldsNoMoreThan256Records() async throws {
    let fixture = try WriterFixture()
    try await fixture.writer.commit(fixture.record(0))
    let before = fixture.disk.count(.flush)
    fixture.disk.hold()
    let first = fixture.commit(fixture.record(1))
    await fixture.turn(until: { fixture.disk.isHolding }, "the first flush")
    let tasks = (2...601).map { fixture.commit(fixture.record($0)) }
    await fixture.turn(until: { fixture.writer.commitsInLine == 600 }, "all are in line")
    fixture.disk.release()
    #expect(await first.value == nil)
    for task in tasks { #expect(await task.value == nil) }
    // What came during the first flush takes three, or more where a flush is over before all
    // that found no room are in the next batch.
    #expect((4...8).contains(fixture.disk.count(.flush) - before))
    #expect(try fixture.stored().count == 602)
  }

  @Test @ReactorActor func whatComesDuringAFlushSharesTheNext() async throws {
    let fixture = try WriterFixture()
    fixture.disk.hold()
    let first = fixture.commit(fixture.record(0))
    await fixture.turn(until: { fixture.disk.isHolding }, "the first flush")
    let others = (1...100).map { fixture.commit(fixture.record($0)) }
    await fixture.turn(until: { fixture.writer.commitsInLine == 100 }, "all are in line")
    fixture.disk.release()
    #expect(await first.value == nil)
    for task in others { #expect(await task.value == nil) }
    #expect(fixture.disk.count(.flush) == 2)
    #expect(try fixture.stored().count == 101)
  }

  @Test @ReactorActor func aCommitWaitsForOthersInDataButNotLongerThanTheDelay() async throws {
    let delay = Duration.milliseconds(60)
    let fixture = try WriterFixture { $0.commitDelay = delay }
    try await fixture.writer.commit(fixture.record(0))
    // One stays inside DATA for good: only the delay can send the batch off.
    let ticket = fixture.writer.enterData()
    let begun = Reactor.shared.now
    try await fixture.writer.commit(fixture.record(1))
    #expect(Reactor.shared.now >= begun + delay)
    fixture.writer.leaveData(ticket)
  }

  @Test @ReactorActor func theLastOfThoseInDataSendsTheBatchOff() async throws {
    let fixture = try WriterFixture { $0.commitDelay = .seconds(3600) }
    try await fixture.writer.commit(fixture.record(0))
    let before = fixture.disk.count(.flush)
    let tickets = (0..<3).map { _ in fixture.writer.enterData() }
    fixture.writer.leaveData(tickets[0])
    let first = fixture.commit(fixture.record(1))
    for _ in 0..<5 { await Reactor.shared.yieldTurn() }
    #expect(fixture.disk.count(.flush) == before)
    // Who begins DATA now is not waited for.
    let late = fixture.writer.enterData()
    fixture.writer.leaveData(tickets[1])
    let second = fixture.commit(fixture.record(2))
    for _ in 0..<5 { await Reactor.shared.yieldTurn() }
    #expect(fixture.disk.count(.flush) == before)
    fixture.writer.leaveData(tickets[2])
    #expect(await first.value == nil)
    #expect(await second.value == nil)
    #expect(fixture.disk.count(.flush) == before + 1)
    fixture.writer.leaveData(late)
  }

  @Test @ReactorActor func aFullSegmentIsGivenUpAndTheNextIsThereBefore() async throws {
    let fixture = try WriterFixture { $0.segmentSize = 64 << 10 }
    for number in 0..<40 {
      try await fixture.writer.commit(fixture.record(number, bodySize: 5_000))
    }
    let ends = fixture.ends.values.sorted { $0.name.sequence < $1.name.sequence }
    #expect(ends.count >= 4)
    for progress in ends.dropLast() {
      #expect(progress.isSealed)
      #expect(progress.end <= 64 << 10)
      #expect(try fixture.isGivenUp(progress.name))
    }
    let current = try #require(ends.last)
    #expect(!current.isSealed)
    #expect(try !fixture.isGivenUp(current.name))
    #expect(fixture.writer.progress == [current])
    #expect(try fixture.stored().count == 40)
    #expect(Set(ends.map(\.name.sequence)).count == ends.count)
  }

  @Test @ReactorActor func anUnusedSegmentIsGivenUpAfterAWhile() async throws {
    let fixture = try WriterFixture { $0.idleTime = .milliseconds(20) }
    try await fixture.writer.commit(fixture.record(0))
    await fixture.turn(until: { fixture.writer.progress.isEmpty }, "the segment's end")
    let first = try #require(fixture.ends.values.first)
    #expect(first.isSealed)
    #expect(try fixture.isGivenUp(first.name))
    try await fixture.writer.commit(fixture.record(1))
    #expect(fixture.ends.count == 2)
    #expect(try fixture.stored().count == 2)
  }

  @Test @ReactorActor func drainFinishesWhatWaitsAndGivesAllSegmentsUp() async throws {
    let fixture = try WriterFixture {
      $0.segmentSize = 64 << 10
      $0.commitDelay = .seconds(3600)
    }
    for number in 0..<11 {
      try await fixture.writer.commit(fixture.record(number, bodySize: 5_000))
    }
    let ticket = fixture.writer.enterData()
    let waiting = fixture.commit(fixture.record(20))
    await Reactor.shared.yieldTurn()
    await fixture.writer.drain()
    #expect(await waiting.value == nil)
    #expect(fixture.writer.progress.isEmpty)
    #expect(fixture.ends.values.filter { !$0.isSealed }.isEmpty)
    let names = try SpoolScan(fixture.disk).segments
    #expect(Set(names) == Set(fixture.ends.keys))
    for name in names { #expect(try fixture.isGivenUp(name)) }
    #expect(try fixture.stored().count == 12)
    fixture.writer.leaveData(ticket)
  }

  @Test @ReactorActor func aCommitThatNobodyAwaitsAnyMoreStillGoesToTheDisk() async throws {
    let fixture = try WriterFixture()
    fixture.disk.hold()
    let first = fixture.commit(fixture.record(0))
    await fixture.turn(until: { fixture.disk.isHolding }, "the first flush")
    // The next batch is full, so the last one has to wait for room, and is cancelled there.
    let others = (1...256).map { fixture.commit(fixture.record($0)) }
    let last = fixture.commit(fixture.record(257))
    for _ in 0..<3 { await Reactor.shared.yieldTurn() }
    last.cancel()
    for _ in 0..<3 { await Reactor.shared.yieldTurn() }
    fixture.disk.release()
    for task in [first, last] + others { #expect(await task.value == nil) }
    #expect(try fixture.stored().count == 258)
  }
}
