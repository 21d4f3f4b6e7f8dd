import Primitives
import QueueFormat
import QueueStore
import Reactor
import ServiceKit

/// Brings in the segments of writers that died: when their locks are free they are walked, flushed
/// and sealed (spool rule R12).
@ReactorActor
final class Orphans {
  private static let pause = Duration.seconds(1)

  private unowned let queue: MailQueue
  /// Writers that live, by their names in those of segments.
  private var greeted: Set<String> = []
  private var isRunning = false
  private var scansFolder = false
  private lazy var alarm = Alarm { self.begin() }

  init(_ queue: MailQueue) {
    self.queue = queue
  }

  /// Whether no segment waits for its writer's end to be seen. One that is locked by a writer that
  /// lives, and of which that has not spoken, holds nothing that anybody could have been given: it
  /// is made ready, or a large message is on its way into it.
  var isIdle: Bool {
    !isRunning && !scansFolder
      && orphans.allSatisfy { $0.isLocked && greeted.contains($0.name.writer) }
  }

  /// A writer has said how far all its segments are.
  func writerGreeted(_ writer: ProcessName) { greeted.insert(writer.spoolName) }

  /// A writer is gone: its segments belong to nobody, and it may have left some unannounced.
  func lose(_ writer: ProcessName) {
    greeted.remove(writer.spoolName)
    for segment in queue.segments.all where segment.owner == writer { segment.owner = nil }
    for segment in queue.segments.all where segment.name.writer == writer.spoolName {
      segment.isLocked = false
    }
    scansFolder = true
    plan()
  }

  /// Some segment may be without a writer.
  func plan() {
    guard !alarm.isScheduled, !isRunning else { return }
    alarm.schedule(at: Reactor.shared.now + Self.pause)
  }

  private func begin() {
    guard !isRunning else { return }
    isRunning = true
    reactorTask {
      await self.scanFolder()
      await self.recoverAll()
      self.isRunning = false
      if self.isIdle { self.queue.settling.pulse() }
      if self.scansFolder || !self.orphans.isEmpty { self.plan() }
    }
  }

  private var orphans: [Segment] {
    queue.segments.all.filter { $0.owner == nil && !$0.isSealed }
  }

  private func scanFolder() async {
    guard scansFolder, queue.scanner.isComplete else { return }
    scansFolder = false
    let disk = queue.disk
    let names = await queue.reader.perform { (try? SpoolScan(disk))?.segments }
    guard let names else {
      scansFolder = true
      return
    }
    for name in names where queue.segments.find(name.nonce) == nil {
      await queue.scanner.scan(name)
    }
  }

  private func recoverAll() async {
    for segment in orphans where segment.takenEnd >= segment.markedEnd {
      await recover(segment)
    }
  }

  private func recover(_ segment: Segment) async {
    let disk = queue.disk
    let journal = segment.journal
    let name = segment.name
    let now = queue.clock.wallNow
    let recovered = queue.segments.nonces
    do throws(SpoolError) {
      let found = try await queue.journalHelper.perform { () throws(SpoolError) in
        // Not the description that agents have: if this process were killed now, they would hold
        // the lock, and the next one would take the writer for alive (rule R12).
        let file = try disk.open(name.segmentFile, in: .segments, writable: false)
        guard try disk.lock(file) else { return Optional<RecoveredSegment<LinuxDisk>>.none }
        defer { disk.close(file) }
        // The recovery rewrites the journal, so it has to have all of it.
        try journal.release(now: now)
        return try SegmentRecovery.recover(
          name, on: disk, now: now, openFile: file, recovered: recovered)
      }
      segment.isLocked = found == nil
      guard let found, segment.owner == nil, !segment.isSealed, !segment.isGone else { return }
      queue.report(found.problems, of: name)
      queue.log.line("qmgr") {
        $0.append(text: "segment ")
        $0.append(string: name.segmentFile)
        $0.append(text: " of a dead writer is sealed")
      }
      await queue.seal(segment, with: found) { await Reactor.shared.yieldTurn() }
      queue.plan()
    } catch {
      queue.log.error("qmgr", "cannot recover \(name.segmentFile): \(error)")
    }
  }
}
