import MailTypes
import Primitives
import QueueFormat
import Simulation
import Testing

@testable import QueueStore

@Suite struct SegmentRecoveryTests {
  private let spool: SpoolFixture<SimulatedDisk>
  private let name: SegmentName
  private let leads: [RecordLead]
  private let now = SpoolFixture<SimulatedDisk>.now

  init() throws {
    spool = SpoolFixture()
    name = try spool.segment(
      1,
      [[1, 2], [3, 4]].map {
        $0.map { SpoolFixture<SimulatedDisk>.record($0, recipients: ["b", "c"]) }
      })
    leads = try spool.walk(name).records
  }

  private func recover() throws -> RecoveredSegment<SimulatedDisk> {
    let found = try SegmentRecovery.recover(name, on: spool.disk, now: now)
    spool.disk.close(found.file)
    return found
  }

  private func journal(_ entries: [JournalEntry]) throws {
    let journal = SegmentJournal(on: spool.disk, name: name, entries: [])
    journal.append(entries)
    try journal.flush(now: now)
  }

  private func entry(_ event: JournalEvent, _ lead: RecordLead) -> JournalEntry {
    JournalEntry(event, id: lead.id, offset: lead.offset, time: now)
  }

  @Test func aDeadWritersSegmentIsSealedWithItsTable() throws {
    let first = try recover()
    #expect(!first.hasLivingWriter)
    #expect(first.rows == leads.map { RecordRow($0) })
    let again = try recover()
    #expect(again.rows == first.rows)
    #expect(again.history.table == first.rows)
    #expect(again.history.sealedEnd == leads[3].end)
    #expect(again.history.sealReason == .writerDied)
    #expect(again.problems.isEmpty)
  }

  @Test func aSealedSegmentIsNotWalked() throws {
    _ = try recover()
    try spool.damage(name.segmentFile, at: leads[0].offset, [UInt8](repeating: 0, count: 9_000))
    #expect(try recover().rows == leads.map { RecordRow($0) })
  }

  @Test func aLivingWritersSegmentIsLeftToItsMarks() throws {
    let living = try SegmentWriter.create(
      on: spool.disk, name: try SpoolFixture<SimulatedDisk>.name(2), created: now,
      sizeLimit: 1 << 20)
    let found = try SegmentRecovery.recover(living.name, on: spool.disk, now: now)
    #expect(found.hasLivingWriter)
    #expect(found.rows.isEmpty)
    #expect(found.intakeEnd == UInt64(FileHeader.size))
    #expect(throws: SpoolError.missing) {
      try spool.disk.open(living.name.journalFile, in: .segments, writable: false)
    }
    living.close()
  }

  @Test func messagesThatAreDoneAreNotQueuedAgain() throws {
    try journal([entry(.deleted, leads[0]), entry(.held(reason: []), leads[1])])
    let found = try recover()
    #expect(found.rows.map(\.offset) == leads[1...].map(\.offset))
    #expect(found.history.messages[leads[1].offset]?.isHeldByOrder == true)
    #expect(try recover().rows == found.rows)
  }

  @Test func damageIsCopiedAsideReportedOnceAndCostsNoNeighbour() throws {
    try spool.damage(name.segmentFile, at: leads[1].body.offset, [0, 0])
    let found = try recover()
    let extent = Extent(offset: leads[1].offset, length: leads[1].length)
    #expect(found.problems == [.damage(extent, leads[1].id)])
    #expect(found.rows.map(\.offset) == [0, 2, 3].map { leads[$0].offset })
    let copies = try spool.disk.names(in: .corrupt)
    #expect(copies == ["\(name.segmentFile).\(extent.offset)"])
    let copy = try spool.disk.open(copies[0], in: .corrupt, writable: false)
    #expect(try spool.disk.size(of: copy) == extent.length)
    #expect(try recover().problems.isEmpty)
  }

  @Test func nothingBehindTheMarkedEndOfAFailedSegmentIsMail() throws {
    let mark = try spool.disk.create(name.endFile(leads[1].end), in: .segments)
    spool.disk.close(mark)
    let found = try recover()
    #expect(found.rows.map(\.offset) == leads[..<2].map(\.offset))
    #expect(found.problems.isEmpty)
    #expect(try recover().history.sealReason == .failed)
  }

  @Test func aForeignJournalDoesNotCountAndIsReported() throws {
    let other = try SpoolFixture<SimulatedDisk>.name(1)
    let foreign = SegmentJournal(on: spool.disk, name: other, entries: [])
    foreign.append([entry(.deleted, leads[0])])
    try foreign.flush(now: now)
    try spool.disk.rename(other.journalFile, to: name.journalFile, in: .segments)
    let found = try recover()
    #expect(found.problems == [.foreignJournal])
    #expect(found.rows.count == 4)
  }

  @Test func entriesWithoutTheirRecordAreReported() throws {
    var stranger = entry(.deleted, leads[0])
    stranger.id = leads[1].id
    try journal([stranger])
    let found = try recover()
    #expect(found.problems == [.mismatchedEntries(1)])
    #expect(found.rows.count == 4)
  }

  @Test func aNewerSegmentIsRefused() throws {
    let header = FileHeader(
      .segment, version: SpoolLayout.version + 1, name: name, created: now)
    try spool.damage(name.segmentFile, at: 0, header.encoded())
    #expect(throws: SpoolError.newerVersion(SpoolLayout.version + 1)) { try recover() }
  }

  @Test func aLostFileHeaderCostsNothing() throws {
    try spool.damage(name.segmentFile, at: 0, [UInt8](repeating: 0xff, count: 4096))
    #expect(try recover().rows.count == 4)
  }

  @Test func aWholeRecordThatIsNotUnderstoodIsKept() throws {
    var later = SpoolFixture<SimulatedDisk>.record(9)
    later.flags = RecordFlags(rawValue: 1 << 30)
    let other = try spool.segment(5, [[later]])
    let found = try SegmentRecovery.recover(other, on: spool.disk, now: now)
    #expect(found.rows.map(\.id) == [later.id])
    let record = try SegmentReader.record(
      on: spool.disk, file: found.file,
      place: RecordPlace(nonce: other.nonce, offset: found.rows[0].offset), id: later.id)
    #expect(!record.lead.isUnderstood)
    #expect(record.envelope == nil)
  }

  @Test func journalsAndMarksWithoutASegmentAreRemoved() throws {
    try journal([entry(.done, leads[0])])
    let mark = try spool.disk.create(name.endFile(8192), in: .segments)
    spool.disk.close(mark)
    let draft = try spool.disk.create(name.journalDraftFile, in: .segments)
    spool.disk.close(draft)
    #expect(try SpoolScan(spool.disk).leftovers == [name.journalDraftFile])
    try spool.disk.unlink(name.segmentFile, in: .segments)
    try SpoolScan(spool.disk).removeLeftovers(spool.disk)
    #expect(try spool.disk.names(in: .segments).isEmpty)
  }

  @Test func aRemovedSegmentTakesItsJournalAlong() throws {
    try journal([entry(.done, leads[0])])
    try SpoolScan.remove(name, on: spool.disk)
    try SpoolScan.remove(name, on: spool.disk)
    #expect(try spool.disk.names(in: .segments).isEmpty)
  }

  @Test func segmentsAreListedNewestFirst() throws {
    let newer = try spool.segment(9, [])
    #expect(try SpoolScan(spool.disk).segments == [newer, name])
  }
}
