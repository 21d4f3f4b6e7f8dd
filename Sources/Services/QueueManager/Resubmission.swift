import LinuxSystem
import MailTypes
import MessageHeaders
import Primitives
import QueueFormat
import QueueStore
import Reactor

/// New mail with the content of a message that is there, behind one more trace field: the new
/// record is flushed before the old one loses anybody (spool rule R4), and intake finds it as any
/// new mail, so it is routed anew.
@ReactorActor
struct Resubmission {
  /// A content up to this size goes into a batch; a longer one gets a segment of its own (R23).
  private static let batchedSizeMax: UInt64 = 1 << 20
  /// Bytes of a long body that are in memory at once.
  private static let pieceSize = 256 << 10

  /// The envelope of the message that is there.
  let envelope: Envelope
  private let queue: MailQueue
  private let lead: RecordLead
  private let reading: RecordReading

  /// Reads the record of a message.
  init(of record: MessageRecord, in queue: MailQueue) async throws {
    self.queue = queue
    let disk = queue.disk
    let reading = RecordReading(record, in: queue)
    let stored = try await queue.reader.perform { () throws(SpoolError) in
      try reading.read(on: disk).get()
    }
    guard let envelope = stored.envelope else { throw SpoolError.damaged }
    self.reading = reading
    self.envelope = envelope
    lead = stored.lead
  }

  /// The first bytes of the header.
  func header(atMost limit: UInt64) async throws(SpoolError) -> [UInt8] {
    try await read(
      Extent(offset: lead.header.offset, length: min(lead.header.length, limit)))
  }

  /// Writes the new mail and waits until it is flushed.
  ///
  /// - Parameters:
  ///   - envelope: as its record is to hold it, but for what lies in the content.
  ///   - fields: header fields behind the trace field.
  func write(
    _ envelope: Envelope, as id: QueueID, fields: [UInt8] = []
  ) async throws(SpoolError) {
    let front = traceField(id) + fields
    var envelope = envelope
    envelope.stuffedDots = self.envelope.stuffedDots.map { $0 + UInt64(front.count) }
    envelope.origin = nil
    var flags = lead.flags.subtracting([.relocatedCopy, .entersOnHold])
    if front.contains(where: { $0 >= 0x80 }) { flags.insert(.header8Bit) }
    let isBatched = lead.header.length + lead.body.length <= Self.batchedSizeMax
    let record = PendingRecord(
      id: id, header: front + (try await read(lead.header)),
      body: isBatched ? try await read(lead.body) : [], envelope: envelope, flags: flags,
      contentSize: lead.contentSize + UInt64(front.count))
    if isBatched {
      try await queue.writer.commit(record)
    } else {
      try await stream(record)
    }
  }

  private func read(_ extent: Extent) async throws(SpoolError) -> [UInt8] {
    let disk = queue.disk
    let file = reading.file
    return try await queue.reader.perform { () throws(SpoolError) in
      let bytes = try disk.read(Int(extent.length), from: file, at: extent.offset)
      guard UInt64(bytes.count) == extent.length else { throw .damaged }
      return bytes
    }
  }

  private func stream(_ record: PendingRecord) async throws(SpoolError) {
    let large = try await queue.writer.beginLarge(on: queue.reader)
    do throws(SpoolError) {
      var at = lead.body.offset
      while at < lead.body.end {
        let piece = Extent(offset: at, length: min(UInt64(Self.pieceSize), lead.body.end - at))
        try await large.append(try await read(piece))
        at = piece.end
      }
      try await large.finish(record)
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
}
