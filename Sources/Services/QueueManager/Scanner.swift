import Primitives
import QueueFormat
import QueueStore
import Reactor
import ServiceKit

/// Finds at the start what is in the spool, newest segments first, while mail already flows
/// (spool rule R29).
@ReactorActor
final class Scanner {
  private static let retryPause = Duration.seconds(5)

  private unowned let queue: MailQueue
  /// Whether the scan of the start is over.
  private(set) var isComplete = false
  /// Whether nothing that was found has to be looked at again.
  var isIdle: Bool { isComplete && retries.isEmpty }
  /// Segments of an earlier queue manager that have not been recovered; `nil` before the spool has
  /// been listed.
  private var ownUnrecovered: Set<SegmentName>?
  /// Segments whose copies wait for the segments that they were copied from.
  private var waiting: [SegmentName] = []

  init(_ queue: MailQueue) {
    self.queue = queue
  }

  /// Whether all copies that there are have found their origins: before that no segment may be
  /// removed, since a copy without an origin counts as mail (spool rule R17).
  var knowsAllCopies: Bool { ownUnrecovered?.isEmpty ?? false }

  private func settled(_ name: SegmentName) {
    guard ownUnrecovered?.remove(name) != nil, knowsAllCopies else { return }
    removeSpent()
  }

  private func removeSpent() {
    for segment in Array(queue.segments.all) { queue.removeIfSpent(segment) }
  }

  /// Lists the segments, and removes what is left of those that are gone.
  ///
  /// - Throws: `.newerVersion` when a later build wrote here; nothing has been touched then.
  func list() async throws(SpoolError) -> [SegmentName] {
    let disk = queue.disk
    let names = try await queue.reader.perform { () throws(SpoolError) in
      let scan = try SpoolScan(disk)
      for name in scan.segments { try Self.checkVersion(of: name, on: disk) }
      try scan.removeLeftovers(disk)
      return scan.segments
    }
    ownUnrecovered = Set(names.filter { $0.writer == MailQueue.writerName })
    if knowsAllCopies { removeSpent() }
    return names
  }

  private nonisolated static func checkVersion(
    of name: SegmentName, on disk: LinuxDisk
  ) throws(SpoolError) {
    let block: [UInt8]
    do throws(SpoolError) {
      let file = try disk.open(name.segmentFile, in: .segments, writable: false)
      block = try disk.read(FileHeader.size, from: file, at: 0)
    } catch {
      // It is reported when its turn in the scan comes.
      return
    }
    do throws(FormatError) {
      _ = try FileHeader.read(block, expecting: .segment)
    } catch .newerVersion(let version) {
      throw .newerVersion(version)
    } catch {
      // Damage is nothing newer.
    }
  }

  /// Takes in the messages of all these segments.
  func scan(_ names: [SegmentName]) async {
    for name in names { await scan(name) }
    await scanWaiting()
    isComplete = true
    queue.mover.look(after: .zero)
  }

  /// Looks again at copies, as long as that leads on.
  private func scanWaiting() async {
    var before = Int.max
    while !waiting.isEmpty, waiting.count < before {
      before = waiting.count
      let names = waiting
      waiting.removeAll()
      for name in names { await scan(name) }
    }
  }

  /// Takes in the messages of a segment unless it is known already.
  func scan(_ name: SegmentName) async {
    retries[name] = nil
    guard queue.intake.reserve(name.nonce) else { return }
    let disk = queue.disk
    let recovered = queue.segments.nonces
    let now = queue.clock.wallNow
    do throws(SpoolError) {
      let found = try await queue.journalHelper.perform { () throws(SpoolError) in
        let found = try SegmentRecovery.recover(
          name, on: disk, now: now, recovered: recovered)
        // Agents get this description: no lock may outlive this process in their hands (R12).
        disk.close(found.file)
        return found
      }
      await install(found)
    } catch .missing {
      queue.intake.release(name, as: nil)
      settled(name)
      queue.settling.pulse()
    } catch .originFirst {
      queue.intake.release(name, as: nil)
      waiting.append(name)
    } catch {
      queue.log.error("qmgr", "cannot recover \(name.segmentFile): \(error)")
      queue.intake.release(name, as: nil)
      let alarm = Alarm {
        reactorTask {
          await self.scan(name)
          await self.scanWaiting()
        }
      }
      alarm.schedule(at: Reactor.shared.now + Self.retryPause)
      retries[name] = alarm
    }
  }

  private var retries: [SegmentName: Alarm] = [:]

  private func install(_ found: RecoveredSegment<LinuxDisk>) async {
    retries[found.name] = nil
    queue.report(found.problems, of: found.name)
    let segment = queue.segments.insert(
      found.name, file: found.file, journal: JournalKeeper(on: queue.disk, name: found.name))
    segment.isLocked = found.hasLivingWriter
    if found.hasLivingWriter {
      segment.history = found.history.messages
    } else {
      await queue.seal(segment, with: found) { await Reactor.shared.yieldTurn() }
    }
    queue.intake.release(found.name, as: segment)
    settled(found.name)
    queue.settling.pulse()
    queue.plan()
  }
}

extension MailQueue {
  /// How many messages of a recovery are taken in before everything else gets its turn.
  private static let rowsPerTurn = 512

  /// Takes in what the recovery of a segment without a writer found and the queue does not know.
  func seal(
    _ segment: Segment, with found: RecoveredSegment<LinuxDisk>,
    pause: @ReactorActor () async -> Void
  ) async {
    let known = segment.takenEnd
    segment.history.removeAll()
    segment.isSealed = true
    // A table without a seal does not say where the segment ends.
    segment.recoveredEnd = found.intakeEnd == .max ? 0 : found.intakeEnd
    segment.owner = nil
    segment.hasTable = !found.problems.contains {
      if case .notSealed = $0 { true } else { false }
    }
    // The count keeps the segment while its messages come in.
    segment.messageCount += 1
    for (count, row) in found.rows.enumerated() where row.offset >= known {
      restore(row, found.history.messages[row.offset], of: segment)
      if count % Self.rowsPerTurn == Self.rowsPerTurn - 1 {
        plan()
        await pause()
      }
    }
    let end = found.rows.last.map { $0.offset + 1 } ?? known
    segment.markedEnd = max(segment.markedEnd, end)
    segment.takenEnd = segment.markedEnd
    segment.messageCount -= 1
    removeIfSpent(segment)
  }

  /// Tells people what a recovery found.
  func report(_ problems: [SegmentProblem], of name: SegmentName) {
    for problem in problems {
      let text =
        switch problem {
        case .damage(let extent, let id):
          "\(extent.length) bytes at \(extent.offset) are damaged"
            + (id.map { " (message \($0))" } ?? "") + "; a copy is in corrupt/"
        case .foreignJournal: "its journal belongs to another segment and does not count"
        case .mismatchedEntries(let count): "\(count) journal entries fit no message"
        case .journalTail(let length): "\(length) bytes at the end of its journal are damaged"
        case .notSealed(let error): "its table of records cannot be written: \(error)"
        }
      log.warning("qmgr", "\(name.segmentFile): \(text)")
    }
  }
}
