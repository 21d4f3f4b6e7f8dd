import Primitives
import QueueFormat

/// The counter from which all numbers of segments come, so that none is given twice (R18).
///
/// `master` reserves ahead: a range is handed out only once the disk says that it is gone.
package enum SequenceCounter {
  private static let file = "sequence"
  private static let draft = "sequence-new"

  /// Reserves the next `count` numbers.
  ///
  /// - Returns: numbers that no segment has had and no later call will give.
  /// - Throws: `.damaged` when the counter cannot be read; what the disk says.
  package static func reserve<D: Disk>(
    _ count: UInt64, on disk: D
  ) throws(SpoolError) -> Range<UInt64> {
    let newest = try SpoolScan(disk).segments.first?.sequence ?? 0
    let first = max(try read(disk), newest + 1)
    var text: [UInt8] = []
    text.append(decimal: first + count)
    text.append(ASCII.lf)
    do throws(SpoolError) {
      try disk.unlink(draft, in: .root)
    } catch .missing {
      // The usual case: no earlier reservation was interrupted.
    }
    let new = try disk.create(draft, in: .root)
    defer { disk.close(new) }
    try disk.write(text, to: new, at: 0)
    try disk.flush(new)
    try disk.rename(draft, to: file, in: .root)
    try disk.flushFolder(.root)
    return first..<first + count
  }

  private static func read<D: Disk>(_ disk: D) throws(SpoolError) -> UInt64 {
    let stored: D.File
    do throws(SpoolError) {
      stored = try disk.open(file, in: .root, writable: false)
    } catch .missing {
      return 1
    }
    defer { disk.close(stored) }
    let text = try disk.read(32, from: stored, at: 0)
    guard text.last == ASCII.lf,
      let value = UInt64(String(decoding: text.dropLast(), as: UTF8.self))
    else { throw .damaged }
    return value
  }
}
