/// Sizes on which every file of the spool agrees, in bytes.
package enum SpoolLayout {
  /// The version that this build writes and the newest that it reads.
  package static let version: UInt16 = 1
  /// The unit of a flush: a block that a flush has covered is never written again (R5).
  package static let blockSize = 4096
  /// Records start on borders of this size, so that a search can find them (R7).
  package static let recordBorder = 64
  /// A batch holds at most this many bytes (R32).
  package static let batchBytesMax = 4 << 20
  /// A batch holds at most this many records (R32).
  package static let batchRecordsMax = 256
  /// Reply texts in the journal are cut at this length (R27).
  package static let replyLengthMax = 1024

  /// The bytes behind a body that end DATA on the wire (RFC 5321 4.1.1.4). They are stored behind
  /// the body extent, outside its length and checksum, so that one `sendfile` sends both.
  package static let terminator: [UInt8] = [0x2e, 0x0d, 0x0a]

  /// The first multiple of `unit`, a power of two, that is not below `offset`.
  package static func roundUp(_ offset: UInt64, to unit: Int) -> UInt64 {
    (offset + UInt64(unit) - 1) & ~(UInt64(unit) - 1)
  }

  /// The start of the next block at or behind `offset`.
  package static func blockStart(atOrAfter offset: UInt64) -> UInt64 {
    roundUp(offset, to: blockSize)
  }
}

/// Why bytes of the spool could not be read as what they should be.
package enum FormatError: Error, Hashable, Sendable {
  /// The bytes do not hold together: wrong mark, checksum or bounds.
  case damaged
  /// The bytes hold together but this build does not know all that they say.
  case notUnderstood
  /// The file was written by a build with a newer format.
  case newerVersion(UInt16)
}

/// A run of bytes of a file.
package struct Extent: Hashable, Sendable {
  /// The first byte, from the start of the file.
  package var offset: UInt64
  /// How many bytes.
  package var length: UInt64

  /// A run of `length` bytes from `offset`.
  package init(offset: UInt64, length: UInt64) {
    self.offset = offset
    self.length = length
  }

  /// The first byte behind the run.
  package var end: UInt64 { offset + length }
}
