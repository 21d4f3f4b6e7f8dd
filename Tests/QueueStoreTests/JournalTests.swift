import MailTypes
import Primitives
import QueueFormat
import Simulation
import Testing

@testable import QueueStore

@Suite struct JournalTests {
  private let spool: SpoolFixture<SimulatedDisk>
  private let name: SegmentName
  private let now = SpoolFixture<SimulatedDisk>.now
  private let attempt = DeliveryAttempt(
    status: EnhancedStatus(4, 4, 1), nextHop: [], reply: Array("timed out".utf8))

  init() throws {
    spool = SpoolFixture()
    name = try SpoolFixture<SimulatedDisk>.name(1)
  }

  private func entry(
    _ event: JournalEvent, _ offset: UInt64, recipient: UInt32? = nil, ends: Bool = false
  ) -> JournalEntry {
    JournalEntry(
      event, id: QueueID(microseconds: offset, sequence: 1), offset: offset,
      recipient: recipient, endsMessage: ends, time: now)
  }

  private func deferred(_ offset: UInt64, at seconds: Int64) -> JournalEntry {
    let until = WallTime(microseconds: seconds * 1_000_000)
    return entry(.deferred(attempt, until: until), offset, recipient: 0)
  }

  private func read() throws -> JournalReading {
    let file = try spool.disk.open(name.journalFile, in: .segments, writable: false)
    return try JournalReading.read(on: spool.disk, file: file, nonce: name.nonce)
  }

  @Test func whatIsWrittenIsReadBackAcrossFlushes() throws {
    let journal = SegmentJournal(on: spool.disk, name: name, entries: [])
    for offset: UInt64 in [4160, 8256, 12352] {
      journal.append([entry(.held(reason: []), offset)])
      try journal.flush(now: now)
      journal.append([entry(.released, offset)])
      try journal.write(now: now)
    }
    let entries = try read().entries
    #expect(entries.map(\.offset) == [4160, 4160, 8256, 8256, 12352, 12352])
    #expect(entries.map(\.number) == Array(1...6))
  }

  @Test func aWriteNeverTouchesAFlushedBlock() throws {
    let journal = SegmentJournal(on: spool.disk, name: name, entries: [])
    journal.append([entry(.done, 4160)])
    try journal.flush(now: now)
    let file = try spool.disk.open(name.journalFile, in: .segments, writable: false)
    let before = try spool.disk.read(1 << 20, from: file, at: 0)
    #expect(before.count % SpoolLayout.blockSize == 0)
    journal.append([entry(.done, 8256)])
    try journal.flush(now: now)
    #expect(try spool.disk.read(before.count, from: file, at: 0) == before)
  }

  @Test func aNewLifeBeginsANewFileWithWhatCounts() throws {
    let first = SegmentJournal(on: spool.disk, name: name, entries: [])
    first.append([
      entry(.delivered(attempt), 4160, recipient: 0, ends: true),
      entry(.held(reason: Array("why".utf8)), 8256),
    ])
    try first.flush(now: now)
    let second = SegmentJournal(on: spool.disk, name: name, entries: try read().entries)
    second.append([entry(.released, 8256)])
    try second.write(now: now)
    let history = SegmentHistory(try read().entries)
    #expect(history.messages[4160]?.isDone == true)
    #expect(history.messages[8256]?.isHeldByOrder == false)
    #expect(try SpoolScan(spool.disk).leftovers == [name.journalFile])
  }

  @Test func compactionKeepsTheFirstAndTheLastTenAttempts() {
    let entries = (1...30).map { deferred(4160, at: Int64($0)) }
    let kept = JournalCompaction.keep(entries)
    #expect(kept == [entries[0]] + entries[20...])
  }

  @Test func compactionLeavesOneWordOfAMessageThatIsDone() {
    let kept = JournalCompaction.keep([
      deferred(4160, at: 1), entry(.delivered(attempt), 4160, recipient: 0),
      entry(.bounced(attempt), 4160, recipient: 1, ends: true), deferred(8256, at: 2),
    ])
    #expect(kept.map(\.event) == [.done, deferred(8256, at: 2).event])
  }

  @Test func compactionDropsWhatTheTableOfRecordsNoLongerNames() {
    let rows = [4160, 8256].map { (offset: UInt64) in
      RecordRow(
        id: QueueID(microseconds: offset, sequence: 1), offset: offset, recipientCount: 1,
        flags: [], contentSize: 1)
    }
    let table = JournalCompaction.tableEntries(rows).map { JournalEntry(segment: $0, time: now) }
    let seal = JournalEntry(segment: .sealed(end: 16384, reason: .full), time: now)
    let copy = RecordPlace(nonce: name.nonce, offset: 64)
    let kept = JournalCompaction.keep(
      table + [seal, entry(.deleted, 4160), entry(.relocated(to: copy), 12352)])
    let history = SegmentHistory(kept)
    #expect(history.table == [rows[1]])
    #expect(history.sealedEnd == 16384)
    #expect(history.messages[4160] == nil)
    #expect(history.messages[12352]?.relocatedTo == copy)
  }

  @Test func aJournalThatHasGrownIsRewritten() throws {
    let journal = SegmentJournal(on: spool.disk, name: name, entries: [])
    let long = DeliveryAttempt(
      status: EnhancedStatus(4, 0, 0), nextHop: [],
      reply: [UInt8](repeating: 65, count: 1_000))
    for _ in 0..<12 {
      journal.append(
        (0..<100).map { _ in
          entry(.deferred(long, until: now), 4160, recipient: 0)
        })
      try journal.flush(now: now)
    }
    let reading = try read()
    #expect(reading.entries.count < 400)
    #expect(SegmentHistory(reading.entries).messages[4160]?.attempts ?? 0 >= 11)
  }

  @Test func aJournalThatCannotBeReadBackIsNotReplacedByLess() throws {
    let journal = SegmentJournal(on: spool.disk, name: name, entries: [])
    journal.append([entry(.delivered(attempt), 4160, recipient: 0, ends: true)])
    try journal.flush(now: now)
    try spool.damage(name.journalFile, at: UInt64(FileHeader.size) + 10, [0xff, 0xff])
    let long = DeliveryAttempt(
      status: EnhancedStatus(4, 0, 0), nextHop: [],
      reply: [UInt8](repeating: 65, count: 1_000))
    for _ in 0..<12 {
      journal.append((0..<100).map { _ in entry(.deferred(long, until: now), 8256, recipient: 0) })
      try journal.flush(now: now)
    }
    let file = try spool.disk.open(name.journalFile, in: .segments, writable: false)
    #expect(try spool.disk.size(of: file) > 1 << 20)
  }

  @Test func ordersThatHaveNotComeTrueOutliveARewriting() {
    let orders = [entry(.expiryOrdered, 4160), entry(.requeueOrdered, 8256)]
    let history = SegmentHistory(JournalCompaction.keep(orders))
    #expect(history.messages[4160]?.mustExpire == true)
    #expect(history.messages[8256]?.mustRequeue == true)
  }

  @Test func thatADelayWasToldOutlivesARewritingAndAMove() {
    let told = [entry(.delayReported, 4160), entry(.held(reason: []), 8256)]
    let history = SegmentHistory(JournalCompaction.keep(told))
    #expect(history.messages[4160]?.isDelayReported == true)
    #expect(history.messages[4160]?.isDone == false)
    #expect(history.messages[8256]?.isDelayReported == false)
    let copy = RecordPlace(nonce: name.nonce, offset: 64)
    let origin = RecordPlace(nonce: name.nonce, offset: 4160)
    let moved = Relocation.entries(for: copy, of: told[0].id, origin: origin, in: told)
    #expect(SegmentHistory(moved).messages[64]?.isDelayReported == true)
  }

  @Test func anEntryThatNamesAnotherMessageDoesNotCount() {
    var stranger = entry(.deleted, 4160)
    stranger.id = QueueID(microseconds: 1, sequence: 9)
    let history = SegmentHistory([entry(.held(reason: []), 4160), stranger])
    #expect(history.messages[4160]?.isDone == false)
    #expect(history.contradictions == 1)
  }

  @Test func aMessageWhoseHistoryIsNotUnderstoodIsHeld() {
    let history = SegmentHistory([entry(.unknown(kind: 999, payload: []), 4160)])
    #expect(history.messages[4160]?.isHeldByOrder == true)
  }

  @Test func anIncompleteTableIsNone() {
    let rows = JournalEntry(segment: .records([]), time: now)
    let wrong = JournalEntry(segment: .recordsComplete(count: 3), time: now)
    #expect(SegmentHistory([rows]).table == nil)
    #expect(SegmentHistory([rows, wrong]).table == nil)
  }

  @Test func aNewerJournalIsRefusedAndLeftAlone() throws {
    let header = FileHeader(
      .journal, version: SpoolLayout.version + 1, name: name, created: now)
    let file = try spool.disk.create(name.journalFile, in: .segments)
    try spool.disk.write(header.encoded(), to: file, at: 0)
    #expect(throws: SpoolError.newerVersion(SpoolLayout.version + 1)) { try read() }
  }
}
