import DequeModule
import Primitives

/// Telling senders that their mail is delayed: once per message, when it is put away after
/// `delay_warning_time`. The caller writes down that it was told, so that `restore` knows.
extension QueueScheduler {
  /// Whether there are delayed messages whose senders are to be told.
  package var hasDelayed: Bool { !delayed.isEmpty }

  /// Takes messages whose senders are to be told of a delay, at most so many; some of them may be
  /// gone. None is named again unless `delayReportFailed` says so.
  package mutating func takeDelayed(limit: Int) -> [MessageRef] {
    let taken = Array(delayed.prefix(limit))
    delayed.removeFirst(taken.count)
    return taken
  }

  /// Whether the sender of a message has been told of its delay, or is about to be.
  package func isDelayReported(_ ref: MessageRef) -> Bool {
    index.isKnown(ref) && index[ref.slot].marks.contains(.delayReported)
  }

  /// The sender of a message could not be told of its delay: it is when the message is put away
  /// again.
  package mutating func delayReportFailed(_ ref: MessageRef) {
    guard index.isKnown(ref) else { return }
    index[ref.slot].marks.remove(.delayReported)
  }

  /// Notes a message that is put away, if its sender is to be told of the delay now.
  mutating func noteDelay(_ slot: UInt32, now: MonotonicTime) {
    // Nor is anything told by a clock that has just jumped (rule R21).
    guard settings.delayWarning > .zero, now >= expirySuspendedUntil,
      index[slot].marks.isDisjoint(with: [.nullSender, .delayReported]),
      now >= index[slot].arrival + settings.delayWarning
    else { return }
    index[slot].marks.insert(.delayReported)
    delayed.append(index.ref(slot))
  }
}
