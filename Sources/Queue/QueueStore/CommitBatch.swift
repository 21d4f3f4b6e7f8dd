package import MailTypes
package import QueueFormat

/// A message that is ready for the spool, in wire form (R6: with its checksums).
package struct PendingRecord: Sendable {
  /// The name of the message.
  package var id: QueueID
  /// Header, empty line and body in wire form, ending in CRLF; of a message whose body has been
  /// streamed only the header.
  package var content: [UInt8]
  /// How much of the content is the header with the empty line behind it.
  package var headerLength: Int
  /// Sender, recipients and what else is known.
  package var envelope: Envelope
  /// Facts from the intake scan.
  package var flags: RecordFlags
  /// Bytes of header and body without dot-stuffing.
  package var contentSize: UInt64

  /// A message in one piece.
  package init(
    id: QueueID, content: [UInt8], headerLength: Int, envelope: Envelope, flags: RecordFlags,
    contentSize: UInt64
  ) {
    precondition(headerLength <= content.count, "the header is a part of the content")
    self.id = id
    self.content = content
    self.headerLength = headerLength
    self.envelope = envelope
    self.flags = flags
    self.contentSize = contentSize
  }

  /// A message whose header was made apart from its body.
  package init(
    id: QueueID, header: [UInt8], body: [UInt8], envelope: Envelope, flags: RecordFlags,
    contentSize: UInt64
  ) {
    self.init(
      id: id, content: body.isEmpty ? header : header + body, headerLength: header.count,
      envelope: envelope, flags: flags, contentSize: contentSize)
  }
}

/// The records that one flush will cover, as one piece of memory (R6).
///
/// The reactor fills it; the storage helper gives it its place and writes it. Neither touches it
/// while the other has it, which is why it may cross threads.
package final class CommitBatch: @unchecked Sendable {
  private var buffer: UnsafeMutableRawBufferPointer
  private var used = BatchHeader.size
  private var leads: [RecordLead] = []
  private var envelopeBytes: [UInt8] = []
  private static let firstCapacity = 256 << 10

  /// An empty batch.
  package init() {
    buffer = .allocate(
      byteCount: Self.firstCapacity, alignment: SpoolLayout.blockSize)
    leads.reserveCapacity(16)
  }

  deinit {
    buffer.deallocate()
  }

  /// How many records it holds.
  package var recordCount: Int { leads.count }
  /// Whether it holds none.
  package var isEmpty: Bool { leads.isEmpty }
  /// Header and records without the padding to the next block.
  package var length: Int { used }
  /// The bytes that writing it takes.
  package var paddedLength: Int {
    Int(SpoolLayout.blockStart(atOrAfter: UInt64(used)))
  }

  /// Whether another record of this size may be added (R32); an empty batch takes any.
  package func hasRoom(forContent contentLength: Int) -> Bool {
    isEmpty
      || (leads.count < SpoolLayout.batchRecordsMax
        && used + contentLength + 2 * SpoolLayout.blockSize <= SpoolLayout.batchBytesMax)
  }

  /// Adds a record; its place is filled in when the batch gets its own.
  package func append(_ record: PendingRecord) {
    envelopeBytes.removeAll(keepingCapacity: true)
    record.envelope.encode(into: &envelopeBytes)
    let parts = record.content.count + envelopeBytes.count
    let start = used
    let length = Int(
      SpoolLayout.roundUp(
        UInt64(RecordLead.size + parts + SpoolLayout.terminator.count),
        to: SpoolLayout.recordBorder))
    makeRoom(start + length + SpoolLayout.blockSize)
    used = start + RecordLead.size
    var lead = RecordLead(id: record.id, flags: record.flags)
    lead.length = UInt64(length)
    record.content.withUnsafeBytes { content in
      let split = record.headerLength
      (lead.headerInRecord, lead.headerChecksum) = add(.init(rebasing: content[..<split]), start)
      (lead.bodyInRecord, lead.bodyChecksum) = add(.init(rebasing: content[split...]), start)
    }
    SpoolLayout.terminator.withUnsafeBytes { _ = add($0, start) }
    (lead.envelopeInRecord, lead.envelopeChecksum) = envelopeBytes.withUnsafeBytes {
      add($0, start)
    }
    lead.recipientCount = UInt32(record.envelope.recipients.count)
    lead.contentSize = record.contentSize
    clear(used..<start + length)
    used = start + length
    leads.append(lead)
  }

  private func add(_ bytes: UnsafeRawBufferPointer, _ start: Int) -> (Extent, UInt32) {
    let extent = Extent(offset: UInt64(used - start), length: UInt64(bytes.count))
    let target = UnsafeMutableRawBufferPointer(
      rebasing: buffer[used..<used + bytes.count])
    target.copyMemory(from: bytes)
    used += bytes.count
    return (extent, CRC32C.of(UnsafeRawBufferPointer(target)))
  }

  private func clear(_ range: Range<Int>) {
    UnsafeMutableRawBufferPointer(rebasing: buffer[range]).initializeMemory(
      as: UInt8.self, repeating: 0)
  }

  private func makeRoom(_ needed: Int) {
    guard needed > buffer.count else { return }
    let larger = UnsafeMutableRawBufferPointer.allocate(
      byteCount: max(needed, 2 * buffer.count), alignment: SpoolLayout.blockSize)
    larger.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[..<used]))
    buffer.deallocate()
    buffer = larger
  }

  /// Gives the batch its place: writes its header and all leads, pads it with zeros.
  ///
  /// - Parameter version: the format in which the records are written.
  /// - Returns: the bytes to write at the batch's offset; good until the batch changes.
  package func place(
    _ header: BatchHeader, version: UInt16 = SpoolLayout.version
  ) -> UnsafeRawBufferPointer {
    var at = BatchHeader.size
    for index in leads.indices {
      leads[index].version = version
      leads[index].nonce = header.nonce
      leads[index].offset = header.offset + UInt64(at)
      leads[index].encode(
        into: UnsafeMutableRawBufferPointer(rebasing: buffer[at..<at + RecordLead.size]))
      at += Int(leads[index].length)
    }
    header.encode(
      into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<BatchHeader.size]))
    clear(used..<paddedLength)
    return UnsafeRawBufferPointer(rebasing: buffer[..<paddedLength])
  }

  /// Where the records lie, once the batch has its place.
  package var placedLeads: [RecordLead] { leads }

  /// Empties the batch for its next use and gives back memory beyond the usual.
  package func reset() {
    used = BatchHeader.size
    leads.removeAll(keepingCapacity: true)
    if buffer.count > 4 * Self.firstCapacity {
      buffer.deallocate()
      buffer = .allocate(
        byteCount: Self.firstCapacity, alignment: SpoolLayout.blockSize)
    }
  }
}
