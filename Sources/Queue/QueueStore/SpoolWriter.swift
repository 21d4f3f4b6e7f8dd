import LinuxSystem
package import MailTypes
package import Primitives
import QueueFormat
package import Reactor

/// Accepts messages for one process: group commit over a helper thread (R32).
///
/// `commit` returns once the record is flushed. While the helper flushes one batch the next one
/// fills; an idle helper waits for sessions that are inside DATA, at most `commitDelay`.
@ReactorActor
package final class SpoolWriter {
  /// What the configuration says.
  package struct Settings: Sendable {
    /// The size at which a segment is full, in bytes (`spool_segment_size`).
    package var segmentSize: UInt64 = 64 << 20
    /// The longest wait for other sessions (`commit_delay`).
    package var commitDelay: Duration = .milliseconds(2)
    /// A segment that is not written for so long is ended.
    package var idleTime: Duration = .seconds(3600)
    /// A commit that takes longer closes the door to new mail (`spool_stall_time`, R33).
    package var stallTime: Duration = .seconds(5)
    /// Bytes of the disk that are left free for the queue manager (`spool_reserve`, R24).
    package var reserve: UInt64 = 0
    /// The pause between two tries whether the disk works again.
    package var probePause: Duration = .seconds(2)

    /// The defaults.
    package init() {}
  }

  /// Proof that a session is inside DATA; given back when its message has ended.
  package struct DataTicket: Sendable {
    fileprivate let epoch: UInt64
  }

  private struct Waiting {
    let since: MonotonicTime
    let continuation: UnsafeContinuation<CommitEnd, Never>
  }

  private enum CommitEnd {
    case flushed
    case failed(SpoolError)
    case noRoom
  }

  let settings: Settings
  let chain: any BatchStore
  private let helper: HelperThread
  private let onProgress: @ReactorActor (SegmentProgress) -> Void
  private let onLowSequences: @ReactorActor () -> Void
  private var sequences = SequencePool()
  private var hasAskedForSequences = false
  private var askedForSequencesAt = MonotonicTime(nanoseconds: 0)
  private var lastMicroseconds: UInt64 = 0

  private var filling = CommitBatch()
  private var waiting: [Waiting] = []
  private var flushing: [Waiting] = []
  private var spare: CommitBatch?
  private var waitingForFlush: [UnsafeContinuation<Void, Never>] = []
  private var isFlushing = false
  private var dispatchIsPlanned = false
  private var epoch: UInt64 = 0
  private var inDataNow = 0
  private var inDataBefore = 0
  private lazy var delay = Alarm { [unowned self] in self.dispatch() }
  private lazy var idle = Alarm { [unowned self] in self.sealIdle() }
  private lazy var probeAlarm = Alarm { [unowned self] in self.probe() }
  private lazy var endAlarm = Alarm { [unowned self] in self.markEnds() }
  private var failures = 0
  private var sealIsWanted = false
  private var marks: [SegmentName: SegmentProgress] = [:]

  /// Whether new mail is to be refused: two failures in a row, until the disk works again (R3).
  package private(set) var isRefusing = false
  /// Whether the disk answers in time (R33).
  package let stalls: StallWatch

  /// - Parameters:
  ///   - writer: the process's name in file names, such as `smtpd0`.
  ///   - helper: the storage helper; nothing else that may take long runs on it.
  ///   - onProgress: told of each flush that moved a segment's end, and of each sealing.
  ///   - onLowSequences: asks for another grant of segment numbers.
  package convenience init(
    disk: LinuxDisk, writer: String, settings: Settings, helper: HelperThread,
    onProgress: @escaping @ReactorActor (SegmentProgress) -> Void,
    onLowSequences: @escaping @ReactorActor () -> Void
  ) {
    self.init(
      settings: settings,
      chain: SegmentChain(
        disk: disk, writer: writer, sizeLimit: settings.segmentSize, reserve: settings.reserve),
      helper: helper, onProgress: onProgress, onLowSequences: onLowSequences)
  }

  /// A writer whose batches go to `chain`.
  init(
    settings: Settings, chain: any BatchStore, helper: HelperThread,
    onProgress: @escaping @ReactorActor (SegmentProgress) -> Void,
    onLowSequences: @escaping @ReactorActor () -> Void
  ) {
    self.settings = settings
    stalls = StallWatch(limit: settings.stallTime)
    self.chain = chain
    self.helper = helper
    self.onProgress = onProgress
    self.onLowSequences = onLowSequences
  }

  /// Takes a grant of segment numbers.
  package func addSequences(_ range: Range<UInt64>) {
    sequences.add(range)
    hasAskedForSequences = false
  }

  func takeSequence() -> UInt64? {
    let taken = sequences.take()
    let now = Reactor.shared.now
    // An answer may be lost, or `master` may have had none to give: without numbers ask again.
    let mayAsk = taken == nil && now.since(askedForSequencesAt) >= settings.probePause
    if sequences.isLow, mayAsk || !hasAskedForSequences {
      hasAskedForSequences = true
      askedForSequencesAt = now
      onLowSequences()
    }
    return taken
  }

  /// Names a message (R18): the time never repeats within the process, the number in no other.
  package func makeQueueID(now: WallTime) -> QueueID {
    lastMicroseconds = max(UInt64(clamping: now.microseconds), lastMicroseconds + 1)
    return QueueID(microseconds: lastMicroseconds, sequence: sequences.current)
  }

  /// Commits that wait for a flush to begin or to end, for tests.
  var commitsInLine: Int { waiting.count + waitingForFlush.count }

  /// How far every segment is flushed whose lock this process holds (R13).
  package var progress: [SegmentProgress] { Array(marks.values) }

  /// A session begins to receive content: a commit may wait a little for it.
  package func enterData() -> DataTicket {
    inDataNow += 1
    return DataTicket(epoch: epoch)
  }

  /// A session's message has ended, whichever way.
  package func leaveData(_ ticket: DataTicket) {
    if ticket.epoch == epoch { inDataNow -= 1 } else { inDataBefore -= 1 }
    if inDataBefore == 0, !filling.isEmpty { planDispatch() }
  }

  /// Brings a record to the disk.
  ///
  /// - Throws: why it is not mail; on `.uncertain` the session must end without an answer.
  package func commit(_ record: PendingRecord) async throws(SpoolError) {
    while true {
      switch await end(of: record) {
      case .flushed: return
      case .failed(let error): throw error
      case .noRoom: await flushEnd()
      }
    }
  }

  /// Puts the record into the batch that fills and waits for its fate.
  ///
  /// The record and its waiter enter together, inside the continuation: at every `await` before it
  /// other tasks may run, and a record without its waiter would be answered for by another batch.
  private func end(of record: PendingRecord) async -> CommitEnd {
    await withUnsafeContinuation { continuation in
      if isRefusing { return continuation.resume(returning: .failed(.refusing)) }
      guard filling.hasRoom(forContent: record.content.count) else {
        dispatch()
        return continuation.resume(returning: .noRoom)
      }
      if filling.isEmpty { beginEpoch() }
      filling.append(record)
      waiting.append(Waiting(since: Reactor.shared.now, continuation: continuation))
      planDispatch()
    }
  }

  /// Waits for the end of the flush under way; it has no deadline but the disk's (R33).
  private func flushEnd() async {
    await withUnsafeContinuation {
      if isFlushing { waitingForFlush.append($0) } else { $0.resume() }
    }
  }

  private func beginEpoch() {
    epoch += 1
    inDataBefore += inDataNow
    inDataNow = 0
    delay.schedule(at: Reactor.shared.now + settings.commitDelay)
  }

  private func planDispatch() {
    guard !dispatchIsPlanned, !isFlushing, inDataBefore == 0 else { return }
    dispatchIsPlanned = true
    Reactor.shared.atEndOfTurn {
      self.dispatchIsPlanned = false
      if self.inDataBefore == 0 { self.dispatch() }
    }
  }

  /// Hands the batch to an idle helper; a busy one takes it when it is done.
  private func dispatch() {
    guard !isFlushing, !filling.isEmpty else { return }
    delay.cancel()
    let sequence = takeSequenceForNewSegment()
    let batch = filling
    filling = spare ?? CommitBatch()
    spare = nil
    flushing = waiting
    let waitingSince = waiting.first?.since ?? Reactor.shared.now
    waiting = []
    isFlushing = true
    let watch = stalls.begin(since: waitingSince)
    let now = Clocks.wallNow()
    reactorTask { [chain, helper] in
      let outcome = await helper.perform { chain.commit(batch, sequence: sequence, now: now) }
      self.stalls.end(watch)
      self.flushed(batch, outcome)
    }
  }

  /// The number is used up only when the helper makes a segment: it stays reserved until then.
  private var reservedSequence: UInt64?

  private func takeSequenceForNewSegment() -> UInt64? {
    if reservedSequence == nil { reservedSequence = takeSequence() }
    return reservedSequence
  }

  private func flushed(_ batch: CommitBatch, _ outcome: CommitOutcome) {
    isFlushing = false
    for progress in outcome.progress { note(progress) }
    for name in outcome.released { marks[name] = nil }
    if sealIsWanted { sealIdle() }
    let done = flushing
    flushing = []
    // Without a number for a segment the disk was not even asked.
    if outcome.failure != .refusing { failures = outcome.failure == nil ? 0 : failures + 1 }
    let end = outcome.failure.map(CommitEnd.failed) ?? .flushed
    for session in done { session.continuation.resume(returning: end) }
    batch.reset()
    spare = batch
    let waiters = waitingForFlush
    waitingForFlush = []
    for waiter in waiters { waiter.resume() }
    if failures >= 2 { beginRefusing() }
    markEndsSoon()
    if outcome.wantsNext { prepareNext() }
    idle.schedule(at: Reactor.shared.now + settings.idleTime)
    guard !filling.isEmpty else { return }
    if inDataBefore == 0 { planDispatch() }
    if !delay.isScheduled { dispatch() }
  }

  /// Tells of a segment that this object does not fill itself.
  func report(_ progress: SegmentProgress) { onProgress(progress) }

  private func note(_ progress: SegmentProgress) {
    if progress.name.sequence == reservedSequence { reservedSequence = nil }
    marks[progress.name] = progress.isSealed && !progress.isLocked ? nil : progress
    onProgress(progress)
  }
}

extension SpoolWriter {
  private func prepareNext() {
    guard let sequence = takeSequenceForNewSegment() else { return }
    reservedSequence = nil
    let now = Clocks.wallNow()
    // A failure shows again, and is reported, when the segment is needed.
    helper.submit { [chain] in try? chain.prepare(sequence, now) }
  }

  /// Ends the current segment before it is full, so that it can be removed once its mail is done:
  /// now, or behind the commit that is under way.
  package func sealEarly() {
    sealIsWanted = isFlushing
    if !isFlushing { sealIdle() }
  }

  private func sealIdle() {
    guard !isFlushing else { return }
    sealIsWanted = false
    reactorTask { [chain, helper] in
      for progress in await helper.perform({ chain.seal() }) { self.note(progress) }
    }
  }

  /// Keeps a segment that is not the chain's, and its lock, until its end is durable (R3, R12).
  func keep(_ segment: any FailedSegment) {
    helper.submit { [chain] in chain.keep(segment) }
    note(
      SegmentProgress(
        name: segment.name, end: segment.flushedEnd, isSealed: true, isLocked: true))
    markEndsSoon()
  }

  /// Until the end of a failed segment is durable a power cut may bring back what was not accepted:
  /// that is tried until it succeeds (R3).
  private func markEndsSoon() {
    guard !endAlarm.isScheduled, marks.values.contains(where: \.isLocked) else { return }
    endAlarm.schedule(at: Reactor.shared.now + settings.probePause)
  }

  private func markEnds() {
    reactorTask { [chain, helper] in
      for name in await helper.perform({ chain.markEnds() }) { self.marks[name] = nil }
      self.markEndsSoon()
    }
  }

  private func beginRefusing() {
    isRefusing = true
    probeAlarm.schedule(at: Reactor.shared.now + settings.probePause)
  }

  private func probe() {
    reactorTask { [chain, helper] in
      guard await helper.perform({ chain.probe() }) else { return self.beginRefusing() }
      for name in await helper.perform({ chain.markEnds() }) { self.marks[name] = nil }
      self.failures = 0
      self.isRefusing = false
    }
  }

  /// The disk may have room or work again: looks now instead of at the next probe.
  package func probeNow() {
    if isRefusing, probeAlarm.isScheduled { probeAlarm.schedule(at: Reactor.shared.now) }
  }

  /// Finishes what is under way and gives every segment to `qmgr`. Nothing may be committed after.
  package func drain() async {
    while isFlushing || !filling.isEmpty {
      dispatch()
      await flushEnd()
    }
    idle.cancel()
    probeAlarm.cancel()
    endAlarm.cancel()
    for progress in await helper.perform({ [chain] in chain.close() }) { note(progress) }
  }
}
