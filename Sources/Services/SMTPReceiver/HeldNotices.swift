import MailTypes
import Primitives
import QueueFormat
import QueueStore

/// What the queue manager is to be told of how far segments are flushed, not more often than an
/// interval allows: while mail comes in a stream, each wake-up of the queue manager and of those
/// behind it then serves several messages.
///
/// The first news after a pause goes out at once. So does all news that comes so fast that the
/// queue manager has no time to sleep in between: it takes several at a time anyway, and would get
/// its work in heaps. What is held is lost with the process and lies on the disk nevertheless: the
/// queue manager looks there when a writer has died.
struct HeldNotices {
  private let interval: Duration
  private var held: [SegmentProgress] = []
  private var toldAt: MonotonicTime?
  private var newsAt: MonotonicTime?
  /// The usual time between two pieces of news, never taken for longer than the interval.
  private var pace: Duration

  /// News that comes this part of the interval apart, or faster, is not held.
  private static let fastPart = 8
  /// How many pieces of news the usual time is that of.
  private static let memory = 8

  /// - Parameter interval: the least time between two notices.
  init(interval: Duration) {
    self.interval = interval
    pace = interval
  }

  /// Adds what is new.
  ///
  /// - Returns: when `take` is to be called: not later than now when the news goes out at once.
  mutating func add(_ progress: SegmentProgress, now: MonotonicTime) -> MonotonicTime {
    if let index = held.firstIndex(where: { $0.name == progress.name }) {
      held[index] = progress
    } else {
      held.append(progress)
    }
    let gap = newsAt.map { min(now.since($0), interval) } ?? interval
    newsAt = now
    pace = (pace * (Self.memory - 1) + gap) / Self.memory
    // A sealed segment is one less to hold, so that there are never more than are open at a time.
    guard !progress.isSealed, pace > interval / Self.fastPart, let toldAt else { return now }
    return max(toldAt + interval, now)
  }

  /// Takes what is to be told, in the order in which segments had news first.
  mutating func take(now: MonotonicTime) -> [SegmentProgress] {
    toldAt = now
    defer { held.removeAll(keepingCapacity: true) }
    return held
  }
}
