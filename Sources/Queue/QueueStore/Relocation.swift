package import MailTypes
package import Primitives
package import QueueFormat

/// Moving the last mail of large segments into a small one, for space only (R17, R31).
///
/// The order makes it safe: the copy is flushed, what is known of its recipients is flushed in
/// the copy's journal, then *relocated* is flushed in the origin's journal. Until then the copy is
/// no mail; from then on the origin is none. A copy that did not get so far is ended in its
/// journal before anything else happens to its origin. Never while a recipient is in flight.
package enum Relocation {
  /// When moving pays.
  package struct Bounds: Sendable {
    /// Sealed segments that hold no more bytes together are left alone
    /// (`spool_relocation_size_min`).
    package var sizeMin: UInt64 = 1 << 30
    /// They must hold more than so many times their live bytes (`spool_relocation_factor`).
    package var factor: UInt64 = 4

    /// The defaults.
    package init() {}
  }

  /// Whether sealed segments of this size hold so little mail that moving it pays (R31).
  package static func isWorthwhile(
    sealedBytes: UInt64, liveBytes: UInt64, within bounds: Bounds
  ) -> Bool {
    sealedBytes > bounds.sizeMin && sealedBytes / bounds.factor > liveBytes
  }

  /// The message as a record of another segment, under its old name.
  ///
  /// - Throws: `.damaged` when the record is not what was written; what the disk says.
  package static func copy<D: Disk>(
    of record: StoredRecord, file: D.File, on disk: D
  ) throws(SpoolError) -> PendingRecord {
    guard var envelope = record.envelope else { throw .damaged }
    let lead = record.lead
    let header = try disk.read(Int(lead.header.length), from: file, at: lead.header.offset)
    let body = try disk.read(Int(lead.body.length), from: file, at: lead.body.offset)
    guard CRC32C.of(header) == lead.headerChecksum, CRC32C.of(body) == lead.bodyChecksum
    else { throw .damaged }
    envelope.origin = lead.place
    return PendingRecord(
      id: lead.id, header: header, body: body, envelope: envelope,
      flags: lead.flags.union(.relocatedCopy), contentSize: lead.contentSize)
  }

  /// What the copy's journal must say before the origin's says *relocated*: all that the origin's
  /// says of the message.
  package static func entries(
    for copy: RecordPlace, of id: QueueID, origin: RecordPlace, in entries: [JournalEntry]
  ) -> [JournalEntry] {
    entries.filter { $0.offset == origin.offset && $0.id == id }.map { entry in
      var moved = entry
      moved.offset = copy.offset
      return moved
    }
  }

  /// The entry that brings the copy alive and ends the origin.
  package static func entry(
    movingTo copy: RecordPlace, id: QueueID, origin: RecordPlace, now: WallTime
  ) -> JournalEntry {
    JournalEntry(.relocated(to: copy), id: id, offset: origin.offset, time: now)
  }

  /// Whether a copy is mail: its origin's journal says so durably, or its origin is gone.
  ///
  /// - Parameter recovered: the segments that this life of the queue manager has recovered; what
  ///   their journals say of relocations is durable.
  /// - Throws: `.originFirst` when the origin's segment is there and not among them; what the disk
  ///   says.
  static func isLive<D: Disk>(
    _ copy: RecordPlace, id: QueueID, file: D.File, recovered: Set<Nonce>, on disk: D
  ) throws(SpoolError) -> Bool {
    let record = try SegmentReader.record(on: disk, file: file, place: copy, id: id)
    guard let origin = record.envelope?.origin else { return true }
    let segments = try SpoolScan(disk).segments
    guard let name = segments.first(where: { $0.nonce == origin.nonce }) else { return true }
    guard recovered.contains(origin.nonce) else { throw .originFirst }
    let entries = try JournalReading.read(name, on: disk)?.entries ?? []
    return SegmentHistory(entries).messages[origin.offset]?.relocatedTo == copy
  }
}
