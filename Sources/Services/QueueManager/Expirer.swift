import MailTypes
import Primitives
import QueueFormat
import QueueScheduler
import QueueStore
import Reactor
import ServiceKit

/// Returns mail that became too old outside the active window: reads who has not got it and why,
/// and hands that to the bouncer.
///
/// Much of a segment's mail may become too old at once: its journal is read for all of it together.
@ReactorActor
final class Expirer {
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
      while !self.waiting.isEmpty {
        let batch = Dictionary(grouping: self.waiting, by: \.segment.number)
        self.waiting.removeAll(keepingCapacity: true)
        for records in batch.values { await self.expire(records) }
      }
      self.isRunning = false
    }
  }

  /// Returns messages of one segment.
  private func expire(_ records: [MessageRecord]) async {
    let reasons = await queue.deferralReasons(in: records[0].segment)
    for record in records { await expire(record, reasons) }
  }

  private func expire(_ record: MessageRecord, _ reasons: DeferralReasons) async {
    let disk = queue.disk
    let reading = RecordReading(record, in: queue)
    let stored = await queue.reader.perform { reading.read(on: disk) }
    guard case .success(let found) = stored, let envelope = found.envelope else {
      queue.log.error("qmgr", "\(record.id): its record cannot be read: it is tried again later")
      _ = queue.scheduler.putBack(record.ref, recipients: 0, now: Reactor.shared.now)
      return queue.plan()
    }
    let message = ActiveMessage(
      ref: record.ref, id: record.id, offset: record.offset, segment: record.segment,
      envelope: envelope,
      recipients: envelope.recipients.map(ActiveRecipient.init), activated: queue.clock.wallNow)
    let ended = queue.endedRecipients.removeValue(forKey: record.ref) ?? []
    for index in envelope.recipients.indices.map(UInt32.init) where !ended.contains(index) {
      let last = reasons.reason(of: record.id, at: record.offset, recipient: index)
      message.failures.append(
        last.map { RecipientVerdict(index, $0) } ?? queue.suspension(of: index, in: record)
          ?? .expired(index))
    }
    queue.logExpiry(record, sender: envelope.sender)
    queue.bouncer.add(PendingReport(failuresOf: message, endsMessage: true))
  }
}

extension RecipientVerdict {
  /// What an attempt said that put a recipient off.
  init(_ index: UInt32, _ attempt: DeliveryAttempt) {
    self.init(
      index: index, outcome: .deferred, status: attempt.status, text: attempt.reply,
      relay: attempt.nextHop)
  }

  /// For a recipient of a message that is too old, when nothing else is known.
  static func expired(_ recipient: UInt32) -> RecipientVerdict {
    RecipientVerdict(
      index: recipient, outcome: .deferred, status: EnhancedStatus(4, 4, 7),
      text: Array("delivery time expired".utf8), relay: Array("none".utf8))
  }
}
