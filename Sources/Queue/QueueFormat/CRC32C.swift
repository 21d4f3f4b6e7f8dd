import CChecksum

/// A running CRC-32C, the checksum of every part of the spool.
///
/// The sum of one part after another is the sum of both together, so a session can feed it chunk
/// by chunk while the content arrives (spool rule R6).
package struct CRC32C: Hashable, Sendable {
  /// The checksum of all bytes fed so far.
  package private(set) var value: UInt32

  /// A checksum of nothing, or one continued from an earlier value.
  package init(continuing value: UInt32 = 0) {
    self.value = value
  }

  /// Feeds bytes.
  package mutating func update(_ bytes: UnsafeRawBufferPointer) {
    value = cchecksum_crc32c(value, bytes.baseAddress, bytes.count)
  }

  /// Feeds bytes.
  package mutating func update(_ bytes: [UInt8]) {
    bytes.withUnsafeBytes { update($0) }
  }

  /// The checksum of one piece of memory.
  package static func of(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    cchecksum_crc32c(0, bytes.baseAddress, bytes.count)
  }

  /// The checksum of an array.
  package static func of(_ bytes: [UInt8]) -> UInt32 {
    bytes.withUnsafeBytes { of($0) }
  }

  /// The checksum by tables instead of the processor's instruction, for comparison in tests.
  package static func portable(_ bytes: [UInt8], continuing start: UInt32 = 0) -> UInt32 {
    bytes.withUnsafeBytes { cchecksum_crc32c_portable(start, $0.baseAddress, $0.count) }
  }
}
