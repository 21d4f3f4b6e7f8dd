import LinuxSystem
import MailTypes
import Primitives
import QueueFormat
import Reactor
import Testing

@testable import QueueStore

/// Room on the disk: what writers leave free, and how they get along with little.
@Suite struct SpaceTests {
  init() { Reactor.startThread() }

  @Test @ReactorActor func aWriterLeavesTheReserveFree() async throws {
    let fixture = try WriterFixture {
      $0.reserve = 8 << 20
      $0.probePause = .seconds(3600)
    }
    fixture.disk.free = 16 << 20
    try await fixture.writer.commit(fixture.record(0))
    fixture.disk.free = 8 << 20
    await #expect(throws: SpoolError.noSpace) {
      try await fixture.writer.commit(fixture.record(1, bodySize: 2 << 20))
    }
    // What is there frees its room the sooner for getting no company.
    #expect(fixture.ends.values.map(\.isSealed) == [true])
    await #expect(throws: SpoolError.noSpace) {
      try await fixture.writer.commit(fixture.record(2))
    }
    #expect(fixture.writer.isRefusing)
    #expect(try fixture.stored().count == 1)
  }

  @Test @ReactorActor func aWriterThatLackedRoomGoesOnWhenItIsToldThatThereIsSome() async throws {
    let fixture = try WriterFixture {
      $0.reserve = 8 << 20
      $0.probePause = .seconds(3600)
    }
    fixture.disk.free = 8 << 20
    for number in 0..<2 {
      await #expect(throws: SpoolError.noSpace) {
        try await fixture.writer.commit(fixture.record(number))
      }
    }
    let probes = fixture.disk.count(.flush)
    fixture.writer.probeNow()
    await fixture.turn(until: { fixture.disk.count(.flush) > probes }, "a probe")
    #expect(fixture.writer.isRefusing)
    fixture.disk.free = 32 << 20
    await fixture.turn(
      until: {
        fixture.writer.probeNow()
        return !fixture.writer.isRefusing
      }, "a probe that finds room")
    try await fixture.writer.commit(fixture.record(2))
    #expect(try fixture.stored().count == 1)
  }

  @Test @ReactorActor func segmentsAreSmallWhereTheDiskIs() async throws {
    let fixture = try WriterFixture()
    fixture.disk.free = 32 << 20
    for number in 0..<5 {
      try await fixture.writer.commit(fixture.record(number, bodySize: 900_000))
    }
    let ends = fixture.ends.values
    #expect(ends.count >= 2)
    #expect(ends.allSatisfy { $0.end <= 3 << 20 })
    #expect(ends.count { $0.isSealed } == ends.count - 1)
  }

  @Test @ReactorActor func aFailureToWriteForWantOfRoomEndsTheSegment() async throws {
    let fixture = try WriterFixture()
    try await fixture.writer.commit(fixture.record(0))
    fixture.disk.failForRoom(.write)
    await #expect(throws: SpoolError.noSpace) {
      try await fixture.writer.commit(fixture.record(1))
    }
    let failed = try #require(fixture.ends.values.first { $0.isSealed })
    #expect(try fixture.isGivenUp(failed.name))
    #expect(try fixture.disk.names(in: .segments).contains(failed.name.endFile(failed.end)))
    try await fixture.writer.commit(fixture.record(2))
    #expect(try fixture.stored().count == 2)
  }

  @Test @ReactorActor func aSegmentIsSealedEarlyBehindTheCommitThatIsUnderWay() async throws {
    let fixture = try WriterFixture()
    fixture.disk.hold()
    let commit = fixture.commit(fixture.record(0))
    await fixture.turn(until: { fixture.disk.isHolding }, "the flush")
    fixture.writer.sealEarly()
    fixture.disk.release()
    #expect(await commit.value == nil)
    await fixture.turn(until: { fixture.ends.values.contains(where: \.isSealed) }, "the seal")
    #expect(try fixture.stored().count == 1)
  }

  @Test @ReactorActor func aDiskThatDoesNotAnswerIsNoticedAndForgiven() async throws {
    let fixture = try WriterFixture { $0.stallTime = .milliseconds(100) }
    try await fixture.writer.commit(fixture.record(0))
    #expect(!fixture.writer.stalls.isStalled)
    var changes: [Bool] = []
    fixture.writer.stalls.onChange = { changes.append($0) }
    fixture.disk.hold()
    let commit = fixture.commit(fixture.record(1))
    await fixture.turn(until: { fixture.writer.stalls.isStalled }, "a stall")
    #expect(changes == [true])
    fixture.disk.release()
    #expect(await commit.value == nil)
    #expect(!fixture.writer.stalls.isStalled)
    #expect(changes == [true, false])
  }

  @Test @ReactorActor func aLargeMessageThatStallsIsNoticedToo() async throws {
    let fixture = try WriterFixture { $0.stallTime = .milliseconds(100) }
    let large = try HelperThread(name: "large")
    let stream = try await fixture.writer.beginLarge(on: large)
    var rest = fixture.record(0)
    rest.content.removeSubrange(rest.headerLength...)
    fixture.disk.hold()
    let end = Task { @ReactorActor [rest] in try await stream.finish(rest) }
    await fixture.turn(until: { fixture.writer.stalls.isStalled }, "a stall")
    fixture.disk.release()
    try await end.value
    #expect(!fixture.writer.stalls.isStalled)
    large.stop()
  }
}
