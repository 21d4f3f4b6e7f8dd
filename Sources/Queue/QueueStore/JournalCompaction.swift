package import QueueFormat

/// What of a journal must be kept when it is rewritten (R30).
package enum JournalCompaction {
  private static let lastAttemptsKept = 10

  /// The entries that still matter, in their order.
  ///
  /// Of a recipient the first and the last ten postponements are kept. Of a message for which
  /// nothing is left to do one word remains, and not even that once the table of records no
  /// longer names it; a relocation is always kept, since the copy's life hangs on it (R17).
  package static func keep(_ entries: [JournalEntry]) -> [JournalEntry] {
    let history = SegmentHistory(entries)
    let attempts = attemptsToDrop(entries)
    var kept: [JournalEntry] = []
    var doneWritten: Set<UInt64> = []
    for (index, entry) in entries.enumerated() {
      guard !entry.isAboutSegment else { continue }
      let message = history.messages[entry.offset]
      guard message?.isDone == true, message?.id == entry.id else {
        if !attempts.contains(index) { kept.append(entry) }
        continue
      }
      if case .relocated = entry.event {
        kept.append(entry)
        doneWritten.insert(entry.offset)
      } else if message?.relocatedTo == nil, history.table == nil,
        doneWritten.insert(entry.offset).inserted
      {
        kept.append(
          JournalEntry(.done, id: entry.id, offset: entry.offset, time: entry.time))
      }
    }
    return segmentEntries(entries, history) + kept
  }

  /// Postponements that are neither the first of their recipient nor among its last ones.
  private static func attemptsToDrop(_ entries: [JournalEntry]) -> Set<Int> {
    struct Key: Hashable {
      let offset: UInt64
      let recipient: UInt32?
    }
    var seen: [Key: [Int]] = [:]
    for (index, entry) in entries.enumerated() {
      guard case .deferred = entry.event else { continue }
      seen[Key(offset: entry.offset, recipient: entry.recipient), default: []].append(index)
    }
    var drop: Set<Int> = []
    for indices in seen.values where indices.count > 1 + lastAttemptsKept {
      drop.formUnion(indices.dropFirst().dropLast(lastAttemptsKept))
    }
    return drop
  }

  /// The facts about the segment: the table without the messages that are done, or nothing of a
  /// table that is not complete; intake mark and seal behind it, since a seal may vouch for it.
  private static func segmentEntries(
    _ entries: [JournalEntry], _ history: SegmentHistory
  ) -> [JournalEntry] {
    guard let last = entries.last(where: \.isAboutSegment) else { return [] }
    var kept: [JournalEntry] = []
    if let table = history.table {
      let rows = table.filter { history.messages[$0.offset]?.isDone != true }
      kept += tableEntries(rows).map { JournalEntry(segment: $0, time: last.time) }
    }
    if history.intakeEnd > UInt64(FileHeader.size) {
      kept.append(JournalEntry(segment: .intake(end: history.intakeEnd), time: last.time))
    }
    if let end = history.sealedEnd, let reason = history.sealReason {
      kept.append(JournalEntry(segment: .sealed(end: end, reason: reason), time: last.time))
    }
    return kept
  }

  /// The events that store a table of records, cut into entries (R29).
  package static func tableEntries(_ rows: [RecordRow]) -> [JournalEvent] {
    var events = stride(from: 0, to: rows.count, by: RecordRow.perEntryMax).map { start in
      JournalEvent.records(
        Array(rows[start..<min(start + RecordRow.perEntryMax, rows.count)]))
    }
    events.append(.recordsComplete(count: UInt64(rows.count)))
    return events
  }
}
