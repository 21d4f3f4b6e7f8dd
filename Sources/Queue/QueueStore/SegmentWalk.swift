package import MailTypes
package import QueueFormat

/// What a walk through a segment found.
package struct SegmentFindings: Hashable, Sendable {
  /// The whole records in the order in which they lie.
  package var records: [RecordLead] = []
  /// Places that were flushed and cannot be read any more (R8).
  package var damage: [SegmentDamage] = []
  /// What an interrupted flush left behind: dropped silently (R8).
  package var unfinished: [SegmentDamage] = []
  /// The first byte behind everything that is whole.
  package var end = UInt64(FileHeader.size)
}

/// A place in a segment that is not what its writer wrote.
package struct SegmentDamage: Hashable, Sendable {
  /// The bytes concerned.
  package var extent: Extent
  /// The message, where its lead can still be read.
  package var lead: RecordLead?
}

/// Finds the records of a segment that nobody writes any more (R7, R8, R12).
///
/// Batch headers and leads lie on record borders and prove themselves by nonce, place and
/// checksum; whatever else lies there is passed over, so damage costs only the damaged record.
package struct SegmentWalk<D: Disk> {
  private let nonce: Nonce
  private let limit: UInt64
  private let verifies: Bool
  private var window: SegmentWindow<D>
  private var findings = SegmentFindings()
  private var pending: [SegmentDamage] = []
  private var unreadableStart: UInt64?
  private var batchEnd: UInt64?
  /// Everything before it has been a record, a batch, or noted as unreadable.
  private var accountedEnd: UInt64 = 0

  /// Walks a whole segment and proves every record by the checksums of its parts.
  ///
  /// - Parameters:
  ///   - end: where the segment was sealed or its file ends; nothing behind is looked at.
  ///   - flushedEnd: what is known to have been flushed; damage before it is never taken for an
  ///     interrupted flush.
  /// - Throws: what the disk says.
  package static func findings(
    on disk: D, file: D.File, nonce: Nonce, end: UInt64, flushedEnd: UInt64
  ) throws(SpoolError) -> SegmentFindings {
    var walk = SegmentWalk(
      disk: disk, file: file, nonce: nonce, end: end, verifies: true)
    return try walk.run(from: UInt64(FileHeader.size), flushedEnd: flushedEnd)
  }

  /// Reads the leads between two ends that flushes have covered, as intake does (R11): the
  /// contents are not looked at.
  ///
  /// - Throws: what the disk says.
  package static func leads(
    on disk: D, file: D.File, nonce: Nonce, from start: UInt64, to end: UInt64
  ) throws(SpoolError) -> SegmentFindings {
    var walk = SegmentWalk(
      disk: disk, file: file, nonce: nonce, end: end, verifies: false)
    return try walk.run(from: start, flushedEnd: end)
  }

  private init(disk: D, file: D.File, nonce: Nonce, end: UInt64, verifies: Bool) {
    self.nonce = nonce
    limit = end
    self.verifies = verifies
    window = SegmentWindow(
      disk: disk, file: file, limit: end, size: verifies ? 1 << 20 : 64 << 10)
  }

  private mutating func run(
    from start: UInt64, flushedEnd: UInt64
  ) throws(SpoolError) -> SegmentFindings {
    var at = SpoolLayout.roundUp(start, to: SpoolLayout.recordBorder)
    findings.end = start
    batchEnd = start
    accountedEnd = start
    while at < limit {
      at = try step(at)
    }
    closeUnreadable(at: min(at, limit))
    for damage in pending {
      if damage.extent.offset < flushedEnd {
        findings.damage.append(damage)
      } else {
        findings.unfinished.append(damage)
      }
    }
    return findings
  }

  /// Looks at one border and says which is next.
  private mutating func step(_ at: UInt64) throws(SpoolError) -> UInt64 {
    let nonce = nonce
    let sight = try window.show(at, RecordLead.size) { Sight($0, nonce: nonce, offset: at) }
    switch sight {
    case .batch(let header):
      closeUnreadable(at: at)
      noteGap(before: header)
      findings.damage += pending
      pending.removeAll()
      batchEnd = min(header.end, limit)
      return at + UInt64(BatchHeader.size)
    case .lead(let lead):
      closeUnreadable(at: at)
      try take(lead)
      return lead.end
    case .neither(let isZero):
      if let batchEnd, at >= batchEnd { self.batchEnd = nil }
      if batchEnd != nil || !isZero, unreadableStart == nil { unreadableStart = at }
      return at + UInt64(SpoolLayout.recordBorder)
    }
  }

  /// A batch says where the one before it ended: what lies before that and left no trace at all,
  /// as blocks that came back empty, is lost too.
  private mutating func noteGap(before header: BatchHeader) {
    guard header.previousEnd > accountedEnd else { return }
    let extent = Extent(offset: accountedEnd, length: header.previousEnd - accountedEnd)
    pending.append(SegmentDamage(extent: extent, lead: nil))
  }

  private mutating func take(_ lead: RecordLead) throws(SpoolError) {
    accountedEnd = lead.end
    guard lead.end <= limit, try isWhole(lead) else {
      let length = min(lead.length, limit - lead.offset)
      pending.append(
        SegmentDamage(extent: Extent(offset: lead.offset, length: length), lead: lead))
      return
    }
    findings.records.append(lead)
    findings.end = lead.end
  }

  private mutating func isWhole(_ lead: RecordLead) throws(SpoolError) -> Bool {
    guard verifies, lead.isUnderstood else { return true }
    let terminator = Extent(
      offset: lead.body.end, length: UInt64(SpoolLayout.terminator.count))
    for (extent, checksum) in [
      (lead.body, lead.bodyChecksum), (terminator, CRC32C.of(SpoolLayout.terminator)),
      (lead.header, lead.headerChecksum), (lead.envelope, lead.envelopeChecksum),
    ] {
      guard try window.checksum(extent) == checksum else { return false }
    }
    return true
  }

  private mutating func closeUnreadable(at end: UInt64) {
    guard let start = unreadableStart else { return }
    unreadableStart = nil
    accountedEnd = max(accountedEnd, end)
    pending.append(
      SegmentDamage(extent: Extent(offset: start, length: end - start), lead: nil))
  }
}

/// What lies at a record border.
private enum Sight {
  case batch(BatchHeader)
  case lead(RecordLead)
  case neither(isZero: Bool)

  init(_ bytes: UnsafeRawBufferPointer, nonce: Nonce, offset: UInt64) {
    if RecordLead.looksLikeLead(bytes, nonce: nonce),
      let lead = try? RecordLead(bytes, nonce: nonce, offset: offset)
    {
      self = .lead(lead)
    } else if let header = try? BatchHeader(bytes, nonce: nonce, offset: offset) {
      self = .batch(header)
    } else {
      self = .neither(
        isZero: bytes.prefix(SpoolLayout.recordBorder).allSatisfy { $0 == 0 })
    }
  }
}
