package import MailTypes
package import QueueFormat

/// A message as it lies in a spool.
package struct InspectedMessage: Hashable, Sendable {
  /// What is to become of it.
  package enum State: String, Hashable, Sendable {
    /// It is tried when its time has come.
    case queued
    /// It waits for an order.
    case held
    /// Nothing is left to do.
    case done
  }

  /// The segment that holds it.
  package let segment: SegmentName
  /// Where its parts lie.
  package let lead: RecordLead
  /// Its envelope; `nil` when this build does not understand it.
  package let envelope: Envelope?
  /// What its journal says.
  package let history: MessageHistory

  /// What is to become of it; what is not understood is held.
  package var state: State {
    if history.isDone { return .done }
    return isHeld || envelope == nil ? .held : .queued
  }

  /// Whether it was put on hold.
  package var isHeld: Bool { history.isHeld(lead.flags) }

  /// The recipients for which something is left to do.
  package var openRecipients: [EnvelopeRecipient] {
    guard let envelope else { return [] }
    return envelope.recipients.enumerated().filter {
      !history.ended.contains(UInt32($0.offset))
    }.map(\.element)
  }
}

/// What a segment is like.
package struct SegmentReport: Hashable, Sendable {
  /// The segment.
  package let name: SegmentName
  /// Whole records.
  package var records = 0
  /// Those of them for which something is left to do.
  package var open = 0
  /// Where the segment ends, once that is settled.
  package var sealedEnd: UInt64?
  /// What is wrong; empty for a sound segment.
  package var problems: [SegmentProblem] = []
  /// Bytes that interrupted flushes left behind; they were never mail.
  package var unfinishedLength: UInt64 = 0
}

/// Reads a spool without changing, locking or flushing anything: one at rest, one in use, or a
/// copy of one.
package struct SpoolInspection<D: Disk>: Sendable {
  let disk: D
  /// The segments, newest first.
  package let segments: [SegmentName]
  /// Files of segments that are gone, and journals that were never finished.
  package let leftovers: [String]

  /// Looks at what is there.
  ///
  /// - Throws: what the disk says.
  package init(_ disk: D) throws(SpoolError) {
    self.disk = disk
    let scan = try SpoolScan(disk)
    segments = scan.segments
    leftovers = scan.leftovers
  }

  /// The messages of a segment in their order.
  ///
  /// - Throws: `.newerVersion`; what the disk says.
  package func messages(in name: SegmentName) throws(SpoolError) -> [InspectedMessage] {
    let (view, _) = try look(at: name)
    var messages: [InspectedMessage] = []
    messages.reserveCapacity(view.findings.records.count)
    var origins: [Nonce: SegmentHistory] = [:]
    for lead in view.findings.records {
      let record = try SegmentReader.record(
        on: disk, file: view.file, place: lead.place, id: lead.id)
      messages.append(
        InspectedMessage(
          segment: name, lead: lead, envelope: record.envelope,
          history: try history(of: lead, in: view, &origins)))
    }
    return messages
  }

  /// What the journals say of a message: a copy that has not come alive is none (R17).
  ///
  /// - Parameter origins: what the journals of other segments say, as far as they have been read.
  private func history(
    of lead: RecordLead, in view: SegmentView<D>, _ origins: inout [Nonce: SegmentHistory]
  ) throws(SpoolError) -> MessageHistory {
    var history = view.history(of: lead)
    guard lead.flags.contains(.relocatedCopy), !history.isDone else { return history }
    let record = try SegmentReader.record(on: disk, file: view.file, place: lead.place, id: lead.id)
    guard let origin = record.envelope?.origin,
      let name = segments.first(where: { $0.nonce == origin.nonce })
    else { return history }
    if origins[origin.nonce] == nil {
      origins[origin.nonce] = SegmentHistory(try JournalReading.read(name, on: disk)?.entries ?? [])
    }
    history.isDone = origins[origin.nonce]?.messages[origin.offset]?.relocatedTo != lead.place
    return history
  }

  /// The message of this name; the newest place of it when a copy was made.
  ///
  /// - Throws: `.missing`; `.newerVersion`; what the disk says.
  package func message(_ id: QueueID) throws(SpoolError) -> InspectedMessage {
    var done: InspectedMessage?
    for name in segments {
      for message in try messages(in: name) where message.lead.id == id {
        if message.state != .done { return message }
        done = done ?? message
      }
    }
    guard let done else { throw .missing }
    return done
  }

  /// Proves every record of a segment and every entry of its journal.
  ///
  /// - Throws: `.newerVersion`; what the disk says.
  package func check(_ name: SegmentName) throws(SpoolError) -> SegmentReport {
    let (view, journal) = try look(at: name)
    var report = SegmentReport(name: name)
    report.records = view.findings.records.count
    var origins: [Nonce: SegmentHistory] = [:]
    for lead in view.findings.records where try !history(of: lead, in: view, &origins).isDone {
      report.open += 1
    }
    report.sealedEnd = view.segmentHistory.sealedEnd
    for damage in view.findings.damage {
      if view.matters(damage) {
        report.problems.append(.damage(damage.extent, damage.lead?.id))
      } else {
        report.unfinishedLength += damage.extent.length
      }
    }
    report.unfinishedLength += view.findings.unfinished.reduce(0) { $0 + $1.extent.length }
    if let journal {
      report.problems += journal.problems(of: view.findings, view.segmentHistory)
    }
    return report
  }

  private func look(
    at name: SegmentName
  ) throws(SpoolError) -> (SegmentView<D>, JournalReading?) {
    let file = try disk.open(name.segmentFile, in: .segments, writable: false)
    try SegmentRecovery.checkVersion(of: file, on: disk)
    let journal = try JournalReading.read(name, on: disk)
    let history = SegmentHistory(journal?.entries ?? [])
    let size = try disk.size(of: file)
    let marked = try SpoolScan.markedEnd(of: name, on: disk)
    let findings = try SegmentWalk.findings(
      on: disk, file: file, nonce: name.nonce,
      end: min(size, history.sealedEnd ?? marked ?? size),
      flushedEnd: marked ?? history.flushedEnd)
    return (SegmentView(file: file, findings: findings, segmentHistory: history), journal)
  }
}

/// A segment and what its journal says of it.
private struct SegmentView<D: Disk> {
  let file: D.File
  let findings: SegmentFindings
  let segmentHistory: SegmentHistory

  func history(of lead: RecordLead) -> MessageHistory {
    if let history = segmentHistory.messages[lead.offset], history.id == lead.id {
      return history
    }
    var history = MessageHistory(id: lead.id)
    if let table = segmentHistory.table {
      history.isDone = !table.contains { $0.offset == lead.offset }
    }
    return history
  }

  /// Whether damaged bytes were mail: with a table of records only what it names was.
  func matters(_ damage: SegmentDamage) -> Bool {
    guard let table = segmentHistory.table else { return true }
    return table.contains { row in
      row.offset >= damage.extent.offset && row.offset < damage.extent.end
    }
  }
}

extension JournalReading {
  /// What is wrong with a journal, seen beside the records of its segment.
  fileprivate func problems(
    of findings: SegmentFindings, _ history: SegmentHistory
  ) -> [SegmentProblem] {
    guard headerIsGood else { return [.foreignJournal] }
    var problems: [SegmentProblem] = []
    if let tail = droppedTail { problems.append(.journalTail(tail)) }
    var known: [UInt64: QueueID] = [:]
    for lead in findings.records { known[lead.offset] = lead.id }
    let strangers = history.messages.filter { known[$0.key] != $0.value.id }.count
    if strangers + history.contradictions > 0 {
      problems.append(.mismatchedEntries(strangers + history.contradictions))
    }
    return problems
  }
}
