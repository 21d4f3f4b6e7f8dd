package import MailTypes

/// The 64 bytes in front of what one flush covers.
///
/// A batch is written only after the flush of the one before it has returned, so a batch header
/// found behind a damaged place proves that the damage is no unfinished tail (R8).
package struct BatchHeader: Hashable, Sendable {
  /// The segment that the batch belongs to.
  package var nonce: Nonce
  /// Counts the batches of a segment from 0.
  package var number: UInt64
  /// Where the batch starts in the file; a multiple of the block size.
  package var offset: UInt64
  /// Header and records together, without the padding behind them.
  package var length: UInt64
  /// Where the batch before it ended; the size of the file header for the first one.
  package var previousEnd: UInt64
  /// How many records follow.
  package var recordCount: UInt32

  /// Bytes of the header.
  package static let size = 64
  private static let mark: UInt32 = 0x5441_424d

  /// A batch of `recordCount` records at `offset`.
  package init(
    nonce: Nonce, number: UInt64, offset: UInt64, length: UInt64, previousEnd: UInt64,
    recordCount: UInt32
  ) {
    self.nonce = nonce
    self.number = number
    self.offset = offset
    self.length = length
    self.previousEnd = previousEnd
    self.recordCount = recordCount
  }

  /// The first byte behind the last record.
  package var end: UInt64 { offset + length }

  /// Writes the header over the first 64 bytes of `bytes`.
  package func encode(into bytes: UnsafeMutableRawBufferPointer) {
    bytes.put(Self.mark, at: 0)
    bytes.put(nonce, at: 4)
    bytes.put(number, at: 20)
    bytes.put(offset, at: 28)
    bytes.put(length, at: 36)
    bytes.put(previousEnd, at: 44)
    bytes.put(recordCount, at: 52)
    bytes.put(UInt32(0), at: 56)
    bytes.put(CRC32C.of(UnsafeRawBufferPointer(rebasing: bytes[..<60])), at: 60)
  }

  /// Reads the header of a batch that should start at `offset` of the segment `nonce`.
  ///
  /// - Throws: `.damaged` when there is none.
  package init(
    _ bytes: UnsafeRawBufferPointer, nonce: Nonce, offset: UInt64
  ) throws(FormatError) {
    guard bytes.count >= Self.size else { throw .damaged }
    var cursor = ByteCursor(bytes)
    guard try cursor.integer(UInt32.self) == Self.mark, try cursor.nonce() == nonce
    else { throw .damaged }
    self.nonce = nonce
    number = try cursor.integer(UInt64.self)
    self.offset = try cursor.integer(UInt64.self)
    length = try cursor.integer(UInt64.self)
    previousEnd = try cursor.integer(UInt64.self)
    recordCount = try cursor.integer(UInt32.self)
    _ = try cursor.slice(4)
    let sum = try cursor.integer(UInt32.self)
    guard CRC32C.of(UnsafeRawBufferPointer(rebasing: bytes[..<60])) == sum,
      self.offset == offset, previousEnd <= offset, length >= UInt64(Self.size),
      length < 1 << 56
    else { throw .damaged }
  }
}
