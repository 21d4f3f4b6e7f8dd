import LinuxSystem
import MailTypes
import MessageHeaders
import Primitives
import QueueFormat
import QueueScheduler
import QueueStore
import Reactor
import ServiceKit

/// Puts new messages in the place of those that an administrator wants requeued: what is left of
/// the envelope, the content behind one more trace field, under a new name. The new record is
/// flushed before the old one is done (spool rule R4); its recipients are rewritten, and intake
/// finds it as any new mail, so it is routed anew.
@ReactorActor
final class Requeuer {
  /// A content up to this size goes into a batch; a longer one gets a segment of its own (R23).
  private static let batchedSizeMax: UInt64 = 1 << 20
  /// Bytes of a long body that are in memory at once.
  private static let pieceSize = 256 << 10

  private unowned let queue: MailQueue
  private let spool: SpoolWriter
  private var waiting: [MessageRecord] = []
  private var isRunning = false
  private var isDraining = false
  private let change = Gate()

  /// - Parameter spool: writes the queue manager's own mail.
  init(_ queue: MailQueue, spool: SpoolWriter) {
    self.queue = queue
    self.spool = spool
  }

  /// A message is to be replaced; after `drain` by the next life, which finds the order.
  func add(_ record: MessageRecord) {
    guard !isDraining else { return }
    waiting.append(record)
    guard !isRunning else { return }
    isRunning = true
    reactorTask {
      while let next = self.waiting.popLast() { await self.requeue(next) }
      self.isRunning = false
      self.change.pulse()
    }
  }

  /// Waits until all that was begun is done, and says whether it is; the others are found again by
  /// the next life.
  func drain(deadline: MonotonicTime) async -> Bool {
    isDraining = true
    waiting.removeAll()
    do throws(WaitError) {
      try await change.wait(deadline: deadline) { isRunning }
      return true
    } catch {
      queue.log.warning("qmgr", "a requeued message was not written in time: it is tried again")
      return false
    }
  }

  private func requeue(_ record: MessageRecord) async {
    do {
      let disk = queue.disk
      let reading = RecordReading(record, in: queue)
      let stored = try await queue.reader.perform { () throws(SpoolError) in
        try reading.read(on: disk).get()
      }
      guard let envelope = stored.envelope else { throw SpoolError.damaged }
      let id = spool.makeQueueID(now: queue.clock.wallNow)
      let successor = try await successor(of: stored, envelope, record, as: id)
      if stored.lead.header.length + stored.lead.body.length <= Self.batchedSizeMax {
        try await writeWhole(successor, stored.lead, reading)
      } else {
        try await stream(successor, stored.lead, reading)
      }
      log(id, of: record.id, from: envelope.sender)
      queue.finish(record, with: .requeued(as: id))
    } catch {
      queue.log.error("qmgr", "\(record.id): cannot be requeued: \(error): it is tried again later")
      _ = queue.scheduler.putBack(record.ref, recipients: 0, now: Reactor.shared.now)
      queue.plan()
    }
  }

  /// The new record with its header, without its body.
  private func successor(
    of stored: StoredRecord, _ envelope: Envelope, _ record: MessageRecord, as id: QueueID
  ) async throws -> PendingRecord {
    let ended = queue.ended(of: record.ref)
    let field = traceField(id)
    var fresh = envelope
    fresh.recipients = envelope.recipients.enumerated().filter {
      !ended.contains(UInt32($0.offset))
    }.map(\.element)
    fresh.stuffedDots = envelope.stuffedDots.map { $0 + UInt64(field.count) }
    fresh.origin = nil
    // As for any new mail: what the configuration says now.
    fresh.contentFilter = Array(queue.settings.contentFilter.utf8)
    fresh = try await queue.rewritten(fresh)
    let disk = queue.disk
    let file = record.segment.file
    let extent = stored.lead.header
    let header = try await queue.reader.perform { () throws(SpoolError) in
      try Self.read(extent, file, disk)
    }
    return PendingRecord(
      id: id, header: field + header, body: [], envelope: fresh,
      flags: stored.lead.flags.subtracting([.relocatedCopy, .entersOnHold]),
      contentSize: stored.lead.contentSize + UInt64(field.count))
  }

  private nonisolated static func read(
    _ extent: Extent, _ file: LinuxDisk.File, _ disk: LinuxDisk
  ) throws(SpoolError) -> [UInt8] {
    let bytes = try disk.read(Int(extent.length), from: file, at: extent.offset)
    guard UInt64(bytes.count) == extent.length else { throw .damaged }
    return bytes
  }

  private func writeWhole(
    _ successor: PendingRecord, _ lead: RecordLead, _ reading: RecordReading
  ) async throws(SpoolError) {
    let disk = queue.disk
    let body = try await queue.reader.perform { () throws(SpoolError) in
      try Self.read(lead.body, reading.file, disk)
    }
    try await spool.commit(
      PendingRecord(
        id: successor.id, header: successor.content, body: body, envelope: successor.envelope,
        flags: successor.flags, contentSize: successor.contentSize))
  }

  private func stream(
    _ successor: PendingRecord, _ lead: RecordLead, _ reading: RecordReading
  ) async throws(SpoolError) {
    let large = try await spool.beginLarge(on: queue.reader)
    do throws(SpoolError) {
      var at = lead.body.offset
      let disk = queue.disk
      while at < lead.body.end {
        let piece = Extent(
          offset: at, length: min(UInt64(Self.pieceSize), lead.body.end - at))
        let bytes = try await queue.reader.perform { () throws(SpoolError) in
          try Self.read(piece, reading.file, disk)
        }
        try await large.append(bytes)
        at = piece.end
      }
      try await large.finish(successor)
    } catch {
      await large.abort()
      throw error
    }
  }

  /// The trace field of mail that this host gave to itself, in Postfix's shape.
  private func traceField(_ id: QueueID) -> [UInt8] {
    var field: [UInt8] = []
    field.append(text: "Received: by ")
    field.append(string: queue.settings.hostname)
    field.append(text: " (")
    field.append(string: queue.settings.mailName)
    field.append(text: ", from userid ")
    field.append(decimal: Identity.uid)
    field.append(text: ")\r\n\tid ")
    id.append(to: &field)
    field.append(text: "; ")
    MailDate.append(queue.clock.wallNow, offset: .utc, to: &field)
    field.append(text: "\r\n")
    return field
  }

  private func log(_ id: QueueID, of origin: QueueID, from sender: MailAddress) {
    queue.log.line("pickup") {
      $0.append(queueID: id)
      $0.append(text: ": uid=")
      $0.append(decimal: Identity.uid)
      $0.append(text: " from=<")
      $0.append(peerText: sender.bytes)
      $0.append(text: "> orig_id=")
      $0.append(queueID: origin)
    }
  }
}
