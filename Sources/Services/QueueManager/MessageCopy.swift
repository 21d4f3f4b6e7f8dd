import MailTypes
import Primitives
import QueueFormat
import QueueStore
import Reactor

/// A message on its way to another place.
@ReactorActor
final class MessageCopy {
  enum State {
    /// There is no copy.
    case none
    /// The writer has it.
    case writing
    /// It is on the disk, and intake has not come to it.
    case written
    /// Intake knows where it is.
    case arrived
    /// Nobody waits for it any more; when intake comes to it, it is ended.
    case late
    /// The disk would not say whether it is there.
    case uncertain
  }

  /// The original.
  let record: MessageRecord
  var state = State.none
  /// Why there is none.
  var failure: SpoolError?
  /// Where the copy lies, once it has arrived.
  var target: (segment: Segment, offset: UInt64)?

  init(_ record: MessageRecord) { self.record = record }
}

/// What journals have to say of copies, each thing only once, however often the disk fails in
/// between: what is known of the recipients is flushed beside the copies before the origin says
/// *relocated* (spool rule R17).
///
/// Belongs to the journal helper's thread.
final class CopyJournal: @unchecked Sendable {
  private struct Move: Sendable {
    let id: QueueID
    let from: RecordPlace
    let to: RecordPlace
    let journal: JournalKeeper
  }

  private enum Stage {
    case history, flushOfHistory, end, flushOfEnd, done
  }

  private let moves: [Move]
  private let journal: JournalKeeper
  /// What is said last: that the originals live on elsewhere, or that copies are none.
  private let ends: [JournalEntry]
  private let now: WallTime
  private var stage = Stage.history

  /// Brings copies alive and ends their originals.
  @ReactorActor
  init(relocating copies: [MessageCopy], outOf origin: Segment, now: WallTime) {
    var moves: [Move] = []
    for copy in copies {
      guard let target = copy.target else { continue }
      moves.append(
        Move(
          id: copy.record.id,
          from: RecordPlace(nonce: origin.name.nonce, offset: copy.record.offset),
          to: RecordPlace(nonce: target.segment.name.nonce, offset: target.offset),
          journal: target.segment.journal))
    }
    self.moves = moves
    journal = origin.journal
    ends = moves.map { Relocation.entry(movingTo: $0.to, id: $0.id, origin: $0.from, now: now) }
    self.now = now
  }

  /// Ends a copy that is not to be mail, for good.
  init(ending lead: RecordLead, in journal: JournalKeeper, now: WallTime) {
    moves = []
    self.journal = journal
    ends = [JournalEntry(.done, id: lead.id, offset: lead.offset, endsMessage: true, time: now)]
    self.now = now
  }

  /// Goes on where an earlier call was stopped.
  ///
  /// - Throws: what the disk says.
  func write() throws(SpoolError) {
    if stage == .history {
      try appendHistory()
      stage = .flushOfHistory
    }
    if stage == .flushOfHistory {
      for move in moves { try move.journal.flush(now: now) }
      stage = .end
    }
    if stage == .end {
      journal.append(ends)
      stage = .flushOfEnd
    }
    if stage == .flushOfEnd {
      try journal.flush(now: now)
      stage = .done
    }
  }

  private func appendHistory() throws(SpoolError) {
    guard !moves.isEmpty else { return }
    let offsets = Set(moves.map(\.from.offset))
    let known = Dictionary(
      grouping: try journal.contents().filter { offsets.contains($0.offset) }, by: \.offset)
    for move in moves {
      move.journal.append(
        Relocation.entries(
          for: move.to, of: move.id, origin: move.from, in: known[move.from.offset] ?? []))
    }
  }
}
