import LinuxSystem
import MailTypes
import Primitives
package import QueueFormat

/// How far a segment is flushed, for `qmgr`.
package struct SegmentProgress: Hashable, Sendable {
  /// The segment.
  package var name: SegmentName
  /// The first byte that no flush has covered.
  package var end: UInt64
  /// Whether the segment has ended: nothing beyond `end` is or will be mail.
  package var isSealed: Bool
  /// Whether this process keeps the lock all the same, since that end is not yet durable.
  var isLocked = false
}

/// What committing a batch led to.
struct CommitOutcome: Sendable {
  var progress: [SegmentProgress] = []
  /// Failed segments whose end is durable by now, and whose locks are given up.
  var released: [SegmentName] = []
  var failure: SpoolError?
  /// Whether the next segment should be made ready now (R24).
  var wantsNext = false
}

/// What the storage helper does for a `SpoolWriter`, on whatever disk.
protocol BatchStore: Sendable {
  /// Writes and flushes a batch, in a new segment if there is none with room.
  ///
  /// - Parameter sequence: the number for a new segment, should one be needed and there be one.
  func commit(_ batch: CommitBatch, sequence: UInt64?, now: WallTime) -> CommitOutcome
  /// Makes the next segment, so that it exists before the current one is full (R24).
  func prepare(_ sequence: UInt64, _ now: WallTime) throws(SpoolError)
  /// Makes durable where failed segments end, as far as the disk allows, and gives those up.
  func markEnds() -> [SegmentName]
  /// Begins a record that is streamed into a segment of its own; on the helper for large streams,
  /// while the storage helper does the rest.
  func beginLarge(_ sequence: UInt64, _ now: WallTime) throws(SpoolError) -> any StreamedRecord
  /// Keeps a failed segment, and its lock, until its end is durable.
  func keep(_ segment: any FailedSegment)
  /// Ends the current segment and gives it to `qmgr`.
  func seal() -> [SegmentProgress]
  /// Ends everything: the process leaves.
  func close() -> [SegmentProgress]
  /// Whether a file can be written and flushed, and there is room for more than the reserve: the
  /// way back after failures (R3, R24).
  func probe() -> Bool
}

/// A segment that ended in an error.
protocol FailedSegment: Sendable {
  var name: SegmentName { get }
  var flushedEnd: UInt64 { get }
  /// Makes durable where it ends (R3).
  func markEnd() throws(SpoolError)
  /// Gives up its lock.
  func close()
}

extension SegmentWriter: FailedSegment {}

/// The segments of one writer, one after the other; belongs to the storage helper (R26).
///
/// Only the helper thread touches it, which is why it may cross to it.
final class SegmentChain<D: Disk>: BatchStore, @unchecked Sendable {
  private let disk: D
  private let writer: String
  private let sizeLimit: UInt64
  private let reserve: UInt64
  /// A segment takes at most this part of what is free when it is made: it goes only as a whole,
  /// and on a small disk a few large ones would keep all the room until their last message is done.
  private static var freeShare: UInt64 { 16 }
  private var current: SegmentWriter<D>?
  private var next: SegmentWriter<D>?
  /// Segments that ended in an error and whose end is not yet durable: their locks are kept, so
  /// that `qmgr` reads no further than it was told (R3, R12).
  private var failed: [any FailedSegment] = []

  /// - Parameter reserve: bytes that are left free for what the queue manager has to write (R24).
  init(disk: D, writer: String, sizeLimit: UInt64, reserve: UInt64 = 0) {
    self.reserve = reserve
    self.disk = disk
    self.writer = writer
    self.sizeLimit = sizeLimit
  }

  func commit(_ batch: CommitBatch, sequence: UInt64?, now: WallTime) -> CommitOutcome {
    var outcome = CommitOutcome()
    do throws(SpoolError) {
      let segment = try segment(for: batch.paddedLength, sequence, now, &outcome)
      do throws(SpoolError) {
        _ = try segment.commit(batch)
        outcome.progress.append(progress(of: segment))
      } catch {
        if segment.isOpen {
          // For want of room nothing was written. What is in the segment frees its room the
          // sooner for getting no company.
          if !segment.isUnused { outcome.progress += seal() }
          throw error
        }
        failed.append(segment)
        current = nil
        outcome.released = markEnds()
        var progress = progress(of: segment)
        progress.isLocked = !outcome.released.contains(segment.name)
        outcome.progress.append(progress)
        throw progress.isLocked ? .uncertain : error
      }
      outcome.wantsNext = next == nil && segment.flushedEnd > segment.sizeLimit / 4 * 3
    } catch {
      outcome.failure = error
    }
    return outcome
  }

  private func segment(
    for length: Int, _ sequence: UInt64?, _ now: WallTime, _ outcome: inout CommitOutcome
  ) throws(SpoolError) -> SegmentWriter<D> {
    if let current, current.hasRoom(for: length) { return current }
    outcome.progress += seal()
    if next == nil {
      guard let sequence else { throw .refusing }
      try prepare(sequence, now)
    }
    guard let fresh = next else { throw .ended }
    next = nil
    current = fresh
    return fresh
  }

  func prepare(_ sequence: UInt64, _ now: WallTime) throws(SpoolError) {
    guard next == nil else { return }
    let free = try disk.freeBytes()
    let share = max(SegmentWriter<D>.allocationStepMin, free / Self.freeShare)
    next = try SegmentWriter.create(
      on: disk, name: try Self.name(writer, sequence), created: now,
      sizeLimit: min(sizeLimit, share), reserve: reserve)
  }

  func beginLarge(
    _ sequence: UInt64, _ now: WallTime
  ) throws(SpoolError) -> any StreamedRecord {
    try LargeRecordWriter(
      on: disk, name: try Self.name(writer, sequence), created: now, reserve: reserve)
  }

  func keep(_ segment: any FailedSegment) { failed.append(segment) }

  func markEnds() -> [SegmentName] {
    var released: [SegmentName] = []
    failed.removeAll { segment in
      guard (try? segment.markEnd()) != nil else { return false }
      segment.close()
      released.append(segment.name)
      return true
    }
    return released
  }

  func seal() -> [SegmentProgress] {
    guard let segment = current else { return [] }
    current = nil
    segment.end()
    segment.close()
    return [progress(of: segment)]
  }

  func close() -> [SegmentProgress] {
    var sealed = seal()
    if let unused = next {
      unused.close()
      sealed.append(progress(of: unused))
    }
    next = nil
    for segment in failed { segment.close() }
    failed.removeAll()
    return sealed
  }

  func probe() -> Bool {
    do throws(SpoolError) {
      let file = try disk.createTemporary(in: .segments)
      try disk.write(
        [UInt8](repeating: 0, count: SpoolLayout.blockSize), to: file, at: 0)
      try disk.flush(file)
      return try disk.freeBytes() >= reserve + SegmentWriter<D>.allocationStepMin
    } catch {
      return false
    }
  }

  private func progress(of segment: SegmentWriter<D>) -> SegmentProgress {
    SegmentProgress(name: segment.name, end: segment.flushedEnd, isSealed: !segment.isOpen)
  }

  /// A name that nothing else has, with a nonce of its own (R1, R7).
  static func name(_ writer: String, _ sequence: UInt64) throws(SpoolError) -> SegmentName {
    guard let bits = try? ThisProcess.randomBits(),
      let name = SegmentName(
        sequence: sequence, nonce: Nonce(high: bits.high, low: bits.low), writer: writer)
    else { throw .ended }
    return name
  }
}
