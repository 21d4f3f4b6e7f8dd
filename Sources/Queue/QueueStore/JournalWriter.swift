import MailTypes
package import Primitives
package import QueueFormat

/// Appends entries to one journal; belongs to the queue manager and its storage helper.
///
/// A journal file has one writer life, like a segment: a new queue manager, or a failed flush,
/// begins a new file with what counts of the old one (R3, R10, R30). Entries since the last good
/// flush stay in memory until a flush has covered them, so that a failure loses none.
package final class JournalWriter<D: Disk>: @unchecked Sendable {
  /// The segment whose journal it is.
  package let name: SegmentName
  /// Everything before it has been flushed.
  package private(set) var flushedEnd: UInt64
  /// Whether the file still takes entries; else it waits to be rewritten.
  package private(set) var isOpen = true

  private let disk: D
  private let file: D.File
  private let seed: CRC32C
  private var nextNumber: UInt64
  private var groupStart: UInt64
  private var groupFirstNumber: UInt64 = 1
  private var group: [UInt8] = []
  private var writtenCount = 0
  private var allocatedEnd: UInt64 = 0
  private static var allocationStep: UInt64 { 256 << 10 }
  /// A step takes at most this part of what is free: each segment has a journal.
  private static var freeShare: UInt64 { 512 }

  private init(disk: D, file: D.File, name: SegmentName) {
    self.disk = disk
    self.file = file
    self.name = name
    seed = JournalCodec.seed(name.nonce)
    flushedEnd = UInt64(FileHeader.size)
    groupStart = flushedEnd
    nextNumber = 1
  }

  /// Puts a new journal, with these entries, in the place of the old one if there is any: new
  /// file, flush, rename, flush of the folder (R30).
  ///
  /// - Throws: whatever the disk says; the old journal then still counts.
  package static func create(
    on disk: D, name: SegmentName, created: WallTime, entries: [JournalEntry]
  ) throws(SpoolError) -> JournalWriter {
    do throws(SpoolError) {
      try disk.unlink(name.journalDraftFile, in: .segments)
    } catch SpoolError.missing {
      // The usual case: no rewriting was interrupted.
    }
    let file = try disk.create(name.journalDraftFile, in: .segments)
    let writer = JournalWriter(disk: disk, file: file, name: name)
    let header = FileHeader(
      .journal, version: disk.formatVersion, name: name, created: created)
    try disk.write(header.encoded(), to: file, at: 0)
    for entry in entries { writer.append(entry) }
    try writer.flush()
    try disk.rename(name.journalDraftFile, to: name.journalFile, in: .segments)
    try disk.flushFolder(.segments)
    return writer
  }

  /// Bytes that the journal takes on the disk.
  package var size: UInt64 { groupStart + UInt64(group.count) }

  /// Adds an entry to those that the next write takes; its number is set here.
  package func append(_ entry: JournalEntry) {
    JournalCodec.append(entry, number: nextNumber, seed: seed, to: &group)
    nextNumber += 1
  }

  /// Whether there are entries that have not been flushed.
  package var hasUnflushed: Bool { !group.isEmpty }

  /// Bytes of entries that have not been flushed.
  package var unflushedLength: Int { group.count }

  /// Writes the entries that have not been written yet, without a flush: a dead process loses
  /// none of them, a power cut may.
  ///
  /// - Throws: whatever the disk says; the file has then ended and waits to be rewritten.
  package func write() throws(SpoolError) {
    guard isOpen else { throw .ended }
    guard writtenCount < group.count else { return }
    do throws(SpoolError) {
      try reserve(0)
      try disk.write(
        group, from: writtenCount, to: file, at: groupStart + UInt64(writtenCount))
    } catch {
      isOpen = false
      throw error
    }
    writtenCount = group.count
  }

  /// Writes what is left and flushes; the next entry starts a new block (R5).
  ///
  /// - Throws: whatever the disk says; the file has then ended and waits to be rewritten.
  package func flush() throws(SpoolError) {
    let padding = Int(SpoolLayout.blockStart(atOrAfter: size) - size)
    if !group.isEmpty { group.append(contentsOf: repeatElement(0, count: padding)) }
    try write()
    do throws(SpoolError) {
      try disk.flush(file)
    } catch {
      isOpen = false
      throw error
    }
    groupStart += UInt64(group.count)
    groupFirstNumber = nextNumber
    flushedEnd = groupStart
    group.removeAll(keepingCapacity: group.capacity < 256 << 10)
    writtenCount = 0
  }

  /// Makes sure that `length` more bytes of entries have room on the disk (R24).
  ///
  /// - Throws: `.noSpace`, or what else the disk says; the journal goes on either way.
  package func reserve(_ length: Int) throws(SpoolError) {
    let end = SpoolLayout.blockStart(atOrAfter: size + UInt64(length))
    guard end > allocatedEnd else { return }
    let step = SpoolLayout.blockStart(
      atOrAfter: min(Self.allocationStep, try disk.freeBytes() / Self.freeShare))
    let target = max(end, allocatedEnd + step)
    try disk.allocate(file, through: target)
    allocatedEnd = target
  }

  /// Everything that the journal says: the flushed part of the file, read back, and the entries
  /// in memory.
  ///
  /// - Returns: the entries, and whether the flushed part could be read whole.
  /// - Throws: whatever the disk says.
  package func contents() throws(SpoolError) -> (entries: [JournalEntry], isWhole: Bool) {
    let reading = try JournalReading.read(
      on: disk, file: file, nonce: name.nonce, end: flushedEnd)
    var entries = reading.entries
    var scanner = JournalScanner(nonce: name.nonce, at: groupStart, number: groupFirstNumber)
    group.withUnsafeBytes { bytes in
      while case .entry(let entry) = scanner.next(
        UnsafeRawBufferPointer(rebasing: bytes[Int(scanner.position - groupStart)...]),
        isLast: true)
      {
        entries.append(entry)
      }
    }
    return (entries, reading.nextNumber == groupFirstNumber)
  }

  /// Closes the file.
  package func close() {
    isOpen = false
    disk.close(file)
  }
}
