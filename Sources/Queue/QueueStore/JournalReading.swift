package import MailTypes
package import QueueFormat

/// The entries of a journal file up to the first bad one (R10).
package struct JournalReading: Hashable, Sendable {
  /// The good entries in order.
  package var entries: [JournalEntry] = []
  /// The number that the next entry would have.
  package var nextNumber: UInt64 = 1
  /// The first byte behind the last good entry.
  package var goodEnd = UInt64(FileHeader.size)
  /// The file's size.
  package var size: UInt64 = 0
  /// Whether the first block is that of this segment's journal; without it no entry counts (R2).
  package var headerIsGood = true

  private static let windowSize = 256 << 10

  /// Reads the journal of the segment `nonce`, as far as `end`.
  ///
  /// - Throws: `.newerVersion`, or what the disk says. Damage ends the entries, and is no error.
  package static func read<D: Disk>(
    on disk: D, file: D.File, nonce: Nonce, end: UInt64 = .max
  ) throws(SpoolError) -> JournalReading {
    var reading = JournalReading()
    reading.size = min(try disk.size(of: file), end)
    let block = try disk.read(FileHeader.size, from: file, at: 0)
    do throws(FormatError) {
      let header = try FileHeader.read(block, expecting: .journal)
      reading.headerIsGood = header.name.nonce == nonce
    } catch {
      if case .newerVersion(let version) = error { throw .newerVersion(version) }
      reading.headerIsGood = false
    }
    guard reading.headerIsGood else { return reading }
    try reading.readEntries(on: disk, file: file, nonce: nonce)
    return reading
  }

  /// Reads the journal of a segment; `nil` when there is none.
  ///
  /// - Throws: `.newerVersion`, or what the disk says.
  package static func read<D: Disk>(
    _ name: SegmentName, on disk: D
  ) throws(SpoolError) -> JournalReading? {
    let file: D.File
    do throws(SpoolError) {
      file = try disk.open(name.journalFile, in: .segments, writable: false)
    } catch .missing {
      return nil
    }
    defer { disk.close(file) }
    return try read(on: disk, file: file, nonce: name.nonce)
  }

  /// Bytes behind the block of the last good entry: entries that were cut off by a power cut, or
  /// damage (R10).
  package var droppedTail: UInt64? {
    let end = SpoolLayout.blockStart(atOrAfter: goodEnd)
    return headerIsGood && size > end ? size - goodEnd : nil
  }

  private mutating func readEntries<D: Disk>(
    on disk: D, file: D.File, nonce: Nonce
  ) throws(SpoolError) {
    var scanner = JournalScanner(nonce: nonce)
    var atEnd = false
    while !atEnd {
      let start = scanner.position
      let wanted = start < size ? Int(min(UInt64(Self.windowSize), size - start)) : 0
      let bytes = try disk.read(wanted, from: file, at: start)
      let isLast = start + UInt64(bytes.count) >= size || bytes.count < wanted
      atEnd = take(bytes, from: start, isLast: isLast, &scanner)
    }
    goodEnd = scanner.goodEnd
    nextNumber = scanner.nextNumber
  }

  /// Takes the entries that lie wholly in `bytes`; says whether there can be no more.
  private mutating func take(
    _ bytes: [UInt8], from start: UInt64, isLast: Bool, _ scanner: inout JournalScanner
  ) -> Bool {
    bytes.withUnsafeBytes { raw in
      while true {
        let at = min(Int(scanner.position - start), raw.count)
        let rest = UnsafeRawBufferPointer(rebasing: raw[at...])
        switch scanner.next(rest, isLast: isLast) {
        case .entry(let entry): entries.append(entry)
        case .needMore: return false
        case .end: return true
        }
      }
    }
  }
}
