import QueueFormat

/// A part of a file in memory, moved along as a reader asks for other bytes.
struct SegmentWindow<D: Disk> {
  private let disk: D
  private let file: D.File
  private let limit: UInt64
  private var bytes: [UInt8] = []
  private var start: UInt64 = 0
  private let size: Int

  /// A window on the bytes of `file` before `limit`, `size` bytes long unless more is asked for.
  init(disk: D, file: D.File, limit: UInt64, size: Int = 128 << 10) {
    self.disk = disk
    self.file = file
    self.limit = limit
    self.size = size
  }

  /// Makes bytes from `offset` on available: `count` of them, fewer only where file or limit end.
  ///
  /// - Returns: their range in `bytes`.
  private mutating func fill(_ offset: UInt64, _ count: Int) throws(SpoolError) -> Range<Int> {
    let wanted = offset >= limit ? 0 : Int(min(UInt64(count), limit - offset))
    if offset < start || offset + UInt64(wanted) > start + UInt64(bytes.count) {
      let readable = offset >= limit ? 0 : Int(min(UInt64(max(wanted, size)), limit - offset))
      bytes = try disk.read(readable, from: file, at: offset)
      start = offset
    }
    let low = min(Int(offset - start), bytes.count)
    return low..<min(low + wanted, bytes.count)
  }

  /// Shows `count` bytes from `offset`, fewer only where file or limit end, to `body`.
  mutating func show<R>(
    _ offset: UInt64, _ count: Int, _ body: (UnsafeRawBufferPointer) -> R
  ) throws(SpoolError) -> R {
    let range = try fill(offset, count)
    return bytes.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[range])) }
  }

  /// The checksum of an extent; `nil` when the file ends within it.
  mutating func checksum(_ extent: Extent) throws(SpoolError) -> UInt32? {
    var sum = CRC32C()
    var at = extent.offset
    while at < extent.end {
      let part = Int(min(UInt64(size), extent.end - at))
      let count = try show(at, part) { shown in
        sum.update(shown)
        return shown.count
      }
      guard count == part else { return nil }
      at += UInt64(count)
    }
    return sum.value
  }
}
