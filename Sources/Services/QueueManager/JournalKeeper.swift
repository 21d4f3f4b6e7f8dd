import Primitives
import QueueFormat
import QueueStore

/// The journal of one segment as the journal helper keeps it: read from the disk when the first
/// entry comes, so that a queue full of deferred mail holds no entries in memory.
///
/// Belongs to the journal helper's thread.
final class JournalKeeper: @unchecked Sendable {
  let name: SegmentName
  /// Room that is kept ahead of what is written, in bytes: some hundred results of the usual size.
  private static let room = 64 << 10

  private let disk: LinuxDisk
  private var journal: SegmentJournal<LinuxDisk>?
  /// Entries that came while the journal could not be read.
  private var waiting: [JournalEntry] = []

  init(on disk: LinuxDisk, name: SegmentName) {
    self.disk = disk
    self.name = name
  }

  /// Whether something has not been flushed.
  var hasUnflushed: Bool { !waiting.isEmpty || journal?.hasUnflushed ?? false }

  /// Takes entries into memory.
  func append(_ entries: [JournalEntry]) { waiting += entries }

  /// Writes what was appended; nothing is forgotten when that fails.
  func write(now: WallTime) throws(SpoolError) {
    try opened().write(now: now)
  }

  /// Makes sure that the results of deliveries under way have room on the disk (rule R24).
  func reserve(now: WallTime) throws(SpoolError) {
    try opened().reserve(Self.room, now: now)
  }

  /// Writes and flushes what was appended; nothing is forgotten when that fails.
  func flush(now: WallTime) throws(SpoolError) {
    guard hasUnflushed else { return }
    try opened().flush(now: now)
  }

  /// Everything that the journal says, written or not.
  func contents() throws(SpoolError) -> [JournalEntry] {
    // A question alone keeps nothing in memory.
    if journal == nil { return try Self.entries(of: name, on: disk) + waiting }
    return try opened().contents()
  }

  /// Makes the journal file complete and lets go of it, for somebody who rewrites it.
  func release(now: WallTime) throws(SpoolError) {
    guard journal != nil || !waiting.isEmpty else { return }
    let journal = try opened()
    try journal.flush(now: now)
    journal.close()
    self.journal = nil
  }

  /// Closes the file for good.
  func close() {
    journal?.close()
    journal = nil
    waiting = []
  }

  private func opened() throws(SpoolError) -> SegmentJournal<LinuxDisk> {
    let journal: SegmentJournal<LinuxDisk>
    if let known = self.journal {
      journal = known
    } else {
      journal = SegmentJournal(
        on: disk, name: name, entries: try Self.entries(of: name, on: disk))
      self.journal = journal
    }
    if !waiting.isEmpty {
      journal.append(waiting)
      waiting.removeAll(keepingCapacity: true)
    }
    return journal
  }

  /// What the journal of an earlier life says; nothing when there is none.
  static func entries(
    of name: SegmentName, on disk: LinuxDisk
  ) throws(SpoolError) -> [JournalEntry] {
    let file: LinuxDisk.File
    do throws(SpoolError) {
      file = try disk.open(name.journalFile, in: .segments, writable: false)
    } catch .missing {
      return []
    }
    defer { disk.close(file) }
    return try JournalReading.read(on: disk, file: file, nonce: name.nonce).entries
  }
}
