import DequeModule
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
/// Much of a segment's mail may become too old at once: its journal is read for all of it together,
/// and no more of it is loaded than the bouncer writes reports.
@ReactorActor
final class Expirer {
  /// Messages that are looked at in one go.
  private static let messagesPerRound = 4096

  private unowned let queue: MailQueue
  private var waiting: Deque<MessageRef> = []
  private var isRunning = false
  private var isStopped = false

  init(_ queue: MailQueue) {
    self.queue = queue
  }

  /// Returns no message any more: who is left is too old in the next life too.
  func stop() { isStopped = true }

  /// A message is too old.
  func add(_ message: MessageRef) {
    waiting.append(message)
    guard !isRunning else { return }
    isRunning = true
    reactorTask {
      while !self.waiting.isEmpty, !self.isStopped {
        let round = self.waiting.prefix(Self.messagesPerRound)
        let batches = Dictionary(
          grouping: round.map { self.queue.record(of: $0) }, by: \.segment.number)
        self.waiting.removeFirst(round.count)
        for records in batches.values { await self.expire(records) }
      }
      self.isRunning = false
    }
  }

  /// Returns messages of one segment.
  private func expire(_ records: [MessageRecord]) async {
    let reasons = await queue.deferralReasons(in: records[0].segment)
    for record in records {
      await queue.bouncer.waitForRoom()
      guard !isStopped else { return }
      await expire(record, reasons)
    }
  }

  private func expire(_ record: MessageRecord, _ reasons: DeferralReasons) async {
    guard let message = await queue.read(record) else {
      queue.log.error("qmgr", "\(record.id): its record cannot be read: it is tried again later")
      _ = queue.scheduler.putBack(record.ref, recipients: 0, now: Reactor.shared.now)
      return queue.plan()
    }
    let ended = queue.endedRecipients[record.ref] ?? []
    for index in message.recipients.indices.map(UInt32.init) where !ended.contains(index) {
      let last = reasons.reason(of: record.id, at: record.offset, recipient: index)
      message.failures.append(
        last.map { RecipientVerdict(index, $0) } ?? queue.suspension(of: index, in: record)
          ?? .expired(index))
    }
    queue.logExpiry(record, sender: message.sender)
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
