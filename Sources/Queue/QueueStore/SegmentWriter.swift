import MailTypes
package import Primitives
package import QueueFormat

/// Appends batches to one segment; belongs to the storage helper of its process.
///
/// One open description from the segment's creation to its last flush (R3): after any error the
/// writer has ended, and what no flush had covered by then is no mail.
package final class SegmentWriter<D: Disk>: @unchecked Sendable {
  /// The segment's name.
  package let name: SegmentName
  /// The size beyond which no batch is added, in bytes.
  package let sizeLimit: UInt64
  /// Everything before it has been flushed.
  package private(set) var flushedEnd = UInt64(FileHeader.size)
  /// Whether batches may still be added.
  package private(set) var isOpen = true

  let disk: D
  let file: D.File
  private let flushUnit: Int
  private var batchNumber: UInt64 = 0
  private var allocatedEnd: UInt64 = 0
  private var allocationStep = SegmentWriter.allocationStepMin
  private let reserve: UInt64
  /// The first step, in bytes.
  static var allocationStepMin: UInt64 { 1 << 20 }
  private static var allocationStepMax: UInt64 { 16 << 20 }
  /// A step takes at most this part of what is free.
  private static var freeShare: UInt64 { 32 }

  private init(
    disk: D, file: D.File, name: SegmentName, sizeLimit: UInt64, reserve: UInt64, flushUnit: Int
  ) {
    self.reserve = reserve
    self.disk = disk
    self.file = file
    self.name = name
    self.sizeLimit = sizeLimit
    self.flushUnit = flushUnit
  }

  /// Makes a segment: nameless, locked, then linked, and its folder flushed (R1, R12).
  ///
  /// - Parameters:
  ///   - reserve: bytes that are left free for what the queue manager has to write (R24).
  ///   - flushUnit: where flushes start; anything but the default breaks R5 and is there so that
  ///     the simulation can show why.
  /// - Throws: whatever the disk says; there is then no segment, or one without a record.
  package static func create(
    on disk: D, name: SegmentName, created: WallTime, sizeLimit: UInt64,
    reserve: UInt64 = 0, flushUnit: Int = SpoolLayout.blockSize
  ) throws(SpoolError) -> SegmentWriter {
    let file = try disk.createTemporary(in: .segments)
    guard try disk.lock(file) else { throw .locked }
    let writer = SegmentWriter(
      disk: disk, file: file, name: name, sizeLimit: sizeLimit, reserve: reserve,
      flushUnit: flushUnit)
    try writer.allocate(through: UInt64(FileHeader.size))
    let header = FileHeader(
      .segment, version: disk.formatVersion, name: name, created: created)
    try disk.write(header.encoded(), to: file, at: 0)
    try disk.link(file, as: name.segmentFile, in: .segments)
    try disk.flushFolder(.segments)
    return writer
  }

  /// The first byte of the next batch.
  var nextStart: UInt64 { SpoolLayout.roundUp(flushedEnd, to: flushUnit) }

  /// Whether a batch of this many padded bytes fits; an empty segment takes any.
  package func hasRoom(for paddedLength: Int) -> Bool {
    isOpen && (batchNumber == 0 || nextStart + UInt64(paddedLength) <= sizeLimit)
  }

  /// Whether no batch has been flushed yet.
  package var isUnused: Bool { batchNumber == 0 }

  /// Writes and flushes a batch; when this returns its records are mail.
  ///
  /// - Returns: the new end of what is flushed.
  /// - Throws: whatever the disk says; the segment has then ended (R3), unless there was no room
  ///   to begin with and nothing has been written.
  package func commit(_ batch: CommitBatch) throws(SpoolError) -> UInt64 {
    let header = nextBatchHeader(length: UInt64(batch.length), recordCount: batch.recordCount)
    do throws(SpoolError) {
      if isOpen { try allocate(through: header.offset + UInt64(batch.paddedLength)) }
    } catch .noSpace {
      throw .noSpace
    } catch {
      isOpen = false
      throw error
    }
    return try flushing(header) { () throws(SpoolError) in
      let bytes = batch.place(header, version: disk.formatVersion)
      try disk.write(bytes, to: file, at: header.offset)
    }
  }

  func nextBatchHeader(length: UInt64, recordCount: Int) -> BatchHeader {
    BatchHeader(
      nonce: name.nonce, number: batchNumber, offset: nextStart, length: length,
      previousEnd: flushedEnd, recordCount: UInt32(recordCount))
  }

  /// Writes what a batch header describes, flushes, and moves the end; any error is the last.
  func flushing(
    _ header: BatchHeader, _ write: () throws(SpoolError) -> Void
  ) throws(SpoolError) -> UInt64 {
    guard isOpen else { throw .ended }
    do throws(SpoolError) {
      try write()
      try disk.flush(file)
    } catch {
      isOpen = false
      throw error
    }
    batchNumber += 1
    flushedEnd = header.end
    return flushedEnd
  }

  /// Reserves blocks in growing steps (R1), and no more than a small part of what is free: others
  /// write to the same disk.
  ///
  /// - Throws: `.noSpace` already when only the reserve is left (R24); what else the disk says.
  func allocate(through end: UInt64) throws(SpoolError) {
    guard allocatedEnd < end else { return }
    let free = try disk.freeBytes()
    let room = free > reserve ? free - reserve : 0
    guard reserve == 0 || end - allocatedEnd <= room else { throw .noSpace }
    let step = SpoolLayout.blockStart(atOrAfter: min(allocationStep, room / Self.freeShare))
    let target = max(end, allocatedEnd + step)
    try disk.allocate(file, through: target)
    allocatedEnd = target
    allocationStep = min(2 * allocationStep, Self.allocationStepMax)
  }

  /// After a failure: makes durable, in the name of an empty file, where the segment ends (R3).
  ///
  /// Until this has returned nobody may be told that what was not flushed is no mail: a recovery
  /// could find it whole.
  ///
  /// - Throws: whatever the disk says.
  package func markEnd() throws(SpoolError) {
    precondition(!isOpen, "only an ended segment has an end")
    let mark = try disk.createTemporary(in: .segments)
    defer { disk.close(mark) }
    do throws(SpoolError) {
      try disk.link(mark, as: name.endFile(flushedEnd), in: .segments)
    } catch .exists {
      // An earlier call was interrupted before the folder was flushed.
    }
    try disk.flushFolder(.segments)
  }

  /// Ends the segment without an error: full, idle or drained.
  package func end() {
    isOpen = false
  }

  /// Closes the file and so gives the segment to the queue manager (R12).
  package func close() {
    isOpen = false
    disk.close(file)
  }
}
