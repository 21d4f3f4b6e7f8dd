import LinuxSystem
import Primitives
import QueueFormat
import QueueStore
import Reactor
import ServiceKit

/// The end of segments.
extension MailQueue {
  /// How long agents have for closing their descriptors before the queue manager closes its own,
  /// so that the blocks are freed by a helper and not under a reactor (spool rule R26).
  private static let closingDelay = Duration.seconds(1)

  /// Removes a segment and its journal once nothing in them is needed.
  func removeIfSpent(_ segment: Segment) {
    guard segment.isSpent, scanner.knowsAllCopies else { return }
    segment.isGone = true
    segments.remove(segment)
    for agent in segment.holders { agent.forget(segment) }
    segment.holders.removeAll()
    let disk = disk
    reactorTask {
      do throws(SpoolError) {
        try await self.journalHelper.perform { () throws(SpoolError) in
          segment.journal.close()
          try SpoolScan.remove(segment.name, on: disk)
        }
      } catch {
        self.log.error("qmgr", "cannot remove \(segment.name.segmentFile): \(error)")
      }
      if !self.pressure.lacksSpace {
        try? await sleep(until: Reactor.shared.now + Self.closingDelay)
      }
      let parting = Parting(segment.takeFile())
      await self.reader.perform { parting.close() }
      self.pressure.roomWasMade()
    }
  }
}

/// Carries a file to the helper on which it is closed.
private final class Parting: @unchecked Sendable {
  private var file: LinuxDisk.File?

  init(_ file: consuming LinuxDisk.File?) {
    self.file = consume file
  }

  func close() { file = nil }
}

/// Writes the tables of records of sealed segments, so that the next start does not have to walk
/// them (spool rule R29).
///
/// It waits a while: in most segments nothing is left by then, and they are removed instead.
@ReactorActor
final class Sealer {
  private static let delay = Duration.seconds(5)

  private unowned let queue: MailQueue
  private var waiting: [Segment] = []
  private lazy var alarm = Alarm { self.begin() }

  init(_ queue: MailQueue) {
    self.queue = queue
  }

  /// A segment has been sealed by its writer.
  func add(_ segment: Segment) {
    waiting.append(segment)
    if !alarm.isScheduled { alarm.schedule(at: Reactor.shared.now + Self.delay) }
  }

  private func begin() {
    let segments = waiting.filter { !$0.isGone && !$0.hasTable }
    waiting.removeAll()
    guard !segments.isEmpty else { return }
    reactorTask { for segment in segments { await self.seal(segment) } }
  }

  private func seal(_ segment: Segment) async {
    guard !segment.isGone, segment.messageCount > 0 else { return }
    guard segment.takenEnd >= segment.markedEnd else { return add(segment) }
    let disk = queue.disk
    let file = segment.file
    let end = segment.markedEnd
    let leads = await queue.reader.perform { () -> Result<SegmentFindings, SpoolError> in
      Result { () throws(SpoolError) in
        try SegmentWalk.leads(
          on: disk, file: file, nonce: segment.name.nonce, from: UInt64(FileHeader.size), to: end)
      }
    }
    guard !segment.isGone else { return }
    switch leads {
    case .failure(let error):
      queue.log.error("qmgr", "cannot read \(segment.name.segmentFile): \(error)")
      add(segment)
    case .success(let findings):
      segment.hasTable = true
      let now = queue.clock.wallNow
      let events =
        JournalCompaction.tableEntries(findings.records.map { RecordRow($0) })
        + [.sealed(end: end, reason: .full)]
      for event in events {
        queue.journals.append(JournalEntry(segment: event, time: now), to: segment)
      }
    }
  }
}
