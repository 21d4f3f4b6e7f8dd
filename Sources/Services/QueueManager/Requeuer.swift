import LinuxSystem
import MailTypes
import Primitives
import QueueFormat
import QueueScheduler
import QueueStore
import Reactor
import ServiceKit

/// Puts new messages in the place of those that an administrator wants requeued: what is left of
/// the envelope, the content behind one more trace field, under a new name. The new record is
/// flushed before the old one is done (spool rule R4); its recipients are rewritten, and intake
/// finds it as any new mail, so it is routed anew.
@ReactorActor
final class Requeuer {
  private unowned let queue: MailQueue
  private var waiting: [MessageRecord] = []
  private var isRunning = false
  private var isDraining = false
  private let change = Gate()

  init(_ queue: MailQueue) {
    self.queue = queue
  }

  /// A message is to be replaced; after `drain` by the next life, which finds the order.
  func add(_ record: MessageRecord) {
    guard !isDraining else { return }
    waiting.append(record)
    guard !isRunning else { return }
    isRunning = true
    reactorTask {
      while let next = self.waiting.popLast() { await self.requeue(next) }
      self.isRunning = false
      self.change.pulse()
    }
  }

  /// Waits until all that was begun is done, and says whether it is; the others are found again by
  /// the next life.
  func drain(deadline: MonotonicTime) async -> Bool {
    isDraining = true
    waiting.removeAll()
    do throws(WaitError) {
      try await change.wait(deadline: deadline) { isRunning }
      return true
    } catch {
      queue.log.warning("qmgr", "a requeued message was not written in time: it is tried again")
      return false
    }
  }

  private func requeue(_ record: MessageRecord) async {
    do {
      let original = try await Resubmission(of: record, in: queue)
      let id = queue.writer.makeQueueID(now: queue.clock.wallNow)
      let ended = queue.ended(of: record.ref)
      var fresh = original.envelope
      fresh.recipients = original.envelope.recipients.enumerated().filter {
        !ended.contains(UInt32($0.offset))
      }.map(\.element)
      fresh.served += original.envelope.recipients.enumerated().filter {
        ended.contains(UInt32($0.offset))
      }.map(\.element)
      // As for any new mail: what the configuration says now.
      fresh.contentFilter = Array(queue.settings.contentFilter.utf8)
      fresh = try await queue.rewritten(fresh)
      try await original.write(fresh, as: id)
      log(id, of: record.id, from: fresh.sender)
      queue.finish(record, with: .requeued(as: id))
    } catch {
      queue.log.error("qmgr", "\(record.id): cannot be requeued: \(error): it is tried again later")
      _ = queue.scheduler.putBack(record.ref, recipients: 0, now: Reactor.shared.now)
      queue.plan()
    }
  }

  private func log(_ id: QueueID, of origin: QueueID, from sender: MailAddress) {
    queue.log.line("pickup") {
      $0.append(queueID: id)
      $0.append(text: ": uid=")
      $0.append(decimal: Identity.uid)
      $0.append(text: " from=<")
      $0.append(peerText: sender.bytes)
      $0.append(text: "> orig_id=")
      $0.append(queueID: origin)
    }
  }
}
