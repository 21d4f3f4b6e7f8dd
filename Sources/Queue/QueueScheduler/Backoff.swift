import Primitives

/// When mail is tried again, and when it has been tried for long enough.
extension SchedulerSettings {
  /// The time of the next attempt: as far ahead as the message is old, within the bounds.
  func nextAttempt(arrival: MonotonicTime, now: MonotonicTime) -> MonotonicTime {
    now + min(max(now.since(arrival), backoffMin), backoffMax)
  }

  /// A time from the disk, brought into the range that this run could have chosen (rule R21).
  func clamped(_ time: MonotonicTime, now: MonotonicTime) -> MonotonicTime {
    min(max(time, now), now + backoffMax)
  }

  /// Whether a message is older than it may get.
  func isOverdue(arrival: MonotonicTime, fromNullSender: Bool, now: MonotonicTime) -> Bool {
    now.since(arrival) >= (fromNullSender ? bounceLifetime : lifetime)
  }
}
