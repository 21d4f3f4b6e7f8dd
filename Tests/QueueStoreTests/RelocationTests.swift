import MailTypes
import Primitives
import QueueFormat
import Simulation
import Testing

@testable import QueueStore

@Suite struct RelocationTests {
  private let spool: SpoolFixture<SimulatedDisk>
  private let origin: SegmentName
  private let lead: RecordLead
  private let target: SegmentName
  private let copyLead: RecordLead
  private let now = SpoolFixture<SimulatedDisk>.now

  /// A message, and its copy in a later segment.
  init() throws {
    spool = SpoolFixture()
    origin = try spool.segment(1, [[SpoolFixture<SimulatedDisk>.record(1)]])
    lead = try #require(try spool.walk(origin).records.first)
    let file = try spool.disk.open(origin.segmentFile, in: .segments, writable: false)
    let record = try SegmentReader.record(
      on: spool.disk, file: file, place: lead.place, id: lead.id)
    let copy = try Relocation.copy(of: record, file: file, on: spool.disk)
    target = try spool.segment(2, [[copy]])
    copyLead = try #require(try spool.walk(target).records.first)
  }

  private func rows(_ name: SegmentName) throws -> [RecordRow] {
    let found = try SegmentRecovery.recover(
      name, on: spool.disk, now: now, recovered: name == target ? [origin.nonce] : [])
    spool.disk.close(found.file)
    return found.rows
  }

  private func writeMove() throws {
    let journal = SegmentJournal(on: spool.disk, name: origin, entries: [])
    journal.append([
      Relocation.entry(movingTo: copyLead.place, id: lead.id, origin: lead.place, now: now)
    ])
    try journal.flush(now: now)
    journal.close()
  }

  @Test func aCopyHasTheContentAndTheNameOfItsOrigin() throws {
    #expect(copyLead.id == lead.id)
    #expect(try spool.content(copyLead, target) == spool.content(lead, origin))
    let file = try spool.disk.open(target.segmentFile, in: .segments, writable: false)
    let record = try SegmentReader.record(
      on: spool.disk, file: file, place: copyLead.place, id: lead.id)
    #expect(record.envelope?.origin == lead.place)
  }

  @Test func aCopyIsMailOnlyOnceItsOriginSaysSoOrIsGone() throws {
    try writeMove()
    #expect(try rows(target).map(\.id) == [lead.id])
    #expect(try rows(origin).isEmpty)
    try SpoolScan.remove(origin, on: spool.disk)
    #expect(try rows(target).map(\.id) == [lead.id])
  }

  @Test func aCopyThatWasNotFinishedIsNeverMail() throws {
    #expect(try rows(target).isEmpty)
    #expect(try rows(origin).map(\.id) == [lead.id])
    try SpoolScan.remove(origin, on: spool.disk)
    #expect(try rows(target).isEmpty)
  }

  @Test func aCopyThatWasNotFinishedIsNeverMailThoughItsSegmentHasATable() throws {
    let journal = SegmentJournal(on: spool.disk, name: target, entries: [])
    let end = try spool.walk(target).end
    let events =
      JournalCompaction.tableEntries([RecordRow(copyLead)]) + [.sealed(end: end, reason: .full)]
    journal.append(events.map { JournalEntry(segment: $0, time: now) })
    try journal.flush(now: now)
    journal.close()
    #expect(try rows(target).isEmpty)
    try SpoolScan.remove(origin, on: spool.disk)
    #expect(try rows(target).isEmpty)
  }

  @Test func aSpoolAtRestShowsAMessageOnceWhereverItsMoveWasCutShort() throws {
    func states() throws -> [SegmentName: InspectedMessage.State] {
      let spool = try SpoolInspection(spool.disk)
      return Dictionary(
        uniqueKeysWithValues: try spool.segments.flatMap { name in
          try spool.messages(in: name).map { (name, $0.state) }
        })
    }
    #expect(try states() == [origin: .queued, target: .done])
    #expect(try SpoolInspection(spool.disk).check(target).open == 0)
    try writeMove()
    #expect(try states() == [origin: .done, target: .queued])
    try SpoolScan.remove(origin, on: spool.disk)
    #expect(try states() == [target: .queued])
    #expect(try SpoolInspection(spool.disk).check(target).open == 1)
  }

  @Test func aCopyIsNotJudgedBeforeItsOriginIsRecovered() throws {
    #expect(throws: SpoolError.originFirst) {
      try SegmentRecovery.recover(target, on: spool.disk, now: now)
    }
  }

  @Test func historyMovesWithTheMessage() {
    let attempt = DeliveryAttempt(
      status: EnhancedStatus(2, 0, 0), nextHop: [], reply: Array("ok".utf8))
    let known = [
      JournalEntry(
        .delivered(attempt), id: lead.id, offset: lead.offset, recipient: 3, time: now),
      JournalEntry(.done, id: lead.id, offset: 99_968, time: now),
    ]
    let moved = Relocation.entries(
      for: copyLead.place, of: lead.id, origin: lead.place, in: known)
    #expect(moved.map(\.offset) == [copyLead.offset])
    #expect(moved.map(\.recipient) == [3])
  }

  @Test func movingPaysOnlyWhenLargeSegmentsHoldLittleMail() {
    func pays(_ sealedBytes: UInt64, _ liveBytes: UInt64) -> Bool {
      Relocation.isWorthwhile(
        sealedBytes: sealedBytes, liveBytes: liveBytes, within: Relocation.Bounds())
    }
    #expect(!pays(1 << 29, 1))
    #expect(!pays(2 << 30, 1 << 29))
    #expect(pays(4 << 30, 1 << 29))
  }
}
