import LinuxSystem
import MailTypes
import Primitives
import QueueFormat
import Reactor
import Testing

@testable import QueueStore

@Suite struct LargeMessageTests {
  init() { Reactor.startThread() }

  @Test @ReactorActor func aStreamedMessageLiesInASegmentOfItsOwn() async throws {
    let fixture = try WriterFixture()
    try await fixture.writer.commit(fixture.record(0))
    let large = try HelperThread(name: "large")
    let stream = try await fixture.writer.beginLarge(on: large)
    var body: [UInt8] = []
    for number in 0..<40 {
      let part = Array("line \(number) ".utf8) + [UInt8](repeating: 65, count: 70_000) + [13, 10]
      try await stream.append(part)
      body += part
    }
    #expect(try fixture.stored().count == 1)
    var rest = fixture.record(1)
    rest.content.removeSubrange(rest.headerLength...)
    try await stream.finish(rest)
    let progress = try #require(fixture.ends.values.first { $0.isSealed })
    #expect(try fixture.isGivenUp(progress.name))
    let stored = try #require(try fixture.stored().first { $0.lead.nonce == progress.name.nonce })
    #expect(stored.lead.id == rest.id)
    #expect(stored.envelope == rest.envelope)
    #expect(!stored.lead.isContiguous)
    #expect(try fixture.bytes(stored.lead.header, of: progress.name) == rest.content)
    let extent = Extent(offset: stored.lead.body.offset, length: stored.lead.body.length + 3)
    #expect(try fixture.bytes(extent, of: progress.name) == body + Array(".\r\n".utf8))
    let file = try fixture.disk.open(progress.name.segmentFile, in: .segments, writable: false)
    let findings = try SegmentWalk.findings(
      on: fixture.disk, file: file, nonce: progress.name.nonce,
      end: try fixture.disk.size(of: file), flushedEnd: progress.end)
    #expect(findings.records == [stored.lead])
    #expect(findings.damage.isEmpty)
    large.stop()
  }

  @Test @ReactorActor func anAbortedMessageLeavesNothing() async throws {
    let fixture = try WriterFixture()
    let stream = try await fixture.writer.beginLarge(on: fixture.helper)
    try await stream.append([UInt8](repeating: 65, count: 100_000))
    #expect(try SpoolScan(fixture.disk).segments.count == 1)
    await stream.abort()
    #expect(try SpoolScan(fixture.disk).segments.isEmpty)
    #expect(fixture.reports.isEmpty)
  }

  @Test @ReactorActor func largeAndSmallMessagesDoNotShareNumbers() async throws {
    let fixture = try WriterFixture()
    let stream = try await fixture.writer.beginLarge(on: fixture.helper)
    try await fixture.writer.commit(fixture.record(0))
    let other = try await fixture.writer.beginLarge(on: fixture.helper)
    var rest = fixture.record(1)
    rest.content.removeSubrange(rest.headerLength...)
    try await stream.finish(rest)
    try await other.finish(rest)
    let names = try SpoolScan(fixture.disk).segments
    #expect(names.count == 3)
    #expect(Set(names.map(\.sequence)).count == 3)
  }

  @Test @ReactorActor func aLargeMessageOfUncertainFateKeepsItsLockUntilItIsCertain() async throws {
    // Only the drain makes it certain.
    let fixture = try WriterFixture { $0.probePause = .seconds(600) }
    let stream = try await fixture.writer.beginLarge(on: fixture.helper)
    try await stream.append([UInt8](repeating: 65, count: 100_000))
    var rest = fixture.record(0)
    rest.content.removeSubrange(rest.headerLength...)
    fixture.disk.fail(.flush)
    fixture.disk.fail(.flushFolder)
    await #expect(throws: SpoolError.uncertain) { try await stream.finish(rest) }
    await stream.abort()
    let failed = try #require(fixture.ends.values.first)
    #expect(failed.isSealed)
    #expect(failed.end == UInt64(FileHeader.size))
    #expect(fixture.writer.progress == [failed])
    // Its record may be there: nobody may walk it before its end is durable.
    #expect(try SpoolScan(fixture.disk).segments == [failed.name])
    #expect(try !fixture.isGivenUp(failed.name))
    await fixture.writer.drain()
    #expect(try fixture.isGivenUp(failed.name))
  }

  @Test @ReactorActor func theEndOfAnUncertainLargeMessageIsMadeDurableLater() async throws {
    let fixture = try WriterFixture()
    let stream = try await fixture.writer.beginLarge(on: fixture.helper)
    var rest = fixture.record(0)
    rest.content.removeSubrange(rest.headerLength...)
    fixture.disk.fail(.flush)
    fixture.disk.fail(.flushFolder)
    await #expect(throws: SpoolError.uncertain) { try await stream.finish(rest) }
    let failed = try #require(fixture.ends.values.first)
    fixture.disk.fail(.flush)
    await #expect(throws: SpoolError.system(.flush, code: 5)) {
      try await fixture.writer.commit(fixture.record(1))
    }
    #expect(try fixture.isGivenUp(failed.name))
    #expect(
      try fixture.disk.names(in: .segments).contains(failed.name.endFile(failed.end)))
    #expect(fixture.writer.progress.isEmpty)
  }

  @Test @ReactorActor func aLargeMessageThatCertainlyFailedIsRemoved() async throws {
    let fixture = try WriterFixture()
    let stream = try await fixture.writer.beginLarge(on: fixture.helper)
    var rest = fixture.record(0)
    rest.content.removeSubrange(rest.headerLength...)
    fixture.disk.fail(.flush)
    await #expect(throws: SpoolError.system(.flush, code: 5)) { try await stream.finish(rest) }
    await stream.abort()
    #expect(try SpoolScan(fixture.disk).segments.isEmpty)
    #expect(fixture.reports.isEmpty)
  }
}
