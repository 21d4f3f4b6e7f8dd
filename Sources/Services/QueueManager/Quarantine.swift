import MailTypes
import Primitives
import QueueFormat
import QueueStore
import Reactor
import ServiceKit

/// Sets aside the records at which earlier lives of the queue manager died (spool rule R19): a copy
/// goes to `corrupt/`, the journal says so, and mail flows on.
@ReactorActor
final class Quarantine {
  private static let retryPause = Duration.seconds(5)
  private static let patience = Duration.seconds(30)

  private unowned let queue: MailQueue

  init(_ queue: MailQueue) {
    self.queue = queue
  }

  /// Takes a record that must not be taken into the queue.
  func add(_ row: RecordRow, of segment: Segment) {
    segment.messageCount += 1
    reactorTask {
      while !(await self.setAside(row, of: segment)) {
        let end = Reactor.shared.now + Self.retryPause
        guard (try? await sleep(until: end)) != nil else { return }
      }
      segment.messageCount -= 1
      self.queue.removeIfSpent(segment)
    }
  }

  private func setAside(_ row: RecordRow, of segment: Segment) async -> Bool {
    let disk = queue.disk
    let file = segment.file
    let name = segment.name
    do throws(SpoolError) {
      let copy = try await queue.journalHelper.perform { () throws(SpoolError) in
        let place = RecordPlace(nonce: name.nonce, offset: row.offset)
        let lead = try SegmentReader.lead(on: disk, file: file, place: place, id: row.id)
        let extent = Extent(offset: lead.offset, length: lead.length)
        return try CorruptCopy.make(of: extent, in: file, name, on: disk)
      }
      let reason = "the queue manager died twice while it had the message in hand"
      queue.journals.append(
        JournalEntry(
          .setAside(reason: Array(reason.utf8)), id: row.id, offset: row.offset,
          endsMessage: true, time: queue.clock.wallNow), to: segment)
      let isDurable = await queue.journals.flush(deadline: Reactor.shared.now + Self.patience)
      queue.log.error("qmgr", "\(row.id): \(reason): it is set aside as corrupt/\(copy)")
      return isDurable
    } catch {
      queue.log.error("qmgr", "\(row.id): cannot be set aside: \(error): it is tried again")
      return false
    }
  }
}
