import MailTypes
package import QueueFormat

/// What lies in the folder of segments.
package struct SpoolScan: Hashable, Sendable {
  /// The segments, newest first.
  package let segments: [SegmentName]
  /// Files of segments that are gone, and journals that were never finished: both mean nothing.
  package let leftovers: [String]

  /// Lists the segments of a spool.
  ///
  /// - Throws: what the disk says.
  package init<D: Disk>(_ disk: D) throws(SpoolError) {
    let all = try disk.names(in: .segments)
    let files = all.compactMap { file in
      SegmentName.parse(file: file).map { (file: file, name: $0.name, kind: $0.kind) }
    }
    let names = Set(files.filter { $0.kind == .segment }.map(\.name))
    segments = names.sorted { ($0.sequence, $0.nonce.high) > ($1.sequence, $1.nonce.high) }
    let ends = all.filter { file in
      SegmentName.parseEnd(file: file).map { !names.contains($0.name) } ?? false
    }
    leftovers =
      ends
      + files.compactMap { entry in
        switch entry.kind {
        case .segment: nil
        case .journal: names.contains(entry.name) ? nil : entry.file
        case .journalDraft: entry.file
        }
      }
  }

  /// Where a writer's failure ended a segment, if one did (R3).
  ///
  /// - Throws: what the disk says.
  package static func markedEnd<D: Disk>(
    of name: SegmentName, on disk: D
  ) throws(SpoolError) -> UInt64? {
    try disk.names(in: .segments).compactMap { file in
      SegmentName.parseEnd(file: file).flatMap { $0.name == name ? $0.end : nil }
    }.min()
  }

  /// Removes what means nothing (R2), once it is certain that the segments are gone for good:
  /// an interrupted removal may not have flushed that. Only the holder of the spool's lock may
  /// do it.
  ///
  /// - Throws: what the disk says.
  package func removeLeftovers<D: Disk>(_ disk: D) throws(SpoolError) {
    if leftovers.isEmpty { return }
    try disk.flushFolder(.segments)
    for file in leftovers { try disk.unlink(file, in: .segments) }
  }

  /// Removes a segment in which nothing is left to do, and then its journal.
  ///
  /// The folder is flushed between the two: were the segment's removal lost and its journal's
  /// not, all its mail would be new mail again. Where mail is relocated, no segment is removed
  /// before all others have been recovered: an unfinished copy in one of them has to find its
  /// origin (R17).
  ///
  /// - Throws: what the disk says.
  package static func remove<D: Disk>(
    _ name: SegmentName, on disk: D
  ) throws(SpoolError) {
    do throws(SpoolError) {
      try disk.unlink(name.segmentFile, in: .segments)
    } catch .missing {
      // An earlier removal was interrupted behind this step.
    }
    try disk.flushFolder(.segments)
    do throws(SpoolError) {
      try disk.unlink(name.journalFile, in: .segments)
    } catch .missing {
      // A segment of which nothing was ever said.
    }
  }
}
