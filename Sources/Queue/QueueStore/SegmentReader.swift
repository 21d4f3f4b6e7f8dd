package import MailTypes
package import QueueFormat

/// A record as the queue manager takes it in.
package struct StoredRecord: Hashable, Sendable {
  /// Where its parts lie.
  package let lead: RecordLead
  /// Its envelope; `nil` when it is damaged or says what this build must know and does not: the
  /// message is then held and reported.
  package let envelope: Envelope?

  /// A record by its parts.
  package init(lead: RecordLead, envelope: Envelope?) {
    self.lead = lead
    self.envelope = envelope
  }
}

/// Reads records: the leads and envelopes of what a flush has covered, and parts of messages.
package enum SegmentReader {
  /// Reads all records between two ends that flushes have covered (R11).
  ///
  /// - Parameter mayRead: hears of each record before its envelope is interpreted, and says whether
  ///   it may be; one that may not comes without its envelope.
  /// - Returns: the records in order; damage among them is left to the walk that follows when
  ///   the writer is gone.
  /// - Throws: what the disk says.
  package static func records<D: Disk>(
    on disk: D, file: D.File, nonce: Nonce, from start: UInt64, to end: UInt64,
    mayRead: (RecordPlace) -> Bool = { _ in true }
  ) throws(SpoolError) -> [StoredRecord] {
    let findings = try SegmentWalk.leads(
      on: disk, file: file, nonce: nonce, from: start, to: end)
    var window = SegmentWindow(disk: disk, file: file, limit: end, size: 64 << 10)
    var records: [StoredRecord] = []
    records.reserveCapacity(findings.records.count)
    for lead in findings.records {
      let envelope = mayRead(lead.place) ? try envelope(of: lead, in: &window) : nil
      records.append(StoredRecord(lead: lead, envelope: envelope))
    }
    return records
  }

  /// Reads one record by its place, and compares it with the id that it should have.
  ///
  /// - Throws: `.damaged` when there is no such record; what the disk says.
  package static func record<D: Disk>(
    on disk: D, file: D.File, place: RecordPlace, id: QueueID
  ) throws(SpoolError) -> StoredRecord {
    var window = SegmentWindow(disk: disk, file: file, limit: .max, size: 8 << 10)
    let lead = try lead(place, id, in: &window)
    return StoredRecord(lead: lead, envelope: try envelope(of: lead, in: &window))
  }

  /// Reads only the lead of a record by its place.
  ///
  /// - Throws: as `record`.
  package static func lead<D: Disk>(
    on disk: D, file: D.File, place: RecordPlace, id: QueueID
  ) throws(SpoolError) -> RecordLead {
    var window = SegmentWindow(disk: disk, file: file, limit: .max, size: RecordLead.size)
    return try lead(place, id, in: &window)
  }

  private static func lead<D: Disk>(
    _ place: RecordPlace, _ id: QueueID, in window: inout SegmentWindow<D>
  ) throws(SpoolError) -> RecordLead {
    let lead = try window.show(place.offset, RecordLead.size) { bytes in
      try? RecordLead(bytes, nonce: place.nonce, offset: place.offset)
    }
    guard let lead, lead.id == id else { throw .damaged }
    return lead
  }

  private static func envelope<D: Disk>(
    of lead: RecordLead, in window: inout SegmentWindow<D>
  ) throws(SpoolError) -> Envelope? {
    guard lead.isUnderstood else { return nil }
    let extent = lead.envelope
    return try window.show(extent.offset, Int(extent.length)) { bytes in
      guard CRC32C.of(bytes) == lead.envelopeChecksum else { return nil }
      return try? Envelope(bytes)
    }
  }
}
