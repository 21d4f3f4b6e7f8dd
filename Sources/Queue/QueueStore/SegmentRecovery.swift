package import MailTypes
package import Primitives
package import QueueFormat

/// Something that a recovery found and people should hear of.
package enum SegmentProblem: Hashable, Sendable {
  /// Flushed bytes cannot be read as what they were; a copy is in `corrupt` (R8).
  case damage(Extent, QueueID?)
  /// The journal's first block is not that of this segment: none of its entries counts (R2).
  case foreignJournal
  /// So many entries do not match their records and were ignored (R2).
  case mismatchedEntries(Int)
  /// So many bytes behind the last good entry of the journal were dropped (R10).
  case journalTail(UInt64)
  /// The disk failed while the table of records was written; the next start walks again (R29).
  case notSealed(SpoolError)
}

/// A segment as a starting queue manager finds it.
package struct RecoveredSegment<D: Disk>: Sendable {
  /// Its name.
  package let name: SegmentName
  /// The segment, open for reading.
  package let file: D.File
  /// Whether its writer lives: records are then read only up to the announced watermark (R12). A
  /// segment with a table of records needs no lock and no watermark.
  package var hasLivingWriter = false
  /// Every record before it is in `rows` or done: marks up to here say nothing new (R11).
  package var intakeEnd = UInt64(FileHeader.size)
  /// What the journal says of the messages.
  package var history = SegmentHistory()
  /// The records for which something is left to do, oldest first; none while the writer lives.
  package var rows: [RecordRow] = []
  /// The journal's entries, from which a new journal is begun at the first append.
  package var entries: [JournalEntry] = []
  /// What people should hear of.
  package var problems: [SegmentProblem] = []
}

/// Brings one segment back after its writer, the queue manager or the machine has stopped.
package struct SegmentRecovery<D: Disk> {
  private let disk: D
  private let now: WallTime
  private let recovered: Set<Nonce>
  private var result: RecoveredSegment<D>

  /// Reads journal and, where needed, records of a segment; a dead writer's segment is walked,
  /// flushed and sealed (R12), its damaged places are copied to `corrupt` (R8).
  ///
  /// Running it again, or after an interruption anywhere, finds the same.
  ///
  /// - Parameters:
  ///   - openFile: the segment as the queue manager has it open, when the writer died and not the
  ///     queue manager.
  ///   - knownEntries: what the running queue manager's journal says; without it the journal is
  ///     read. Either way the caller goes on with a new `SegmentJournal` of the result's entries.
  ///   - recovered: the segments that this life of the queue manager has recovered already. A
  ///     segment with copies of mail that lies in others throws `.originFirst` until they are
  ///     among these (R17).
  /// - Throws: `.newerVersion`, `.missing`, or what the disk says; it is tried again later then,
  ///   and until it succeeds nothing of the segment is sent.
  package static func recover(
    _ name: SegmentName, on disk: D, now: WallTime, openFile: D.File? = nil,
    knownEntries: [JournalEntry]? = nil, recovered: Set<Nonce> = []
  ) throws(SpoolError) -> RecoveredSegment<D> {
    let file: D.File
    if let openFile {
      file = openFile
    } else {
      file = try disk.open(name.segmentFile, in: .segments, writable: false)
    }
    var recovery = SegmentRecovery(
      disk: disk, now: now, recovered: recovered, result: RecoveredSegment(name: name, file: file))
    try checkVersion(of: file, on: disk)
    let isLocked = try !disk.lock(file)
    if let knownEntries {
      recovery.result.entries = knownEntries
      recovery.result.history = SegmentHistory(knownEntries)
    } else {
      try recovery.readJournal()
    }
    try recovery.makeRelocationsDurable()
    recovery.result.hasLivingWriter = isLocked && recovery.result.history.table == nil
    if !recovery.result.hasLivingWriter { try recovery.findRecords() }
    return recovery.result
  }

  /// Refuses a segment of a later format; a lost file header is none of a later one.
  static func checkVersion(of file: D.File, on disk: D) throws(SpoolError) {
    let block = try disk.read(FileHeader.size, from: file, at: 0)
    do throws(FormatError) {
      _ = try FileHeader.read(block, expecting: .segment)
    } catch .newerVersion(let version) {
      throw .newerVersion(version)
    } catch {
      // The name carries all that the block says, so its damage costs nothing.
    }
  }

  private mutating func readJournal() throws(SpoolError) {
    guard let reading = try JournalReading.read(result.name, on: disk) else { return }
    if !reading.headerIsGood { result.problems.append(.foreignJournal) }
    if let tail = reading.droppedTail { result.problems.append(.journalTail(tail)) }
    result.entries = reading.entries
    result.history = SegmentHistory(reading.entries)
  }

  private mutating func findRecords() throws(SpoolError) {
    if let table = result.history.table {
      take(table, isComplete: true)
      // A copy that is none must be so for good before its origin goes.
      if try dropDeadCopies() { try rewriteJournal() }
      result.intakeEnd = result.history.sealedEnd ?? .max
      return
    }
    try settle()
    let size = try disk.size(of: result.file)
    let markedEnd = try SpoolScan.markedEnd(of: result.name, on: disk)
    let knownEnd = result.history.sealedEnd ?? markedEnd
    let findings = try SegmentWalk.findings(
      on: disk, file: result.file, nonce: result.name.nonce, end: min(size, knownEnd ?? size),
      flushedEnd: markedEnd ?? result.history.flushedEnd)
    let rows = findings.records.map { RecordRow($0) }
    take(rows, isComplete: false)
    let hasDeadCopies = try dropDeadCopies()
    result.intakeEnd = knownEnd ?? findings.end
    do throws(SpoolError) {
      for damage in findings.damage { try setAside(damage) }
      try seal(at: knownEnd ?? findings.end, because: markedEnd == nil ? .writerDied : .failed)
    } catch {
      // A copy that is none must be so for good before its origin goes.
      if hasDeadCopies { throw error }
      result.problems.append(.notSealed(error))
    }
  }

  /// Ends the copies that never came alive (R17); says whether there are any.
  private mutating func dropDeadCopies() throws(SpoolError) -> Bool {
    var dead: Set<UInt64> = []
    for row in result.rows where row.flags.contains(.relocatedCopy) {
      let place = RecordPlace(nonce: result.name.nonce, offset: row.offset)
      if try Relocation.isLive(place, id: row.id, file: result.file, recovered: recovered, on: disk)
      {
        continue
      }
      dead.insert(row.offset)
      result.entries.append(JournalEntry(.done, id: row.id, offset: row.offset, time: now))
    }
    result.rows.removeAll { dead.contains($0.offset) }
    return !dead.isEmpty
  }

  /// Makes what a dead writer left durable and forgets what the cache shows: its last flush may
  /// have failed before it could say so, and then only the disk tells which records there are.
  /// Mail that may yet vanish is not acted on, so a second failure ends the recovery.
  private func settle() throws(SpoolError) {
    do throws(SpoolError) {
      try disk.flush(result.file)
      try disk.dropCache(result.file)
    } catch {
      try disk.dropCache(result.file)
      try disk.flush(result.file)
    }
  }

  /// A relocation that was written and not flushed would come undone with the power, after its
  /// copy has been sent: it is made durable before anybody acts on it (R17).
  private func makeRelocationsDurable() throws(SpoolError) {
    let hasRelocations = result.entries.contains {
      if case .relocated = $0.event { true } else { false }
    }
    if hasRelocations { try rewriteJournal() }
  }

  private func rewriteJournal() throws(SpoolError) {
    try JournalWriter.create(
      on: disk, name: result.name, created: now, entries: JournalCompaction.keep(result.entries)
    ).close()
  }

  /// Keeps the rows that are not done, and what the journal says of those that match (R2).
  private mutating func take(_ rows: [RecordRow], isComplete: Bool) {
    var matched = 0
    for row in rows {
      if let history = result.history.messages[row.offset], history.id == row.id {
        matched += 1
        if history.isDone { continue }
      }
      result.rows.append(row)
    }
    let strangers =
      result.history.contradictions
      + (isComplete ? 0 : result.history.messages.count - matched)
    if strangers > 0 { result.problems.append(.mismatchedEntries(strangers)) }
  }

  /// Writes the table of records and the seal behind it, so that this segment is never walked
  /// again (R29). The seal comes last: it vouches for all before it.
  private mutating func seal(
    at end: UInt64, because found: SealReason
  ) throws(SpoolError) {
    let reason = result.history.sealReason ?? found
    var entries = result.entries
    entries += JournalCompaction.tableEntries(result.rows).map {
      JournalEntry(segment: $0, time: now)
    }
    entries.append(JournalEntry(segment: .sealed(end: end, reason: reason), time: now))
    entries = JournalCompaction.keep(entries)
    try JournalWriter.create(
      on: disk, name: result.name, created: now, entries: entries
    ).close()
    result.entries = entries
  }

  private mutating func setAside(_ damage: SegmentDamage) throws(SpoolError) {
    result.problems.append(.damage(damage.extent, damage.lead?.id))
    try CorruptCopy.make(of: damage.extent, in: result.file, result.name, on: disk)
  }
}
