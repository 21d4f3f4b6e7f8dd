package import QueueFormat

/// Copies of what cannot be mail any more, in `corrupt`: nothing is ever removed unseen.
package enum CorruptCopy {
  private static let pieceSize: UInt64 = 1 << 20

  /// Copies a run of bytes of a segment; flushed when this returns. A copy from before counts.
  ///
  /// - Returns: the copy's name.
  /// - Throws: what the disk says.
  @discardableResult
  package static func make<D: Disk>(
    of extent: Extent, in file: D.File, _ segment: SegmentName, on disk: D
  ) throws(SpoolError) -> String {
    let name = "\(segment.segmentFile).\(extent.offset)"
    let copy = try disk.createTemporary(in: .corrupt)
    defer { disk.close(copy) }
    var at = extent.offset
    while at < extent.end {
      let part = try disk.read(Int(min(pieceSize, extent.end - at)), from: file, at: at)
      if part.isEmpty { break }
      try disk.write(part, to: copy, at: at - extent.offset)
      at += UInt64(part.count)
    }
    try disk.flush(copy)
    do throws(SpoolError) {
      try disk.link(copy, as: name, in: .corrupt)
    } catch .exists {
      return name
    }
    try disk.flushFolder(.corrupt)
    return name
  }
}
