import LinuxSystem
import MailTypes
import Primitives
import QueueFormat
import Reactor
import TestSupport
import Testing

@testable import QueueStore

@Suite struct SpoolWriterTests {
  init() { Reactor.startThread() }

  /// A writer and everything that it reported.
  @ReactorActor final class Fixture {
    let folder: TemporaryDirectory
    let spool: SpoolFixture<LinuxDisk>
    let helper: HelperThread
    var progress: [SegmentProgress] = []
    private(set) var writer: SpoolWriter!

    init(_ settings: SpoolWriter.Settings = .init()) throws {
      let real = try RealSpool()
      folder = real.folder
      spool = real.fixture
      helper = try HelperThread(name: "storage")
      writer = SpoolWriter(
        disk: spool.disk, writer: "smtpd0", settings: settings, helper: helper,
        onProgress: { [unowned self] in progress.append($0) }, onLowSequences: {})
      writer.addSequences(1..<100)
    }

    func names() throws -> [SegmentName] { try SpoolScan(spool.disk).segments }
  }

  @Test @ReactorActor func aCommittedRecordIsInTheSegment() async throws {
    let fixture = try Fixture()
    try await fixture.writer.commit(SpoolFixture<LinuxDisk>.record(1))
    let name = try #require(try fixture.names().first)
    let records = try fixture.spool.walk(name).records
    #expect(records.map(\.id) == [SpoolFixture<LinuxDisk>.record(1).id])
    #expect(
      try fixture.spool.content(try #require(records.first), name)
        == Array("Subject: 1\r\n\r\nHello\r\n.\r\n".utf8))
    #expect(fixture.progress.map(\.end) == [try #require(records.first).end])
    await fixture.writer.drain()
  }

  @Test @ReactorActor func sessionsShareFlushes() async throws {
    let fixture = try Fixture()
    let tasks = (1...200).map { number in
      Task { @ReactorActor in
        try await fixture.writer.commit(SpoolFixture<LinuxDisk>.record(number))
      }
    }
    for task in tasks { try await task.value }
    #expect(fixture.progress.count <= 10)
    let name = try #require(try fixture.names().first)
    #expect(try fixture.spool.walk(name).records.count == 200)
    await fixture.writer.drain()
  }

  @Test @ReactorActor func aCommitWaitsForSessionsInsideData() async throws {
    var settings = SpoolWriter.Settings()
    settings.commitDelay = .seconds(60)
    let fixture = try Fixture(settings)
    let ticket = fixture.writer.enterData()
    let first = Task { @ReactorActor in
      try await fixture.writer.commit(SpoolFixture<LinuxDisk>.record(1))
    }
    await Reactor.shared.yieldTurn()
    await Reactor.shared.yieldTurn()
    #expect(fixture.progress.isEmpty)
    let second = Task { @ReactorActor in
      try await fixture.writer.commit(SpoolFixture<LinuxDisk>.record(2))
    }
    await Reactor.shared.yieldTurn()
    fixture.writer.leaveData(ticket)
    try await first.value
    try await second.value
    #expect(fixture.progress.count == 1)
    await fixture.writer.drain()
  }

  @Test @ReactorActor func aCommitWaitsNoLongerThanTheDelay() async throws {
    let fixture = try Fixture()
    let ticket = fixture.writer.enterData()
    try await fixture.writer.commit(SpoolFixture<LinuxDisk>.record(1))
    fixture.writer.leaveData(ticket)
    #expect(fixture.progress.count == 1)
    await fixture.writer.drain()
  }

  @Test @ReactorActor func aFullSegmentIsSealedAndTheNextOneTaken() async throws {
    var settings = SpoolWriter.Settings()
    settings.segmentSize = 64 << 10
    let fixture = try Fixture(settings)
    let body = String(repeating: "0123456789012345678901234567\r\n", count: 700)
    for number: UInt64 in 1...12 {
      try await fixture.writer.commit(SpoolFixture<LinuxDisk>.record(number, body: body))
    }
    await fixture.writer.drain()
    let names = try fixture.names()
    #expect(names.count > 3)
    #expect(try names.map { try fixture.spool.walk($0).records.count }.reduce(0, +) == 12)
    let sealed = Set(fixture.progress.filter(\.isSealed).map(\.name))
    #expect(sealed == Set(names))
    #expect(Set(names.map(\.sequence)).count == names.count)
    #expect(fixture.writer.progress.isEmpty)
  }

  @Test @ReactorActor func aLargeMessageIsStreamedIntoASegmentOfItsOwn() async throws {
    let fixture = try Fixture()
    let streams = try HelperThread(name: "streams")
    let large = try await fixture.writer.beginLarge(on: streams)
    let part = Array(String(repeating: "line of a large message\r\n", count: 4_000).utf8)
    for _ in 0..<20 { try await large.append(part) }
    var rest = SpoolFixture<LinuxDisk>.record(1, body: "")
    rest.flags = [.hasStuffedLines]
    try await large.finish(rest)
    let name = try #require(try fixture.names().first)
    let lead = try #require(try fixture.spool.walk(name).records.first)
    #expect(lead.body.length == UInt64(20 * part.count))
    #expect(!lead.isContiguous)
    #expect(lead.flags == [.hasStuffedLines])
    #expect(fixture.progress.map(\.isSealed) == [true])
    let content = try fixture.spool.content(lead, name)
    #expect(content.count == rest.content.count + 20 * part.count + 3)
    #expect(content.starts(with: rest.content + part))
    await fixture.writer.drain()
  }

  @Test @ReactorActor func anAbortedLargeMessageLeavesNothing() async throws {
    let fixture = try Fixture()
    let streams = try HelperThread(name: "streams")
    let large = try await fixture.writer.beginLarge(on: streams)
    try await large.append([UInt8](repeating: 65, count: 100_000))
    await large.abort()
    #expect(try fixture.names().isEmpty)
    await fixture.writer.drain()
  }

  @Test @ReactorActor func aCancelledSessionStillHasItsMessageFlushed() async throws {
    let fixture = try Fixture()
    let task = Task { @ReactorActor in
      try await fixture.writer.commit(SpoolFixture<LinuxDisk>.record(1))
    }
    task.cancel()
    try await task.value
    let name = try #require(try fixture.names().first)
    #expect(try fixture.spool.walk(name).records.count == 1)
    await fixture.writer.drain()
  }

  @Test @ReactorActor func twoFailuresInARowRefuseNewMail() async throws {
    let fixture = try Fixture()
    try await fixture.writer.commit(SpoolFixture<LinuxDisk>.record(1))
    await fixture.writer.drain()
    let broken = try Fixture()
    try removeFolder(broken.folder.path("segments"))
    for number: UInt64 in 1...2 {
      await #expect(throws: SpoolError.self) {
        try await broken.writer.commit(SpoolFixture<LinuxDisk>.record(number))
      }
    }
    #expect(broken.writer.isRefusing)
    await #expect(throws: SpoolError.refusing) {
      try await broken.writer.commit(SpoolFixture<LinuxDisk>.record(3))
    }
    await broken.writer.drain()
  }

  private func removeFolder(_ path: String) throws {
    try Files.removeDirectory(path)
  }

  @Test @ReactorActor func queueIDsNeverRepeat() async throws {
    let fixture = try Fixture()
    let late = WallTime(microseconds: 2_000_000_000_000_000)
    let early = WallTime(microseconds: 1_000_000_000_000_000)
    let ids = [late, late, early, early, late].map { fixture.writer.makeQueueID(now: $0) }
    #expect(Set(ids).count == ids.count)
    #expect(ids.map(\.microseconds) == ids.map(\.microseconds).sorted())
    #expect(Set(ids.map(\.sequence)) == [1])
    await fixture.writer.drain()
  }

  @Test @ReactorActor func aWriterWithoutNumbersAsksForThemAgain() async throws {
    let spool = try RealSpool()
    var questions = 0
    var settings = SpoolWriter.Settings()
    settings.probePause = .milliseconds(1)
    let writer = SpoolWriter(
      disk: spool.fixture.disk, writer: "smtpd0", settings: settings,
      helper: try HelperThread(name: "storage"), onProgress: { _ in },
      onLowSequences: { questions += 1 })
    await #expect(throws: SpoolError.refusing) {
      try await writer.commit(SpoolFixture<LinuxDisk>.record(1))
    }
    #expect(questions == 1)
    try await sleep(until: Clocks.monotonicNow() + .milliseconds(2))
    await #expect(throws: SpoolError.refusing) {
      try await writer.commit(SpoolFixture<LinuxDisk>.record(2))
    }
    #expect(questions == 2)
    writer.addSequences(1..<10)
    try await writer.commit(SpoolFixture<LinuxDisk>.record(3))
    await writer.drain()
  }
}
