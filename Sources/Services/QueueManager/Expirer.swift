import MailTypes
import Primitives
import QueueFormat
import QueueScheduler
import QueueStore
import Reactor
import ServiceKit

/// Returns mail that became too old outside the active window: reads who has not got it and why,
/// and hands that to the bouncer.
@ReactorActor
final class Expirer {
  private static let retryPause = Duration.seconds(60)

  private unowned let queue: MailQueue
  private var waiting: [MessageRecord] = []
  private var isRunning = false

  init(_ queue: MailQueue) {
    self.queue = queue
  }

  /// A message is too old.
  func add(_ record: MessageRecord) {
    waiting.append(record)
    guard !isRunning else { return }
    isRunning = true
    reactorTask {
      while let next = self.waiting.popLast() { await self.expire(next) }
      self.isRunning = false
    }
  }

  private func expire(_ record: MessageRecord) async {
    let disk = queue.disk
    let reading = RecordReading(record)
    let stored = await queue.reader.perform { reading.read(on: disk) }
    let journal = record.segment.journal
    let entries = await queue.journalHelper.perform { try? journal.contents() }
    guard case .success(let found) = stored, let envelope = found.envelope else {
      queue.log.error("qmgr", "\(record.id): its record cannot be read: it is tried again later")
      _ = queue.scheduler.putBack(record.ref, recipients: 0, now: Reactor.shared.now)
      return queue.plan()
    }
    let reasons = Self.reasons(entries ?? [], of: record)
    let message = ActiveMessage(
      ref: record.ref, id: record.id, offset: record.offset, segment: record.segment,
      envelope: envelope,
      recipients: envelope.recipients.map {
        ActiveRecipient(address: $0.address, original: $0.original?.bytes ?? [], target: nil)
      }, activated: queue.clock.wallNow)
    let ended = queue.endedRecipients.removeValue(forKey: record.ref) ?? []
    for index in envelope.recipients.indices.map(UInt32.init) where !ended.contains(index) {
      message.failures.append(reasons[index] ?? .expired(index))
    }
    queue.logExpiry(record, sender: envelope.sender)
    queue.bouncer.add(FailedDelivery(message, endsMessage: true))
  }

  /// The last word about each recipient of a message.
  private static func reasons(
    _ entries: [JournalEntry], of record: MessageRecord
  ) -> [UInt32: RecipientVerdict] {
    var reasons: [UInt32: RecipientVerdict] = [:]
    for entry in entries where entry.offset == record.offset && entry.id == record.id {
      guard case .deferred(let attempt, _) = entry.event, let recipient = entry.recipient else {
        continue
      }
      reasons[recipient] = RecipientVerdict(
        index: recipient, outcome: .deferred, status: attempt.status, text: attempt.reply,
        relay: attempt.nextHop)
    }
    return reasons
  }
}

extension RecipientVerdict {
  /// For a recipient of a message that is too old, when nothing else is known.
  static func expired(_ recipient: UInt32) -> RecipientVerdict {
    RecipientVerdict(
      index: recipient, outcome: .deferred, status: EnhancedStatus(4, 4, 7),
      text: Array("delivery time expired".utf8), relay: Array("none".utf8))
  }
}
