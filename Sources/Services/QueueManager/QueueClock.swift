import LinuxSystem
import Primitives
import Reactor

/// Stored times are wall clock, running timers monotonic: this converts between them and notices
/// when somebody moves the wall clock (spool rule R21).
@ReactorActor
struct QueueClock {
  /// A jump of the wall clock that suspends expiry.
  private static let jumpMin = Duration.seconds(600)

  /// The wall clock's distance from the monotonic clock in microseconds.
  private var offset: Int64

  init() {
    offset = Self.measure()
  }

  private static func measure() -> Int64 {
    Clocks.wallNow().microseconds - Clocks.monotonicNow().nanoseconds / 1000
  }

  /// The wall time now.
  var wallNow: WallTime { Clocks.wallNow() }

  /// The monotonic time of a wall time.
  func monotonic(_ time: WallTime) -> MonotonicTime {
    let (difference, overflow) = time.microseconds.subtractingReportingOverflow(offset)
    let (nanoseconds, overflow2) = difference.multipliedReportingOverflow(by: 1000)
    if overflow || overflow2 {
      return MonotonicTime(nanoseconds: time.microseconds < 0 ? .min / 2 : .max / 2)
    }
    return MonotonicTime(nanoseconds: nanoseconds)
  }

  /// The wall time of a monotonic time.
  func wall(_ time: MonotonicTime) -> WallTime {
    WallTime(microseconds: time.nanoseconds / 1000 + offset)
  }

  /// Looks at the clocks again.
  ///
  /// - Returns: how far the wall clock jumped, when it did.
  mutating func adjust() -> Duration? {
    let fresh = Self.measure()
    let change = Duration.microseconds(fresh - offset)
    offset = fresh
    return change > Self.jumpMin || change < .zero - Self.jumpMin ? change : nil
  }
}
