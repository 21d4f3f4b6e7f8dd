import MailTypes
package import Primitives
package import QueueFormat

/// Streams one large message into a segment of its own (R23): the body as it comes, then header,
/// envelope and, last of all, batch header and lead.
package final class LargeRecordWriter<D: Disk>: @unchecked Sendable {
  /// The segment, which ends with this record.
  package let segment: SegmentWriter<D>
  private let recordStart: UInt64
  private var position: UInt64
  private var bodyChecksum = CRC32C()
  private var bodyLength: UInt64 = 0

  /// Makes the segment.
  ///
  /// - Parameter reserve: bytes that are left free for what the queue manager has to write (R24).
  /// - Throws: whatever the disk says.
  package init(
    on disk: D, name: SegmentName, created: WallTime, reserve: UInt64 = 0
  ) throws(SpoolError) {
    segment = try SegmentWriter.create(
      on: disk, name: name, created: created, sizeLimit: .max, reserve: reserve)
    recordStart = segment.nextStart + UInt64(BatchHeader.size)
    position = recordStart + UInt64(RecordLead.size)
  }

  /// Writes the next part of the body, in wire form.
  ///
  /// - Throws: whatever the disk says; the segment has then ended (R3).
  package func append(_ bytes: [UInt8]) throws(SpoolError) {
    guard segment.isOpen else { throw .ended }
    bodyChecksum.update(bytes)
    bodyLength += UInt64(bytes.count)
    try put(bytes)
  }

  /// Reads a part of the body that has been written.
  ///
  /// - Throws: whatever the disk says; `.damaged` when it is not all there.
  package func readBack(from offset: UInt64, count: Int) throws(SpoolError) -> [UInt8] {
    precondition(offset + UInt64(count) <= bodyLength, "only what was written can be read")
    let start = recordStart + UInt64(RecordLead.size) + offset
    let bytes = try segment.disk.read(count, from: segment.file, at: start)
    guard bytes.count == count else { throw .damaged }
    return bytes
  }

  private func put(_ bytes: [UInt8]) throws(SpoolError) {
    do throws(SpoolError) {
      try segment.allocate(through: position + UInt64(bytes.count))
      try segment.disk.write(bytes, to: segment.file, at: position)
    } catch {
      segment.end()
      throw error
    }
    position += UInt64(bytes.count)
  }

  /// Completes the record and flushes it; when this returns it is mail.
  ///
  /// - Parameter record: everything but the body, which has been streamed.
  /// - Returns: the end of what is flushed.
  /// - Throws: whatever the disk says; the segment has then ended (R3).
  package func finish(_ record: PendingRecord) throws(SpoolError) -> UInt64 {
    precondition(record.content.count == record.headerLength, "the body has been streamed")
    guard segment.isOpen else { throw .ended }
    var envelope: [UInt8] = []
    record.envelope.encode(into: &envelope)
    var lead = RecordLead(id: record.id, flags: record.flags)
    lead.version = segment.disk.formatVersion
    lead.nonce = segment.name.nonce
    lead.offset = recordStart
    lead.bodyInRecord = Extent(offset: UInt64(RecordLead.size), length: bodyLength)
    lead.bodyChecksum = bodyChecksum.value
    lead.headerInRecord = Extent(
      offset: lead.bodyInRecord.end + UInt64(SpoolLayout.terminator.count),
      length: UInt64(record.content.count))
    lead.headerChecksum = CRC32C.of(record.content)
    lead.envelopeInRecord = Extent(
      offset: lead.headerInRecord.end, length: UInt64(envelope.count))
    lead.envelopeChecksum = CRC32C.of(envelope)
    lead.recipientCount = UInt32(record.envelope.recipients.count)
    lead.contentSize = record.contentSize
    lead.length = SpoolLayout.roundUp(
      lead.envelopeInRecord.end, to: SpoolLayout.recordBorder)
    let behind = SpoolLayout.terminator + record.content + envelope
    let padding = Int(SpoolLayout.blockStart(atOrAfter: lead.end) - position) - behind.count
    try put(behind + [UInt8](repeating: 0, count: padding))
    return try commit(lead)
  }

  private func commit(_ lead: RecordLead) throws(SpoolError) -> UInt64 {
    let header = segment.nextBatchHeader(
      length: UInt64(BatchHeader.size) + lead.length, recordCount: 1)
    var front = [UInt8](repeating: 0, count: BatchHeader.size + RecordLead.size)
    front.withUnsafeMutableBytes { bytes in
      lead.encode(into: UnsafeMutableRawBufferPointer(rebasing: bytes[BatchHeader.size...]))
      header.encode(into: UnsafeMutableRawBufferPointer(rebasing: bytes[..<BatchHeader.size]))
    }
    let end = try segment.flushing(header) { () throws(SpoolError) in
      try segment.disk.write(front, to: segment.file, at: header.offset)
    }
    segment.end()
    return end
  }

  /// Removes the segment: the message was not accepted (R23).
  ///
  /// - Throws: whatever the disk says; the file then stays, without a record.
  package func abort() throws(SpoolError) {
    segment.end()
    defer { segment.close() }
    try segment.disk.unlink(segment.name.segmentFile, in: .segments)
  }
}
