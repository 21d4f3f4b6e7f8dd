import MailTypes
import Primitives
import QueueFormat
import Simulation
import TestSupport
import Testing

@testable import QueueStore

@Suite struct SegmentWalkTests {
  private let spool: SpoolFixture<SimulatedDisk>
  private let name: SegmentName
  private let leads: [RecordLead]

  /// Three batches: records 1 and 2, 3 and 4, 5 and 6.
  init() throws {
    spool = SpoolFixture()
    name = try spool.segment(
      1, [[1, 2], [3, 4], [5, 6]].map { $0.map { SpoolFixture<SimulatedDisk>.record($0) } })
    leads = try spool.walk(name).records
  }

  private func numbers(_ findings: SegmentFindings) -> [UInt64] {
    findings.records.map { $0.id.microseconds - 1_700_000_000_000_000 }
  }

  @Test func everyRecordIsFoundInOrder() throws {
    let findings = try spool.walk(name)
    #expect(numbers(findings) == [1, 2, 3, 4, 5, 6])
    #expect(findings.damage.isEmpty)
    #expect(findings.unfinished.isEmpty)
    #expect(findings.end == leads[5].end)
  }

  @Test func batchesStartOnBlocksAndRecordsOnBorders() {
    #expect(leads.allSatisfy { $0.offset % 64 == 0 })
    #expect([0, 2, 4].map { leads[$0].offset % 4096 } == [64, 64, 64])
  }

  @Test func damageInsideAFlushedBatchCostsOnlyTheDamagedRecord() throws {
    try spool.damage(name.segmentFile, at: leads[2].body.offset, Array("x".utf8))
    let findings = try spool.walk(name)
    #expect(numbers(findings) == [1, 2, 4, 5, 6])
    #expect(findings.damage.map(\.lead?.id) == [leads[2].id])
    #expect(findings.unfinished.isEmpty)
  }

  @Test func aLostLeadIsReportedAsAPlaceAndItsNeighboursAreFound() throws {
    try spool.damage(name.segmentFile, at: leads[2].offset + 40, [0xff])
    let findings = try spool.walk(name)
    #expect(numbers(findings) == [1, 2, 4, 5, 6])
    #expect(
      findings.damage.map(\.extent)
        == [Extent(offset: leads[2].offset, length: leads[2].length)])
  }

  @Test func aLostBatchHeaderCostsNoRecord() throws {
    try spool.damage(
      name.segmentFile, at: leads[2].offset - 64, [UInt8](repeating: 0xee, count: 64))
    let findings = try spool.walk(name)
    #expect(numbers(findings) == [1, 2, 3, 4, 5, 6])
    #expect(findings.damage.map(\.extent.length) == [64])
  }

  @Test func aFlushedBatchThatCameBackEmptyIsReported() throws {
    let start = leads[2].offset - 64
    try spool.damage(
      name.segmentFile, at: start,
      [UInt8](repeating: 0, count: Int(leads[3].end - start)))
    let findings = try spool.walk(name)
    #expect(numbers(findings) == [1, 2, 5, 6])
    #expect(
      findings.damage.map(\.extent)
        == [Extent(offset: leads[1].end, length: leads[3].end - leads[1].end)])
  }

  @Test func damageInTheLastBatchIsAnUnfinishedFlush() throws {
    try spool.damage(name.segmentFile, at: leads[4].envelope.offset, [0xff])
    let findings = try spool.walk(name)
    #expect(numbers(findings) == [1, 2, 3, 4, 6])
    #expect(findings.damage.isEmpty)
    #expect(findings.unfinished.map(\.lead?.id) == [leads[4].id])
  }

  @Test func damageInTheLastBatchIsReportedWhenItIsKnownToHaveBeenFlushed() throws {
    try spool.damage(name.segmentFile, at: leads[4].envelope.offset, [0xff])
    let findings = try spool.walk(name, flushedEnd: leads[5].end)
    #expect(findings.damage.map(\.lead?.id) == [leads[4].id])
    #expect(findings.unfinished.isEmpty)
  }

  @Test func aMissingTerminatorIsDamage() throws {
    try spool.damage(name.segmentFile, at: leads[0].body.end, Array("..".utf8))
    #expect(try spool.walk(name).damage.map(\.lead?.id) == [leads[0].id])
  }

  @Test func aRecordOfAnotherSegmentInABodyIsNoRecord() throws {
    let foreign = try spool.disk.open(name.segmentFile, in: .segments, writable: false)
    let copied = try spool.disk.read(
      Int(leads[0].length), from: foreign, at: leads[0].offset)
    var carrier = SpoolFixture<SimulatedDisk>.record(7)
    for shift in 0..<64 {
      carrier.content =
        Array("\r\n\r\n".utf8) + [UInt8](repeating: 65, count: shift) + copied
        + Array("\r\n".utf8)
      carrier.headerLength = 4
      let other = try spool.segment(2, [[carrier], [SpoolFixture<SimulatedDisk>.record(8)]])
      let lead = try #require(try spool.walk(other).records.first)
      try spool.damage(other.segmentFile, at: lead.offset, [0, 0, 0, 0])
      #expect(numbers(try spool.walk(other)) == [8])
    }
  }

  @Test func aCopyOfARecordInTheSameSegmentIsNoRecordElsewhere() throws {
    let file = try spool.disk.open(name.segmentFile, in: .segments, writable: true)
    let copied = try spool.disk.read(Int(leads[0].length), from: file, at: leads[0].offset)
    try spool.disk.write(copied, to: file, at: leads[2].offset)
    #expect(numbers(try spool.walk(name)) == [1, 2, 4, 5, 6])
  }

  @Test func intakeReadsFromMarkToMark() throws {
    let file = try spool.disk.open(name.segmentFile, in: .segments, writable: false)
    var from = UInt64(FileHeader.size)
    for batch in [[1, 2], [3, 4], [5, 6]] as [[UInt64]] {
      let end = leads[Int(batch[1]) - 1].end
      let records = try SegmentReader.records(
        on: spool.disk, file: file, nonce: name.nonce, from: from, to: end)
      #expect(records.map { $0.lead.id.microseconds - 1_700_000_000_000_000 } == batch)
      #expect(records.allSatisfy { $0.envelope?.recipients.count == 1 })
      from = end
    }
  }

  @Test func aRecordIsReadByPlaceOnlyUnderItsOwnName() throws {
    let file = try spool.disk.open(name.segmentFile, in: .segments, writable: false)
    let record = try SegmentReader.record(
      on: spool.disk, file: file, place: leads[3].place, id: leads[3].id)
    #expect(record.lead == leads[3])
    #expect(record.envelope?.sender == MailAddress("a@example.org"))
    #expect(throws: SpoolError.damaged) {
      try SegmentReader.record(
        on: spool.disk, file: file, place: leads[3].place, id: leads[2].id)
    }
  }

  @Test func anyBytesInASegmentAreWalkedWithoutATrap() throws {
    var random = SplitMix64(seed: 4)
    for _ in 0..<50 {
      let other = try spool.segment(
        3, [[SpoolFixture<SimulatedDisk>.record(1)], [SpoolFixture<SimulatedDisk>.record(2)]])
      try spool.damage(
        other.segmentFile, at: UInt64(4096 + random.below(4900)), random.bytes(count: 200))
      let findings = try spool.walk(other)
      #expect(findings.records.count <= 2)
      try spool.disk.unlink(other.segmentFile, in: .segments)
    }
  }
}
