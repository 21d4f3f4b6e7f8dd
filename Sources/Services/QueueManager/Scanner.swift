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

  init(_ queue: MailQueue) {
    self.queue = queue
  }

  /// Lists the segments, and removes what is left of those that are gone.
  ///
  /// - Throws: `.newerVersion` when a later build wrote here; nothing has been touched then.
  func list() async throws(SpoolError) -> [SegmentName] {
    let disk = queue.disk
    return try await queue.reader.perform { () throws(SpoolError) in
      let scan = try SpoolScan(disk)
      for name in scan.segments { try Self.checkVersion(of: name, on: disk) }
      try scan.removeLeftovers(disk)
      return scan.segments
    }
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
    isComplete = true
  }

  /// Takes in the messages of a segment unless it is known already.
  func scan(_ name: SegmentName) async {
    retries[name] = nil
    guard queue.intake.reserve(name.nonce) else { return }
    let disk = queue.disk
    let now = queue.clock.wallNow
    do throws(SpoolError) {
      let found = try await queue.journalHelper.perform { () throws(SpoolError) in
        let found = try SegmentRecovery.recover(name, on: disk, now: now)
        // Agents get this description: no lock may outlive this process in their hands (R12).
        disk.close(found.file)
        return found
      }
      await install(found)
    } catch .missing {
      queue.intake.release(name, as: nil)
    } catch {
      queue.log.error("qmgr", "cannot recover \(name.segmentFile): \(error)")
      queue.intake.release(name, as: nil)
      let alarm = Alarm { reactorTask { await self.scan(name) } }
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
    if found.hasLivingWriter {
      segment.history = found.history.messages
    } else {
      await queue.seal(segment, with: found) { await Reactor.shared.yieldTurn() }
    }
    queue.intake.release(found.name, as: segment)
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
