import MailTypes
import Primitives
import QueueFormat
import QueueStore

/// What the queue manager is to be told of how far segments are flushed, not more often than an
/// interval allows: while mail comes in a stream, each wake-up of the queue manager and of those
/// behind it then serves several messages.
///
/// The first news after a pause goes out at once. What is held is lost with the process and lies
/// on the disk nevertheless: the queue manager looks there when a writer has died.
struct HeldNotices {
  private let interval: Duration
  private var held: [SegmentProgress] = []
  private var last: MonotonicTime?

  /// - Parameter interval: the least time between two notices.
  init(interval: Duration) { self.interval = interval }

  /// Adds what is new.
  ///
  /// - Returns: when `take` is to be called: not later than now when the news goes out at once.
  mutating func add(_ progress: SegmentProgress, now: MonotonicTime) -> MonotonicTime {
    if let index = held.firstIndex(where: { $0.name == progress.name }) {
      held[index] = progress
    } else {
      held.append(progress)
    }
    // A sealed segment is one less to hold, so that there are never more than are open at a time.
    guard !progress.isSealed, let last else { return now }
    return max(last + interval, now)
  }

  /// Takes what is to be told, in the order in which segments had news first.
  mutating func take(now: MonotonicTime) -> [SegmentProgress] {
    last = now
    defer { held.removeAll(keepingCapacity: true) }
    return held
  }
}
