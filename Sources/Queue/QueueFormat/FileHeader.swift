import MailTypes
package import Primitives

/// The first block of a segment or of a journal: whose it is and in which format (R2, R7).
package struct FileHeader: Hashable, Sendable {
  /// What the file is.
  package enum Kind: UInt64, Sendable {
    /// Records of one writer.
    case segment = 0x3130_4745_534e_544d
    /// What became of the records of one segment.
    case journal = 0x3130_4c4e_4a4e_544d
  }

  /// What the file is.
  package let kind: Kind
  /// The format in which it is written.
  package let version: UInt16
  /// The segment's name; journals carry that of their segment.
  package let name: SegmentName
  /// When the file was made.
  package let created: WallTime

  /// The block's size; the first entry or batch follows it.
  package static let size = SpoolLayout.blockSize
  private static let checkedSize = 128

  /// A header of a file in this format.
  package init(_ kind: Kind, version: UInt16, name: SegmentName, created: WallTime) {
    self.kind = kind
    self.version = version
    self.name = name
    self.created = created
  }

  /// The block as it is written.
  package func encoded() -> [UInt8] {
    var block = [UInt8](repeating: 0, count: Self.size)
    block.withUnsafeMutableBytes { bytes in
      bytes.put(kind.rawValue, at: 0)
      bytes.put(version, at: 8)
      bytes.put(name.nonce, at: 16)
      bytes.put(name.sequence, at: 32)
      bytes.put(created.microseconds, at: 40)
      let writer = Array(name.writer.utf8)
      bytes.put(UInt8(writer.count), at: 48)
      for (index, byte) in writer.enumerated() { bytes.put(byte, at: 49 + index) }
      let sum = CRC32C.of(UnsafeRawBufferPointer(rebasing: bytes[..<(Self.checkedSize - 4)]))
      bytes.put(sum, at: Self.checkedSize - 4)
    }
    return block
  }

  /// Reads a block held in an array; see `init(_:expecting:)`.
  ///
  /// - Throws: as `init(_:expecting:)`.
  package static func read(_ block: [UInt8], expecting kind: Kind) throws(FormatError) -> FileHeader
  {
    try block.withUnsafeBytes { bytes -> Result<FileHeader, FormatError> in
      Result { () throws(FormatError) in try FileHeader(bytes, expecting: kind) }
    }.get()
  }

  /// Reads a block of which at least the first 128 bytes are there.
  ///
  /// - Throws: `.damaged`; `.newerVersion` when the block is whole but of a later format.
  package init(_ bytes: UnsafeRawBufferPointer, expecting kind: Kind) throws(FormatError) {
    guard bytes.count >= Self.checkedSize else { throw .damaged }
    var tail = ByteCursor(UnsafeRawBufferPointer(rebasing: bytes[124..<128]))
    let sum = try tail.integer(UInt32.self)
    guard CRC32C.of(UnsafeRawBufferPointer(rebasing: bytes[..<124])) == sum else { throw .damaged }
    var cursor = ByteCursor(bytes)
    guard try cursor.integer(UInt64.self) == kind.rawValue else { throw .damaged }
    let version = try cursor.integer(UInt16.self)
    guard version <= SpoolLayout.version else { throw .newerVersion(version) }
    _ = try cursor.slice(6)
    let nonce = try cursor.nonce()
    let sequence = try cursor.integer(UInt64.self)
    let created = try cursor.integer(Int64.self)
    let writer = try cursor.slice(Int(try cursor.integer(UInt8.self)))
    guard
      let name = SegmentName(
        sequence: sequence, nonce: nonce, writer: String(decoding: writer, as: UTF8.self))
    else { throw .damaged }
    self.init(
      kind, version: version, name: name, created: WallTime(microseconds: created))
  }
}
