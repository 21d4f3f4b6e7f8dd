package import MailTypes
package import Primitives
package import QueueFormat

/// Orders about messages while no queue manager runs: entries in the journals, as it would write
/// them, which it finds at its start (R16). Only the holder of the queue manager's lock may give
/// them.
package struct SpoolOrders<D: Disk> {
  private let spool: SpoolInspection<D>

  /// Looks at what is there.
  ///
  /// - Throws: what the disk says.
  package init(_ disk: D) throws(SpoolError) {
    spool = try SpoolInspection(disk)
    // All are looked at before any is touched: one of a newer format forbids all of them.
    for name in spool.segments {
      let file = try disk.open(name.segmentFile, in: .segments, writable: false)
      try SegmentRecovery.checkVersion(of: file, on: disk)
      _ = try JournalReading.read(name, on: disk)
    }
  }

  /// Gives an order about messages for which something is left to do; flushed when this returns.
  ///
  /// - Parameter event: the order for a message, `nil` to leave it alone.
  /// - Returns: the messages that got one.
  /// - Throws: what the disk says; orders in segments before that stand.
  package func give(
    now: WallTime, _ event: (InspectedMessage) -> JournalEvent?
  ) throws(SpoolError) -> [QueueID] {
    var ordered: [QueueID] = []
    for name in spool.segments {
      var entries: [JournalEntry] = []
      for message in try spool.messages(in: name) where message.state != .done {
        guard let event = event(message) else { continue }
        let ends = event == .deleted
        entries.append(
          JournalEntry(
            event, id: message.lead.id, offset: message.lead.offset, endsMessage: ends, time: now))
      }
      guard !entries.isEmpty else { continue }
      let known = try JournalReading.read(name, on: spool.disk)?.entries ?? []
      let journal = SegmentJournal(on: spool.disk, name: name, entries: known)
      journal.append(entries)
      defer { journal.close() }
      try journal.flush(now: now)
      ordered += entries.map(\.id)
    }
    return ordered
  }
}
