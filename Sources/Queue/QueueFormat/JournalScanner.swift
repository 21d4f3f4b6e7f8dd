package import MailTypes

/// Reads the entries of a journal in order, from whatever part of the file is at hand.
///
/// A group of entries that one flush covered starts on a block and is padded with zeros; replay
/// ends at the first place that is neither an entry with the next number nor padding (R10).
package struct JournalScanner {
  /// What lies at the scanner's position.
  package enum Step: Hashable, Sendable {
    /// An entry; the position has moved behind it.
    case entry(JournalEntry)
    /// The bytes at hand end before the entry or the padding does.
    case needMore
    /// Nothing more can be read.
    case end
  }

  /// The file offset at which the next entry is looked for.
  package private(set) var position: UInt64
  /// The number that the next entry must have.
  package private(set) var nextNumber: UInt64
  /// The first byte behind the last good entry.
  package private(set) var goodEnd: UInt64
  private let seed: CRC32C

  /// A scanner of the journal of the segment `nonce`, at its first entry.
  package init(nonce: Nonce) {
    seed = JournalCodec.seed(nonce)
    position = UInt64(FileHeader.size)
    goodEnd = position
    nextNumber = 1
  }

  /// A scanner that goes on at `position` with the entry numbered `number`.
  package init(nonce: Nonce, at position: UInt64, number: UInt64) {
    seed = JournalCodec.seed(nonce)
    self.position = position
    goodEnd = position
    nextNumber = number
  }

  /// Looks at the position.
  ///
  /// - Parameters:
  ///   - bytes: bytes of the file from `position` on, as many as are at hand.
  ///   - isLast: whether the file ends with them.
  /// - Returns: the entry and what to do; on `.needMore` call again with more bytes, from the
  ///   position as it is then.
  package mutating func next(_ bytes: UnsafeRawBufferPointer, isLast: Bool) -> Step {
    var at = 0
    while true {
      guard bytes.count - at >= 8 else { return isLast ? .end : .needMore }
      let lead = UInt64(
        littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self))
      guard lead == 0 else { break }
      let block = SpoolLayout.blockStart(atOrAfter: position)
      if block == position { return .end }
      let skip = Int(block - position)
      guard bytes.count - at >= skip else { return isLast ? .end : .needMore }
      position = block
      at += skip
    }
    return entry(UnsafeRawBufferPointer(rebasing: bytes[at...]), isLast: isLast)
  }

  private mutating func entry(_ bytes: UnsafeRawBufferPointer, isLast: Bool) -> Step {
    let sum = UInt32(littleEndian: bytes.loadUnaligned(as: UInt32.self))
    let length = Int(
      UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self)))
    guard length >= JournalCodec.leadSize, length <= JournalCodec.entryLengthMax
    else { return .end }
    guard bytes.count >= length else { return isLast ? .end : .needMore }
    let stored = UnsafeRawBufferPointer(rebasing: bytes[..<length])
    var check = seed
    check.update(UnsafeRawBufferPointer(rebasing: stored[4...]))
    guard check.value == sum, let entry = try? JournalCodec.entry(stored),
      entry.number == nextNumber
    else { return .end }
    let padded = SpoolLayout.roundUp(UInt64(length), to: JournalCodec.entryBorder)
    goodEnd = position + UInt64(length)
    position += padded
    nextNumber += 1
    return .entry(entry)
  }
}
