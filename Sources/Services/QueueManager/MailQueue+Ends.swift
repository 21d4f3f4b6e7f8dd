import MailTypes
import Primitives
import QueueFormat
import QueueScheduler
import Reactor
import ServiceKit

/// What is done when a message's run through the active window is over.
extension MailQueue {
  /// A run that ended without a delivery.
  func ended(_ ref: MessageRef, _ end: RunEnd) {
    if let message = messages[ref] { return ended(message, end) }
    let place = record(of: ref)
    switch end {
    case .finished: finish(place, with: .done)
    case .deleted: finish(place, with: .deleted)
    case .expired: expirer.add(ref)
    case .replacing: requeuer.add(place)
    case .held(let afterDeaths): hold(place, afterDeaths: afterDeaths)
    case .deferred, .requeued: break
    }
  }

  /// A run of a message whose envelope is in memory.
  func ended(_ message: ActiveMessage, _ end: RunEnd) {
    messages[message.ref] = nil
    if end == .deleted || end == .replacing { dropFailures(of: message) }
    // Also of one that is over: when its report cannot be written, it is tried again without those
    // who have it.
    let ended = message.endedRecipients
    endedRecipients[message.ref] = ended.isEmpty ? nil : ended
    switch end {
    case .finished:
      if message.failures.isEmpty, message.successes.isEmpty { whenRecorded(message.record) }
    case .deleted: finish(message.record, with: .deleted)
    case .expired: expire(message)
    case .replacing: requeuer.add(message.record)
    case .held(let afterDeaths): hold(message.record, afterDeaths: afterDeaths)
    case .deferred, .requeued: break
    }
    // The last report ends the message.
    let isOver = end == .finished || end == .expired
    if !message.successes.isEmpty {
      bouncer.add(
        PendingReport(
          successesOf: message, endsMessage: isOver && message.failures.isEmpty))
    }
    if !message.failures.isEmpty {
      bouncer.add(PendingReport(failuresOf: message, endsMessage: isOver))
    }
  }

  /// Of deleted mail nobody is told, and who refused requeued mail is asked again: the results
  /// of both need no entry but the order's.
  private func dropFailures(of message: ActiveMessage) {
    message.reopened = Set(message.failures.map(\.index))
    message.failures.removeAll()
    for (agent, delivery) in message.heldResults { journals.acknowledge(delivery, of: agent) }
    message.heldResults.removeAll()
  }

  /// Where the record of a message lies.
  func record(of ref: MessageRef) -> MessageRecord {
    guard let summary = scheduler.summary(of: ref) else {
      preconditionFailure("a message is looked for that is not there")
    }
    return MessageRecord(
      ref: ref, id: summary.id, segment: segments[summary.place.segment],
      offset: summary.place.offset)
  }

  /// A message is too old: who has not got it never will, for the reason of the last attempt.
  private func expire(_ message: ActiveMessage) {
    logExpiry(message.record, sender: message.sender)
    for index in message.recipients.indices {
      guard let target = message.recipients[index].target else { continue }
      let own = message.postponed.last { $0.index == index }
      message.failures.append(
        own ?? suspensions.reason(of: UInt32(index), for: target) ?? .expired(UInt32(index)))
      message.recipients[index].target = nil
    }
  }

  /// Logs that a message was given up.
  func logExpiry(_ record: MessageRecord, sender: MailAddress) {
    let isOrdered = scheduler.summary(of: record.ref)?.isToExpire == true
    log.line("qmgr") {
      $0.append(queueID: record.id)
      $0.append(text: ": from=<")
      $0.append(peerText: sender.bytes)
      $0.append(text: isOrdered ? ">, status=force-expired" : ">, status=expired")
      $0.append(text: ", returned to sender")
    }
  }

  private func hold(_ record: MessageRecord, afterDeaths: Bool) {
    guard afterDeaths else { return }
    let reason = "delivery agents died while they had it"
    log.line("qmgr", severity: .warning) {
      $0.append(text: "warning: ")
      $0.append(queueID: record.id)
      $0.append(text: ": placed on hold: ")
      $0.append(string: reason)
    }
    journals.append(
      record.entry(.held(reason: Array(reason.utf8)), time: clock.wallNow), to: record.segment)
  }

  /// Writes down that nothing is left to do, and forgets the message.
  func finish(_ record: MessageRecord, with event: JournalEvent) {
    journals.append(
      record.entry(event, endsMessage: true, time: clock.wallNow), to: record.segment)
    let isByOrder = if case .done = event { false } else { true }
    journals.whenWritten { self.forget(record, isByOrder: isByOrder) }
  }

  /// Forgets a message once its end, which has been appended, is written.
  func whenRecorded(_ record: MessageRecord) {
    journals.whenWritten { self.forget(record, isByOrder: false) }
  }

  /// - Parameter isByOrder: whether its end has been logged as the order's.
  private func forget(_ record: MessageRecord, isByOrder: Bool) {
    if !isByOrder {
      log.line("qmgr") {
        $0.append(queueID: record.id)
        $0.append(text: ": removed")
      }
    }
    endedRecipients[record.ref] = nil
    scheduler.forget(record.ref)
    record.segment.messageCount -= 1
    removeIfSpent(record.segment)
    pressure.messageLeft()
    if record.segment.isSealed { mover.look(after: settings.relocationDelay) }
  }
}

/// Which message it is and where its record lies.
struct MessageRecord: Sendable {
  let ref: MessageRef
  let id: QueueID
  let segment: Segment
  let offset: UInt64

  /// An entry about the whole message.
  func entry(
    _ event: JournalEvent, endsMessage: Bool = false, time: WallTime
  ) -> JournalEntry {
    JournalEntry(event, id: id, offset: offset, endsMessage: endsMessage, time: time)
  }
}

extension ActiveMessage {
  /// Which message it is.
  var record: MessageRecord {
    MessageRecord(ref: ref, id: id, segment: segment, offset: offset)
  }
}
