package import MailTypes

/// What the intake scan learnt about a message, so that output never scans its content.
///
/// The upper 16 bits are for facts that a reader must understand: a record with one that this
/// build does not know is held and reported.
package struct RecordFlags: OptionSet, Hashable, Sendable {
  /// The bits as they are stored.
  package let rawValue: UInt32

  /// Wraps stored bits.
  package init(rawValue: UInt32) {
    self.rawValue = rawValue
  }

  /// A byte above 127 in the header.
  package static let header8Bit = RecordFlags(rawValue: 1 << 0)
  /// A byte above 127 in the body.
  package static let body8Bit = RecordFlags(rawValue: 1 << 1)
  /// The message can go only to servers that offer SMTPUTF8 (RFC 6531).
  package static let needsSMTPUTF8 = RecordFlags(rawValue: 1 << 2)
  /// A line of more than 998 bytes (RFC 5322 2.1.1).
  package static let longLine = RecordFlags(rawValue: 1 << 3)
  /// A NUL byte.
  package static let hasNUL = RecordFlags(rawValue: 1 << 4)
  /// Some line starts with a dot, and is stored with two.
  package static let hasStuffedLines = RecordFlags(rawValue: 1 << 5)
  /// There are more stuffed lines than the envelope notes: unstuffing has to scan.
  package static let scanForDots = RecordFlags(rawValue: 1 << 6)
  /// The last line came without CRLF, which was added.
  package static let addedLastCRLF = RecordFlags(rawValue: 1 << 7)
  /// A copy made for space; live only once its origin is gone or says so (R17).
  package static let relocatedCopy = RecordFlags(rawValue: 1 << 16)

  /// It enters the queue on hold; what its journal says of holding counts from then on.
  package static let entersOnHold = RecordFlags(rawValue: 1 << 17)

  static let mustUnderstand: UInt32 = 0xffff_0000
  static let understood: RecordFlags = [.relocatedCopy, .entersOnHold]
}

/// The fixed-size start of a record: where its parts lie and the checksums that prove them whole.
package struct RecordLead: Hashable, Sendable {
  /// The nonce of the segment that the record was written into.
  package var nonce: Nonce
  /// Where the lead starts in the segment; a multiple of the record border.
  package var offset: UInt64
  /// The whole record with its padding; the next record of the batch starts behind it.
  package var length: UInt64
  /// The name of the message.
  package var id: QueueID
  /// Facts from the intake scan.
  package var flags: RecordFlags
  /// The finished header with the empty line behind it, from the start of the record.
  package var headerInRecord: Extent
  /// The body in wire form, from the start of the record; `SpoolLayout.terminator` follows it.
  package var bodyInRecord: Extent
  /// The envelope's attributes, from the start of the record.
  package var envelopeInRecord: Extent
  /// Checksum of the header extent.
  package var headerChecksum: UInt32
  /// Checksum of the body extent.
  package var bodyChecksum: UInt32
  /// Checksum of the envelope extent.
  package var envelopeChecksum: UInt32
  /// How many recipients the envelope names.
  package var recipientCount: UInt32
  /// Header and body without dot-stuffing: what `size=` and `SIZE=` say.
  package var contentSize: UInt64
  /// The format of the record.
  package var version: UInt16

  /// Bytes of a lead.
  package static let size = 128
  private static let mark: UInt32 = 0x4345_524d

  /// A lead in the format that this build writes, of a record that has no place yet.
  package init(id: QueueID, flags: RecordFlags) {
    nonce = Nonce(high: 0, low: 0)
    offset = 0
    length = 0
    self.id = id
    self.flags = flags
    headerInRecord = Extent(offset: 0, length: 0)
    bodyInRecord = Extent(offset: 0, length: 0)
    envelopeInRecord = Extent(offset: 0, length: 0)
    headerChecksum = 0
    bodyChecksum = 0
    envelopeChecksum = 0
    recipientCount = 0
    contentSize = 0
    version = SpoolLayout.version
  }

  /// The header's place in the segment.
  package var header: Extent { placed(headerInRecord) }
  /// The body's place in the segment.
  package var body: Extent { placed(bodyInRecord) }
  /// The envelope's place in the segment.
  package var envelope: Extent { placed(envelopeInRecord) }
  /// The first byte behind the record.
  package var end: UInt64 { offset + length }
  /// The record's identity.
  package var place: RecordPlace { RecordPlace(nonce: nonce, offset: offset) }

  /// Whether header, body and terminator lie in one piece and go out in one `sendfile`.
  package var isContiguous: Bool { headerInRecord.end == bodyInRecord.offset }

  /// Whether this build knows everything that the lead may say; else the record is held.
  package var isUnderstood: Bool {
    version <= SpoolLayout.version
      && flags.rawValue & RecordFlags.mustUnderstand & ~RecordFlags.understood.rawValue == 0
  }

  private func placed(_ extent: Extent) -> Extent {
    Extent(offset: offset + extent.offset, length: extent.length)
  }
}

extension RecordLead {
  /// Writes the lead over the first 128 bytes of `bytes`.
  package func encode(into bytes: UnsafeMutableRawBufferPointer) {
    bytes.put(Self.mark, at: 0)
    bytes.put(version, at: 4)
    bytes.put(UInt16(Self.size), at: 6)
    bytes.put(nonce, at: 8)
    bytes.put(offset, at: 24)
    bytes.put(length, at: 32)
    bytes.put(id, at: 40)
    bytes.put(flags.rawValue, at: 56)
    bytes.put(recipientCount, at: 60)
    bytes.put(headerInRecord.offset, at: 64)
    bytes.put(bodyInRecord.offset, at: 72)
    bytes.put(bodyInRecord.length, at: 80)
    bytes.put(envelopeInRecord.offset, at: 88)
    bytes.put(UInt32(headerInRecord.length), at: 96)
    bytes.put(UInt32(envelopeInRecord.length), at: 100)
    bytes.put(headerChecksum, at: 104)
    bytes.put(bodyChecksum, at: 108)
    bytes.put(envelopeChecksum, at: 112)
    bytes.put(contentSize, at: 116)
    bytes.put(CRC32C.of(UnsafeRawBufferPointer(rebasing: bytes[..<124])), at: 124)
  }

  /// Whether bytes at a record border start like a lead of this segment; the cheap first look of
  /// a search.
  package static func looksLikeLead(_ bytes: UnsafeRawBufferPointer, nonce: Nonce) -> Bool {
    guard bytes.count >= size,
      UInt32(littleEndian: bytes.loadUnaligned(as: UInt32.self)) == mark
    else { return false }
    let high = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
    let low = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self))
    return high == nonce.high && low == nonce.low
  }

  /// Reads the lead that should lie at `offset` of the segment `nonce` (R7, R14).
  ///
  /// - Throws: `.damaged` when there is none. A lead of a later version or with unknown flags is
  ///   read: see `isUnderstood`.
  package init(
    _ bytes: UnsafeRawBufferPointer, nonce: Nonce, offset: UInt64
  ) throws(FormatError) {
    guard Self.looksLikeLead(bytes, nonce: nonce) else { throw .damaged }
    var tail = ByteCursor(UnsafeRawBufferPointer(rebasing: bytes[124..<128]))
    let sum = try tail.integer(UInt32.self)
    guard CRC32C.of(UnsafeRawBufferPointer(rebasing: bytes[..<124])) == sum else { throw .damaged }
    var cursor = ByteCursor(UnsafeRawBufferPointer(rebasing: bytes[4..<124]))
    let version = try cursor.integer(UInt16.self)
    _ = try cursor.slice(18)
    let storedOffset = try cursor.integer(UInt64.self)
    let length = try cursor.integer(UInt64.self)
    self.init(id: try cursor.queueID(), flags: [])
    self.version = version
    self.nonce = nonce
    self.offset = storedOffset
    self.length = length
    try readParts(&cursor)
    guard storedOffset == offset, isSound else { throw .damaged }
  }

  private mutating func readParts(_ cursor: inout ByteCursor) throws(FormatError) {
    flags = RecordFlags(rawValue: try cursor.integer(UInt32.self))
    recipientCount = try cursor.integer(UInt32.self)
    headerInRecord.offset = try cursor.integer(UInt64.self)
    bodyInRecord.offset = try cursor.integer(UInt64.self)
    bodyInRecord.length = try cursor.integer(UInt64.self)
    envelopeInRecord.offset = try cursor.integer(UInt64.self)
    headerInRecord.length = UInt64(try cursor.integer(UInt32.self))
    envelopeInRecord.length = UInt64(try cursor.integer(UInt32.self))
    headerChecksum = try cursor.integer(UInt32.self)
    bodyChecksum = try cursor.integer(UInt32.self)
    envelopeChecksum = try cursor.integer(UInt32.self)
    contentSize = try cursor.integer(UInt64.self)
  }

  /// Whether length and extents can be what a writer wrote.
  private var isSound: Bool {
    let limit: UInt64 = 1 << 56
    guard length >= UInt64(Self.size), length < limit, offset < limit,
      length % UInt64(SpoolLayout.recordBorder) == 0
    else { return false }
    guard isUnderstood else { return true }
    let terminator = UInt64(SpoolLayout.terminator.count)
    return [(headerInRecord, 0), (bodyInRecord, terminator), (envelopeInRecord, 0)].allSatisfy {
      extent, behind in
      extent.offset >= UInt64(Self.size) && extent.offset <= length && extent.length <= length
        && extent.end + behind <= length
    }
  }
}
