import LinuxSystem
import MailTypes
import Primitives
import QueueFormat
import Reactor
import Testing

@testable import QueueStore

@Suite struct SpoolFailureTests {
  init() { Reactor.startThread() }

  @Test(arguments: [SpoolOperation.write, .flush, .allocate]) @ReactorActor
  func aFailureHitsThoseWhoWaitedAndNobodyElse(operation: SpoolOperation) async throws {
    let fixture = try WriterFixture()
    let kept = fixture.record(0)
    try await fixture.writer.commit(kept)
    let good = try #require(fixture.ends.values.first)
    fixture.disk.hold()
    let under = fixture.commit(fixture.record(1))
    await fixture.turn(until: { fixture.disk.isHolding }, "the second flush")
    let lost = (2...4).map { fixture.commit(fixture.record($0, bodySize: 1 << 20)) }
    await Reactor.shared.yieldTurn()
    // The batch that is held has been written: only its flush can fail, the rest is the next's.
    fixture.disk.fail(operation)
    fixture.disk.release()
    let firstOutcome = await under.value
    var outcomes: [SpoolError?] = []
    for task in lost { outcomes.append(await task.value) }
    let error = SpoolError.system(operation, code: 5)
    if operation == .flush {
      #expect(firstOutcome == error)
      #expect(outcomes == [nil, nil, nil])
    } else {
      #expect(firstOutcome == nil)
      #expect(outcomes == [error, error, error])
    }
    let after = fixture.record(5)
    try await fixture.writer.commit(after)
    let ends = fixture.ends.values.sorted { $0.name.sequence < $1.name.sequence }
    #expect(ends.count == 2)
    #expect(ends.first?.isSealed == true)
    #expect(ends.first.map { $0.end >= good.end } == true)
    let stored = try fixture.stored()
    #expect(stored.first?.lead.id == kept.id)
    #expect(stored.last?.lead.id == after.id)
    #expect(stored.count == (operation == .flush ? 5 : 3))
    #expect(!fixture.writer.isRefusing)
  }

  @Test @ReactorActor func aFailedSegmentIsGivenUpOnceItsEndIsDurable() async throws {
    let fixture = try WriterFixture()
    try await fixture.writer.commit(fixture.record(0))
    fixture.disk.fail(.flush)
    await #expect(throws: SpoolError.system(.flush, code: 5)) {
      try await fixture.writer.commit(fixture.record(1))
    }
    let failed = try #require(fixture.ends.values.first { $0.isSealed })
    #expect(try fixture.isGivenUp(failed.name))
    #expect(fixture.writer.progress.isEmpty)
    #expect(try fixture.disk.names(in: .segments).contains(failed.name.endFile(failed.end)))
  }

  @Test @ReactorActor func withoutADurableEndASegmentStaysLockedAndIsNamedToANewQueueManager()
    async throws
  {
    let fixture = try WriterFixture { $0.probePause = .seconds(3600) }
    try await fixture.writer.commit(fixture.record(0))
    fixture.disk.fail(.flush)
    fixture.disk.fail(.flushFolder)
    await #expect(throws: SpoolError.uncertain) {
      try await fixture.writer.commit(fixture.record(1))
    }
    let failed = try #require(fixture.ends.values.first { $0.isSealed })
    #expect(try !fixture.isGivenUp(failed.name))
    #expect(fixture.writer.progress == [failed])
    try await fixture.writer.commit(fixture.record(2))
    #expect(Set(fixture.writer.progress) == Set(fixture.ends.values))
    #expect(try fixture.stored().count == 2)
    await fixture.writer.drain()
    #expect(try fixture.isGivenUp(failed.name))
  }

  @Test @ReactorActor func anEndThatIsNotDurableIsMadeSoWithoutAFurtherFailure() async throws {
    let fixture = try WriterFixture()
    try await fixture.writer.commit(fixture.record(0))
    fixture.disk.fail(.flush)
    fixture.disk.fail(.flushFolder, times: 2)
    await #expect(throws: SpoolError.uncertain) {
      try await fixture.writer.commit(fixture.record(1))
    }
    let failed = try #require(fixture.ends.values.first { $0.isSealed })
    await fixture.turn(until: { fixture.writer.progress.isEmpty }, "the end is durable")
    #expect(try fixture.isGivenUp(failed.name))
    #expect(try fixture.disk.names(in: .segments).contains(failed.name.endFile(failed.end)))
  }

  @Test @ReactorActor func twoFailuresRefuseMailUntilAProbeWorks() async throws {
    let fixture = try WriterFixture()
    fixture.disk.fail(.flush, times: .max)
    for number in 0..<2 {
      #expect(!fixture.writer.isRefusing)
      await #expect(throws: SpoolError.system(.flush, code: 5)) {
        try await fixture.writer.commit(fixture.record(number))
      }
    }
    #expect(fixture.writer.isRefusing)
    await #expect(throws: SpoolError.refusing) {
      try await fixture.writer.commit(fixture.record(2))
    }
    await #expect(throws: SpoolError.refusing) {
      try await fixture.writer.beginLarge(on: fixture.helper)
    }
    let before = fixture.disk.count(.flush)
    await fixture.turn(until: { fixture.disk.count(.flush) > before + 1 }, "probes")
    #expect(fixture.writer.isRefusing)
    fixture.disk.fail(.flush, times: 0)
    await fixture.turn(until: { !fixture.writer.isRefusing }, "a probe that works")
    try await fixture.writer.commit(fixture.record(3))
    #expect(try fixture.stored().count == 1)
  }

  @Test @ReactorActor func aSegmentThatCannotBeMadeCostsNoNumberAndNoLaterMail() async throws {
    let fixture = try WriterFixture()
    fixture.disk.fail(.create)
    await #expect(throws: SpoolError.system(.create, code: 5)) {
      try await fixture.writer.commit(fixture.record(0))
    }
    try await fixture.writer.commit(fixture.record(1))
    #expect(fixture.ends.keys.map(\.sequence) == [10])
    #expect(try fixture.stored().count == 1)
  }

  @Test @ReactorActor func withoutANumberForASegmentMailIsRefused() async throws {
    let fixture = try WriterFixture(sequences: 0..<0)
    await #expect(throws: SpoolError.refusing) {
      try await fixture.writer.commit(fixture.record(0))
    }
    #expect(fixture.requests == 1)
    fixture.writer.addSequences(5..<7)
    try await fixture.writer.commit(fixture.record(1))
    #expect(try fixture.stored().count == 1)
  }

  @Test @ReactorActor func aSegmentWithRoomNeedsNoFurtherNumber() async throws {
    let fixture = try WriterFixture(sequences: 5..<6)
    for number in 0..<3 { try await fixture.writer.commit(fixture.record(number)) }
    #expect(fixture.requests > 0)
    #expect(try fixture.stored().count == 3)
  }
}
