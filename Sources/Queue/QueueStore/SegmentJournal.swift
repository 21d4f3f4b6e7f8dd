package import Primitives
package import QueueFormat

/// The journal of one segment through all its files: begun at the first entry, rewritten when it
/// has grown or when the disk failed it, and never short of an entry that it was given.
///
/// Belongs to the queue manager's storage helper.
package final class SegmentJournal<D: Disk>: @unchecked Sendable {
  private enum State {
    /// No file of this life yet; these entries begin it.
    case waiting([JournalEntry])
    case open(JournalWriter<D>)
    /// The file has failed and has not yet been read back; these entries came since.
    case failed(JournalWriter<D>, since: [JournalEntry])
  }

  /// The segment.
  package let name: SegmentName
  private let disk: D
  private var state: State
  private var sizeAfterRewriting: UInt64 = 0
  private var oldIsWhole = true
  private static var rewrittenSizeMin: UInt64 { 1 << 20 }

  /// The journal of a segment that is new, or that a recovery has read.
  package init(on disk: D, name: SegmentName, entries: [JournalEntry]) {
    self.disk = disk
    self.name = name
    state = .waiting(entries)
  }

  /// Whether entries have been given that no flush has covered.
  package var hasUnflushed: Bool {
    switch state {
    case .waiting(let entries): !entries.isEmpty
    case .open(let writer): writer.hasUnflushed
    case .failed: true
    }
  }

  /// Whether flushed entries of an earlier file could not be read back when it was rewritten.
  package var hasLostEntries: Bool { !oldIsWhole }

  /// Takes entries into memory; `write` or `flush` makes them last.
  package func append(_ entries: [JournalEntry]) {
    switch state {
    case .waiting(let earlier): state = .waiting(earlier + entries)
    case .open(let writer): for entry in entries { writer.append(entry) }
    case .failed(let writer, let since): state = .failed(writer, since: since + entries)
    }
  }

  /// Writes what has been appended, so that a dead process loses none of it (R9, R13).
  ///
  /// - Throws: whatever the disk says; nothing is forgotten, and the next call tries again with
  ///   a new file.
  package func write(now: WallTime) throws(SpoolError) {
    try withWriter(now: now) { (writer) throws(SpoolError) in try writer.write() }
  }

  /// Writes and flushes what has been appended (R9).
  ///
  /// - Throws: whatever the disk says; nothing is forgotten, and the next call tries again with
  ///   a new file.
  package func flush(now: WallTime) throws(SpoolError) {
    try withWriter(now: now) { (writer) throws(SpoolError) in
      if writer.hasUnflushed { try writer.flush() }
    }
  }

  /// Makes sure that `length` more bytes of entries have room on the disk (R24).
  ///
  /// - Throws: `.noSpace`, or what else the disk says.
  package func reserve(_ length: Int, now: WallTime) throws(SpoolError) {
    try withWriter(now: now) { (writer) throws(SpoolError) in try writer.reserve(length) }
  }

  private func withWriter(
    now: WallTime, _ body: (JournalWriter<D>) throws(SpoolError) -> Void
  ) throws(SpoolError) {
    let writer = try openWriter(now: now)
    do throws(SpoolError) {
      try body(writer)
    } catch {
      if !writer.isOpen { state = .failed(writer, since: []) }
      throw error
    }
    if writer.size > max(Self.rewrittenSizeMin, 4 * sizeAfterRewriting) {
      let (entries, isWhole) = try writer.contents()
      guard isWhole else {
        // What cannot be read back now may be later: the file stays, and is looked at again when
        // it has grown as much once more.
        sizeAfterRewriting = writer.size
        return
      }
      state = .waiting(entries)
      writer.close()
      _ = try openWriter(now: now)
    }
  }

  private func openWriter(now: WallTime) throws(SpoolError) -> JournalWriter<D> {
    if case .failed = state { state = .waiting(try contents()) }
    switch state {
    case .open(let writer): return writer
    case .failed(let writer, _): return writer
    case .waiting(let entries):
      let kept = JournalCompaction.keep(entries)
      let writer = try JournalWriter.create(on: disk, name: name, created: now, entries: kept)
      sizeAfterRewriting = writer.size
      state = .open(writer)
      return writer
    }
  }

  /// Everything that the journal says, whether it has been written or not.
  ///
  /// - Throws: whatever the disk says.
  package func contents() throws(SpoolError) -> [JournalEntry] {
    switch state {
    case .waiting(let entries): return entries
    case .open(let writer):
      let (entries, isWhole) = try writer.contents()
      oldIsWhole = oldIsWhole && isWhole
      return entries
    case .failed(let writer, let since):
      let (entries, isWhole) = try writer.contents()
      oldIsWhole = oldIsWhole && isWhole
      return entries + since
    }
  }

  /// Closes the file; what was not flushed may be lost with the power.
  package func close() {
    switch state {
    case .waiting: break
    case .open(let writer), .failed(let writer, _): writer.close()
    }
    state = .waiting([])
  }
}
