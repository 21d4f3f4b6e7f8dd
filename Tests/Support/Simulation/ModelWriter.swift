import MailTypes
import Primitives
import QueueFormat
import QueueStore
import TestSupport

/// A process that takes mail in, as `smtpd` does, over the real segment writer.
final class ModelWriter {
  let name: String
  let disk: SimulatedDisk
  private unowned let world: SpoolSimulation
  private var sequences: Range<UInt64>
  private var segment: SegmentWriter<SimulatedDisk>?
  /// Failed segments whose end is not durable: as long as the process lives, its lock keeps
  /// others from looking behind it.
  private var unmarked: [SegmentWriter<SimulatedDisk>] = []
  private let batch = CommitBatch()
  private var waiting: [QueueID] = []
  private var lastMicroseconds: UInt64 = 0

  init(_ name: String, disk: SimulatedDisk, sequences: Range<UInt64>, world: SpoolSimulation) {
    self.name = name
    self.disk = disk
    self.sequences = sequences
    self.world = world
  }

  var hasWaiting: Bool { !waiting.isEmpty }

  /// Tells a new queue manager how far each segment is flushed (R13).
  func announce(to queue: ModelQueue) {
    guard disk.isRunning else { return }
    if let segment {
      queue.take(
        segment.name, Watermark(nonce: segment.name.nonce, end: segment.flushedEnd))
    }
    for segment in unmarked {
      _ = queue.seal(segment.name, end: segment.flushedEnd, reason: .failed)
    }
  }

  /// Tries again to make durable where failed segments end, and gives them up then.
  func markEnds() {
    guard disk.isRunning else { return }
    unmarked.removeAll { segment in
      let isMarked = markEnd(segment)
      if isMarked { segment.close() }
      return isMarked
    }
  }

  private func makeID() -> QueueID {
    lastMicroseconds = max(lastMicroseconds + 1, UInt64(world.now.microseconds))
    return QueueID(microseconds: lastMicroseconds, sequence: sequences.lowerBound)
  }

  private func makeRecord(_ bodyLength: Int) -> PendingRecord {
    let id = makeID()
    let recipients = 1 + world.random.below(3)
    let entersOnHold = world.random.oneIn(8)
    let envelope = Envelope(
      sender: MailAddress("sender@example.org"),
      recipients: (0..<recipients).map { EnvelopeRecipient(MailAddress("r\($0)@example.net")) },
      arrival: world.now)
    let header = Array("X-Id: \(id)\r\n\r\n".utf8)
    let body = world.random.bytes(count: bodyLength) + [13, 10]
    let record = PendingRecord(
      id: id, header: header, body: body, envelope: envelope,
      flags: entersOnHold ? .entersOnHold : [],
      contentSize: UInt64(header.count + body.count))
    var message = Ledger.Message(
      id: id, header: header, body: body, recipientCount: recipients)
    message.isHeld = entersOnHold
    world.ledger.add(message)
    return record
  }

  /// A session ends its message; it waits for the next commit.
  func submit() {
    guard disk.isRunning else { return }
    let record = makeRecord(world.random.below(world.random.oneIn(4) ? 9_000 : 900))
    guard batch.hasRoom(forContent: record.content.count) else { return }
    batch.append(record)
    waiting.append(record.id)
    if world.mutation == .acknowledgesBeforeFlush { world.ledger.answer([record.id], .accepted) }
  }

  /// Writes and flushes what waits, then answers.
  func commit() {
    guard disk.isRunning, !waiting.isEmpty else { return }
    let ids = waiting
    waiting = []
    defer { batch.reset() }
    if segment?.hasRoom(for: batch.paddedLength) != true, !roll() {
      answerWithoutSegment(ids)
      return
    }
    guard let segment else { return }
    do throws(SpoolError) {
      let end = try segment.commit(batch)
      accepted(ids, segment, end)
    } catch {
      // Without room nothing was written, and the segment goes on.
      if segment.isOpen { answerWithoutSegment(ids) } else { failed(ids, segment) }
    }
  }

  private func answerWithoutSegment(_ ids: [QueueID]) {
    if disk.isRunning, world.mutation != .acknowledgesBeforeFlush {
      world.ledger.answer(ids, .refused)
    }
  }

  private func accepted(
    _ ids: [QueueID], _ segment: SegmentWriter<SimulatedDisk>, _ end: UInt64
  ) {
    world.ledger.answer(ids, .accepted)
    if !world.random.oneIn(5) {
      world.queue?.take(segment.name, Watermark(nonce: segment.name.nonce, end: end))
    }
  }

  /// The segment ends; clients hear 451 once it is durable that their mail is none (R3).
  private func failed(_ ids: [QueueID], _ segment: SegmentWriter<SimulatedDisk>) {
    self.segment = nil
    guard disk.isRunning else { return }
    if world.mutation == .trustsReopenedFile, reopenAndFlush(segment) {
      world.ledger.answer(ids, .accepted)
      segment.close()
      return
    }
    let isMarked = world.mutation == .forgetsToMarkTheEnd || markEnd(segment)
    if isMarked, disk.isRunning { world.ledger.answer(ids, .refused) }
    if disk.isRunning, !world.random.oneIn(4) {
      _ = world.queue?.seal(segment.name, end: segment.flushedEnd, reason: .failed)
    }
    if isMarked { segment.close() } else { unmarked.append(segment) }
  }

  private func markEnd(_ segment: SegmentWriter<SimulatedDisk>) -> Bool {
    do throws(SpoolError) {
      try segment.markEnd()
      return true
    } catch {
      return false
    }
  }

  /// What rule R3 forbids: a new description of the file knows nothing of the failure.
  private func reopenAndFlush(_ segment: SegmentWriter<SimulatedDisk>) -> Bool {
    do throws(SpoolError) {
      let file = try disk.open(segment.name.segmentFile, in: .segments, writable: true)
      try disk.flush(file)
      return true
    } catch {
      return false
    }
  }

  /// Ends the segment in use and makes the next one.
  private func roll() -> Bool {
    end(.full)
    guard disk.isRunning, sequences.count > 1 else { return false }
    sequences.removeFirst()
    guard let name = world.makeName(sequences.lowerBound, name) else { return false }
    do throws(SpoolError) {
      segment = try SegmentWriter.create(
        on: disk, name: name, created: world.now, sizeLimit: 48 << 10,
        flushUnit: world.mutation == .doesNotPadFlushes
          ? SpoolLayout.recordBorder : SpoolLayout.blockSize)
      return true
    } catch {
      return false
    }
  }

  /// Ends the segment in use without an error.
  func end(_ reason: SealReason) {
    guard let segment, disk.isRunning else { return }
    self.segment = nil
    _ = world.queue?.seal(segment.name, end: segment.flushedEnd, reason: reason)
    segment.close()
  }

  /// A session sends a message that gets a segment of its own (R23).
  func submitLarge() {
    guard disk.isRunning, sequences.count > 1 else { return }
    sequences.removeFirst()
    guard let name = world.makeName(sequences.lowerBound, name) else { return }
    var record = makeRecord(10_000 + world.random.below(30_000))
    let body = Array(record.content[record.headerLength...])
    record.content.removeLast(body.count)
    var large: LargeRecordWriter<SimulatedDisk>?
    do throws(SpoolError) {
      let writer = try LargeRecordWriter(on: disk, name: name, created: world.now)
      large = writer
      for start in stride(from: 0, to: body.count, by: 7_000) {
        try writer.append(Array(body[start..<min(start + 7_000, body.count)]))
      }
      if world.random.oneIn(6) {
        try writer.abort()
        world.ledger.answer([record.id], .refused)
        return
      }
      let end = try writer.finish(record)
      accepted([record.id], writer.segment, end)
      _ = world.queue?.seal(name, end: end, reason: .single)
      writer.segment.close()
    } catch {
      if let large {
        failed([record.id], large.segment)
      } else {
        answerWithoutSegment([record.id])
      }
    }
  }

  /// One message of the queue manager's own: a report, or one taken over from another (R4).
  ///
  /// - Returns: its id once it is flushed.
  func submitOwn() -> QueueID? {
    submit()
    guard let id = waiting.last else { return nil }
    commit()
    return world.ledger.messages[id]?.answer == .accepted ? id : nil
  }

  /// Whether some failed segment's end is not durable yet.
  var hasUnmarked: Bool { !unmarked.isEmpty }

  /// A copy of a message that lies elsewhere (R17).
  ///
  /// - Returns: its place once it is flushed.
  func submitCopy(_ record: PendingRecord) -> RecordPlace? {
    commit()
    guard disk.isRunning else { return nil }
    batch.append(record)
    defer { batch.reset() }
    guard segment?.hasRoom(for: batch.paddedLength) == true || roll(), let segment else {
      return nil
    }
    do throws(SpoolError) {
      let end = try segment.commit(batch)
      world.queue?.take(segment.name, Watermark(nonce: segment.name.nonce, end: end))
      return batch.placedLeads.first?.place
    } catch {
      failed([], segment)
      return nil
    }
  }
}
