package import Primitives

/// When a role that died is started again.
///
/// The first time at once, then after 1, 2, 4 s … up to `service_throttle_time`. A writer (`smtpd`)
/// is restarted at once unless it died more than five times in ten seconds, and the last living one
/// never waits (spool rule R38).
package struct RestartPolicy: Sendable {
  /// How long a process must live for its death to count as the first again.
  private static let calm: Duration = .seconds(60)
  private static let burst = 5
  private static let burstWindow: Duration = .seconds(10)

  private let ceiling: Duration
  private let isWriter: Bool
  private var deaths: [MonotonicTime] = []
  private var delay: Duration = .zero

  /// - Parameters:
  ///   - ceiling: `service_throttle_time`, the longest wait.
  ///   - isWriter: whether the role accepts mail.
  package init(ceiling: Duration, isWriter: Bool) {
    self.ceiling = ceiling
    self.isWriter = isWriter
  }

  /// Notes a death at `now` and tells how long to wait before the next start.
  ///
  /// - Parameters:
  ///   - isLast: whether no other process of the role is alive.
  ///   - hasServed: whether it had become ready; what stands in the way of a start will stand there
  ///     in the next moment too, and starting at once would only burn the processors.
  package mutating func died(
    now: MonotonicTime, isLast: Bool, hasServed: Bool = true
  ) -> Duration {
    if let last = deaths.last, now.since(last) > Self.calm { delay = .zero }
    deaths.append(now)
    if deaths.count > Self.burst + 1 { deaths.removeFirst() }
    if isWriter, hasServed {
      let recent = deaths.filter { now.since($0) <= Self.burstWindow }.count
      if isLast || recent <= Self.burst { return .zero }
    }
    defer {
      delay = delay == .zero ? min(.seconds(1), ceiling) : min(delay * 2, ceiling)
    }
    return delay
  }
}
