import LinuxSystem
import Primitives
import QueueFormat
import QueueStore
import Reactor
import ServiceKit

/// Brings journal entries to the disk: one write for all that a turn of the loop made, a flush of
/// what was written each `journal_sync_interval` (spool rule R9).
///
/// While a write is under way entries gather for the next one. Nothing that waits for an entry is
/// told before the entry has been written, and a failed write is tried until it succeeds.
@ReactorActor
final class JournalQueue {
  private static let retryPause = Duration.seconds(1)
  /// How long entries wait for others.
  private static let writeDelay = Duration.milliseconds(4)
  /// Entries that wait for no others.
  private static let entriesPerWrite = 256

  private struct Round: Sendable {
    var segments: [Segment] = []
    var acknowledgements: [(agent: Agent, delivery: UInt64)] = []
    var followers: [@ReactorActor @Sendable () -> Void] = []

    var isEmpty: Bool { segments.isEmpty && acknowledgements.isEmpty && followers.isEmpty }
  }

  private struct Work: Sendable {
    let journal: JournalKeeper
    var entries: [JournalEntry] = []
  }

  /// What became of an attempt to write.
  private struct Outcome: Sendable {
    var failures: [(journal: JournalKeeper, error: SpoolError)] = []
    /// Journals that were written but have no room for more.
    var tight: [JournalKeeper] = []
  }

  private let helper: HelperThread
  private let log: Log
  /// `journal_sync_interval`.
  var interval: Duration
  private var next = Round()
  private var entryCount = 0
  private var isUrgent = false
  private lazy var delay = Alarm { self.begin() }
  private var isPlanned = false
  private var isWriting = false
  private var unflushed: [ObjectIdentifier: Segment] = [:]
  private var isFlushing = false
  private let idle = Gate()
  private lazy var alarm = Alarm { self.flushDue() }
  private var tight: [JournalKeeper] = []
  private lazy var roomAlarm = Alarm { self.lookForRoom() }

  /// Whether writes fail now: no further deliveries are asked for until one succeeds (rule R24).
  private(set) var isStalled = false
  /// Called when `isStalled` changes.
  var onStall: @ReactorActor () -> Void = {}

  init(helper: HelperThread, log: Log, interval: Duration) {
    self.helper = helper
    self.log = log
    self.interval = interval
  }

  /// Adds an entry to those of this turn.
  func append(_ entry: JournalEntry, to segment: Segment) {
    if segment.entries.isEmpty { next.segments.append(segment) }
    segment.entries.append(entry)
    entryCount += 1
    plan()
  }

  /// Tells an agent that a delivery's result is safe, once all entries so far are written.
  func acknowledge(_ delivery: UInt64, of agent: Agent) {
    next.acknowledgements.append((agent, delivery))
    plan()
  }

  /// Calls `follower` once all entries so far are written.
  func whenWritten(_ follower: @escaping @ReactorActor @Sendable () -> Void) {
    next.followers.append(follower)
    plan()
  }

  /// Returns once all entries so far are written and flushed, or at the deadline, and whether
  /// they are.
  @discardableResult
  func flush(deadline: MonotonicTime) async -> Bool {
    guard await write(deadline: deadline) else { return false }
    return await flushWritten()
  }

  /// Returns once all entries so far are written, or at the deadline, and whether they are.
  @discardableResult
  func write(deadline: MonotonicTime) async -> Bool {
    let written = Gate()
    isUrgent = true
    whenWritten { written.open() }
    return (try? await written.wait(deadline: deadline)) != nil
  }

  /// Begins the journals of segments from an earlier life; those that fail stay unprepared.
  func prepare(_ segments: [Segment]) async {
    let fresh = segments.filter { !$0.isPrepared }
    guard !fresh.isEmpty else { return }
    let unique = Dictionary(
      fresh.map { ($0.number, $0) }, uniquingKeysWith: { first, _ in first })
    let todo = unique.values.map { ($0, $0.journal) }
    let results = await helper.perform {
      let now = Clocks.wallNow()
      return todo.map { (_, journal) in (try? journal.reserve(now: now)) != nil }
    }
    for ((segment, _), isReady) in zip(todo, results) { segment.isPrepared = isReady }
  }

  /// A write waits a little for company: agents keep their results until it is done, and a trip to
  /// the helper costs more than what it writes.
  private func plan() {
    guard !isPlanned, !isWriting else { return }
    if isUrgent || entryCount >= Self.entriesPerWrite {
      isPlanned = true
      Reactor.shared.atEndOfTurn { self.begin() }
    } else if !delay.isScheduled {
      delay.schedule(at: Reactor.shared.now + Self.writeDelay)
    }
  }

  private func begin() {
    isPlanned = false
    delay.cancel()
    guard !isWriting, !next.isEmpty else { return }
    isWriting = true
    let round = next
    next = Round()
    entryCount = 0
    isUrgent = false
    reactorTask {
      await self.write(round.segments)
      self.finish(round)
      self.isWriting = false
      if !self.next.isEmpty { self.plan() }
    }
  }

  private func write(_ segments: [Segment]) async {
    guard !segments.isEmpty else { return }
    var work = segments.map { segment in
      defer { segment.entries.removeAll(keepingCapacity: segment.entries.capacity <= 256) }
      return Work(journal: segment.journal, entries: segment.entries)
    }
    while true {
      let todo = work
      let outcome = await helper.perform { Self.write(todo) }
      guard let first = outcome.failures.first else { return judge(outcome.tight) }
      work = outcome.failures.map { Work(journal: $0.journal) }
      stalled(first.journal.name, "\(first.error)")
      try? await sleep(until: Reactor.shared.now + Self.retryPause)
    }
  }

  private nonisolated static func write(_ work: [Work]) -> Outcome {
    let now = Clocks.wallNow()
    var outcome = Outcome()
    for piece in work {
      piece.journal.append(piece.entries)
      do throws(SpoolError) {
        try piece.journal.write(now: now)
      } catch {
        outcome.failures.append((piece.journal, error))
        continue
      }
      do throws(SpoolError) {
        try piece.journal.reserve(now: now)
      } catch {
        outcome.tight.append(piece.journal)
      }
    }
    return outcome
  }

  /// Everything is written; deliveries go on if there is room for their results.
  private func judge(_ tight: [JournalKeeper]) {
    guard tight.isEmpty else {
      stalled(tight[0].name, "no room for results")
      self.tight = tight
      roomAlarm.schedule(at: Reactor.shared.now + Self.retryPause)
      return
    }
    guard isStalled, self.tight.isEmpty else { return }
    isStalled = false
    log.information("qmgr", "journals are written again")
    onStall()
  }

  private func lookForRoom() {
    let journals = tight
    reactorTask {
      let outcome = await self.helper.perform { Self.write(journals.map { Work(journal: $0) }) }
      self.tight = []
      self.judge(outcome.tight + outcome.failures.map(\.journal))
    }
  }

  private func stalled(_ name: SegmentName, _ reason: String) {
    guard !isStalled else { return }
    isStalled = true
    log.error("qmgr", "cannot write \(name.journalFile): \(reason): deliveries are suspended")
    onStall()
  }

  private func finish(_ round: Round) {
    for segment in round.segments where !segment.isGone {
      unflushed[ObjectIdentifier(segment)] = segment
    }
    if !unflushed.isEmpty, !alarm.isScheduled, !isFlushing {
      alarm.schedule(at: Reactor.shared.now + interval)
    }
    for (agent, delivery) in round.acknowledgements { agent.acknowledge(delivery) }
    for follower in round.followers { follower() }
  }

  private func flushDue() {
    reactorTask { await self.flushWritten() }
  }

  /// Flushes what has been written; false when that failed for a segment.
  @discardableResult
  private func flushWritten() async -> Bool {
    guard (try? await idle.wait { isFlushing }) != nil else { return false }
    guard !unflushed.isEmpty else { return true }
    isFlushing = true
    alarm.cancel()
    let segments = Array(unflushed.values).filter { !$0.isGone }
    unflushed.removeAll(keepingCapacity: true)
    let now = Clocks.wallNow()
    let work = segments.map { Work(journal: $0.journal, entries: $0.intakeNote(now)) }
    let failed = await helper.perform { Self.flush(work, now) }
    for index in failed { unflushed[ObjectIdentifier(segments[index])] = segments[index] }
    if let first = failed.first {
      log.error("qmgr", "cannot flush \(segments[first].name.journalFile)")
    }
    isFlushing = false
    idle.pulse()
    if !unflushed.isEmpty { alarm.schedule(at: Reactor.shared.now + interval) }
    return failed.isEmpty
  }

  private nonisolated static func flush(_ work: [Work], _ now: WallTime) -> [Int] {
    work.indices.filter { index in
      work[index].journal.append(work[index].entries)
      do throws(SpoolError) {
        try work[index].journal.flush(now: now)
        return false
      } catch {
        return true
      }
    }
  }
}

extension Segment {
  /// How far its records have been taken in, for the journal: damage before it is damage, and no
  /// unfinished tail (rule R8).
  fileprivate func intakeNote(_ now: WallTime) -> [JournalEntry] {
    guard !isSealed, takenEnd > notedEnd else { return [] }
    notedEnd = takenEnd
    return [JournalEntry(segment: .intake(end: takenEnd), time: now)]
  }
}
