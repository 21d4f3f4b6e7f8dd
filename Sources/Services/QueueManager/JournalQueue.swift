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

  private struct Round: Sendable {
    var segments: [Segment] = []
    var acknowledgements: [(agent: Agent, delivery: UInt64)] = []
    var followers: [@ReactorActor @Sendable () -> Void] = []

    var isEmpty: Bool { segments.isEmpty && acknowledgements.isEmpty && followers.isEmpty }
  }

  private struct Work: Sendable {
    let journal: JournalKeeper
    let entries: [JournalEntry]
  }

  private let helper: HelperThread
  private let log: Log
  private let interval: Duration
  private var next = Round()
  private var isPlanned = false
  private var isWriting = false
  private var unflushed: [ObjectIdentifier: Segment] = [:]
  private var isFlushing = false
  private let idle = Gate()
  private lazy var alarm = Alarm { self.flushDue() }

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

  /// Returns once all entries so far are written and flushed.
  func flush() async {
    repeat {
      await withUnsafeContinuation { continuation in
        whenWritten { continuation.resume() }
      }
      await flushWritten()
    } while !unflushed.isEmpty && !isStalled
  }

  private func plan() {
    guard !isPlanned, !isWriting else { return }
    isPlanned = true
    Reactor.shared.atEndOfTurn { self.begin() }
  }

  private func begin() {
    isPlanned = false
    guard !isWriting, !next.isEmpty else { return }
    isWriting = true
    reactorTask { await self.writeAll() }
  }

  private func writeAll() async {
    while !next.isEmpty {
      let round = next
      next = Round()
      await write(round.segments)
      finish(round)
    }
    isWriting = false
  }

  private func write(_ segments: [Segment]) async {
    guard !segments.isEmpty else { return }
    var work = segments.map { segment in
      defer { segment.entries.removeAll(keepingCapacity: segment.entries.capacity <= 256) }
      return Work(journal: segment.journal, entries: segment.entries)
    }
    while true {
      let todo = work
      let failures = await helper.perform { Self.write(todo) }
      guard let first = failures.first else { break }
      work = failures.map { Work(journal: $0.journal, entries: []) }
      stalled(first.journal.name, first.error)
      try? await sleep(until: Reactor.shared.now + Self.retryPause)
    }
    if isStalled {
      isStalled = false
      log.information("qmgr", "journals are written again")
      onStall()
    }
  }

  private nonisolated static func write(
    _ work: [Work]
  ) -> [(journal: JournalKeeper, error: SpoolError)] {
    let now = Clocks.wallNow()
    var failures: [(journal: JournalKeeper, error: SpoolError)] = []
    for piece in work {
      piece.journal.append(piece.entries)
      do throws(SpoolError) {
        try piece.journal.write(now: now)
      } catch {
        failures.append((piece.journal, error))
      }
    }
    return failures
  }

  private func stalled(_ name: SegmentName, _ error: SpoolError) {
    guard !isStalled else { return }
    isStalled = true
    log.error("qmgr", "cannot write \(name.journalFile): \(error): deliveries are suspended")
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

  private func flushWritten() async {
    while isFlushing {
      guard (try? await idle.wait()) != nil else { return }
    }
    guard !unflushed.isEmpty else { return }
    isFlushing = true
    alarm.cancel()
    let segments = Array(unflushed.values).filter { !$0.isGone }
    unflushed.removeAll(keepingCapacity: true)
    let journals = segments.map(\.journal)
    let failed = await helper.perform { Self.flush(journals) }
    for index in failed { unflushed[ObjectIdentifier(segments[index])] = segments[index] }
    if let first = failed.first {
      log.error("qmgr", "cannot flush \(segments[first].name.journalFile)")
    }
    isFlushing = false
    idle.pulse()
    if !unflushed.isEmpty { alarm.schedule(at: Reactor.shared.now + interval) }
  }

  private nonisolated static func flush(_ journals: [JournalKeeper]) -> [Int] {
    let now = Clocks.wallNow()
    return journals.indices.filter { index in
      do throws(SpoolError) {
        try journals[index].flush(now: now)
        return false
      } catch {
        return true
      }
    }
  }
}
