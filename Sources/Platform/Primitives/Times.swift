/// A point on the monotonic clock, in nanoseconds since an arbitrary origin.
///
/// Running timers use it; it is never written to disk and means nothing in another boot.
package struct MonotonicTime: Hashable, Comparable, Sendable {
  /// Nanoseconds since the clock's origin.
  package var nanoseconds: Int64

  /// Wraps a reading of `CLOCK_MONOTONIC` in nanoseconds.
  package init(nanoseconds: Int64) {
    self.nanoseconds = nanoseconds
  }

  package static func < (a: Self, b: Self) -> Bool { a.nanoseconds < b.nanoseconds }

  /// The time `interval` after `time`, clamped to the far future.
  package static func + (time: Self, interval: Duration) -> Self {
    let (sum, overflow) = time.nanoseconds.addingReportingOverflow(interval.wholeNanoseconds)
    return Self(nanoseconds: overflow ? .max : sum)
  }

  /// How long after `earlier` this time is (negative when it is before).
  package func since(_ earlier: Self) -> Duration {
    .nanoseconds(nanoseconds - earlier.nanoseconds)
  }
}

/// A point on the wall clock, in microseconds since 1970-01-01T00:00:00Z.
///
/// Stored times are wall times; they are clamped when they are loaded (spool rule R21).
package struct WallTime: Hashable, Comparable, Sendable {
  /// Microseconds since the epoch.
  package var microseconds: Int64

  /// Wraps microseconds since the epoch.
  package init(microseconds: Int64) {
    self.microseconds = microseconds
  }

  /// Whole seconds since the epoch.
  package var seconds: Int64 { microseconds / 1_000_000 }

  package static func < (a: Self, b: Self) -> Bool { a.microseconds < b.microseconds }

  /// The time `interval` after `time`.
  package static func + (time: Self, interval: Duration) -> Self {
    Self(microseconds: time.microseconds &+ interval.wholeNanoseconds / 1000)
  }

  /// How long after `earlier` this time is (negative when it is before).
  package func since(_ earlier: Self) -> Duration {
    .microseconds(microseconds - earlier.microseconds)
  }
}

extension Duration {
  /// The duration in nanoseconds, clamped to the range of `Int64`.
  package var wholeNanoseconds: Int64 {
    let parts = components
    let (seconds, overflow) = parts.seconds.multipliedReportingOverflow(by: 1_000_000_000)
    if overflow { return parts.seconds < 0 ? .min : .max }
    let (sum, overflow2) = seconds.addingReportingOverflow(parts.attoseconds / 1_000_000_000)
    return overflow2 ? (parts.seconds < 0 ? .min : .max) : sum
  }

  /// The duration in seconds as a floating-point number, for printing.
  package var inSeconds: Double {
    let parts = components
    return Double(parts.seconds) + Double(parts.attoseconds) / 1e18
  }
}
