import MailTypes
import Primitives
import QueueFormat
import QueueScheduler
import QueueStore
import Reactor
import ServiceKit

/// Tells senders that their mail is delayed: reads who has not got it so far and why, and hands
/// that to the bouncer. Nothing is done to the message; it may be tried, and end, meanwhile.
///
/// Much of a segment's mail may be delayed at once: its journal is read for all of it together,
/// and no more reports are made than the bouncer writes.
@ReactorActor
final class DelayWarner {
  /// Messages that are looked at in one go.
  private static let messagesPerRound = 4096

  private unowned let queue: MailQueue
  /// Messages whose records are needed where they are.
  private var inHand: Set<MessageRef> = []
  private var isRunning = false
  private var isStopped = false

  init(_ queue: MailQueue) {
    self.queue = queue
  }

  /// Whether a message is being looked at: its record is needed where it is.
  func concerns(_ ref: MessageRef) -> Bool { inHand.contains(ref) }

  /// Begins no report any more: who is not told now is when the message is put away again.
  func stop() { isStopped = true }

  /// There are delayed messages whose senders have not been told.
  func start() {
    guard !isRunning, !isStopped else { return }
    isRunning = true
    reactorTask {
      while self.queue.scheduler.hasDelayed, !self.isStopped {
        let delayed = self.queue.scheduler.takeDelayed(limit: Self.messagesPerRound)
        let batches = Dictionary(grouping: delayed.compactMap(self.take), by: \.segment.number)
        for records in batches.values { await self.warn(records) }
      }
      self.isRunning = false
    }
  }

  /// Keeps a message's record where it is; `nil` for one that is gone or, until it is put away
  /// again, for one between two places: nobody could say which of its journals has to tell.
  private func take(_ ref: MessageRef) -> MessageRecord? {
    guard !queue.scheduler.isEnding(ref) else { return nil }
    let record = queue.record(of: ref)
    guard !queue.scheduler.isMoving(record.id) else {
      queue.scheduler.delayReportFailed(ref)
      return nil
    }
    inHand.insert(ref)
    record.segment.messageCount += 1
    return record
  }

  private func release(_ record: MessageRecord) {
    inHand.remove(record.ref)
    record.segment.messageCount -= 1
    queue.removeIfSpent(record.segment)
  }

  /// Tells the senders of messages of one segment.
  private func warn(_ records: [MessageRecord]) async {
    let reasons = await queue.deferralReasons(in: records[0].segment)
    for record in records {
      await queue.bouncer.waitForRoom()
      if isStopped {
        queue.scheduler.delayReportFailed(record.ref)
      } else {
        await warn(record, reasons)
      }
      release(record)
    }
  }

  private func warn(_ record: MessageRecord, _ reasons: DeferralReasons) async {
    let read = await queue.read(record)
    guard !queue.scheduler.isEnding(record.ref) else { return }
    guard let message = read else {
      queue.log.error("qmgr", "\(record.id): its record cannot be read: its delay is told later")
      return queue.scheduler.delayReportFailed(record.ref)
    }
    let ended = queue.ended(of: record.ref)
    let open = message.recipients.indices.map(UInt32.init).filter { !ended.contains($0) }
    let verdicts = open.map { index in
      let last = reasons.reason(of: record.id, at: record.offset, recipient: index)
      return last.map { RecipientVerdict(index, $0) } ?? queue.suspension(of: index, in: record)
        ?? .delayed(index)
    }
    queue.bouncer.add(PendingReport(delaysOf: message, verdicts))
  }
}

extension RecipientVerdict {
  /// For a recipient of a delayed message, when nothing else is known.
  fileprivate static func delayed(_ recipient: UInt32) -> RecipientVerdict {
    RecipientVerdict(
      index: recipient, outcome: .deferred, status: EnhancedStatus(4, 0, 0),
      text: Array("not delivered yet".utf8), relay: Array("none".utf8))
  }
}
