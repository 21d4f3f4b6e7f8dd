import Primitives

/// How long a client may take for its content.
///
/// The time left is never more than `smtpd_timeout`, and grows with what comes by
/// `smtpd_min_data_rate`: a client that drips is as late as one that is silent.
struct ContentDeadline {
  private let timeout: Duration
  private let rateMin: Int
  private let isForRequest: Bool
  /// When the session ends if nothing more comes.
  private(set) var time: MonotonicTime

  /// - Parameters:
  ///   - rateMin: in bytes per second.
  ///   - isForRequest: `smtpd_per_request_deadline`; else whatever comes gives the whole time anew.
  init(from start: MonotonicTime, timeout: Duration, rateMin: Int, isForRequest: Bool = true) {
    self.isForRequest = isForRequest
    self.timeout = timeout
    self.rateMin = max(rateMin, 1)
    time = start + timeout
  }

  /// Notes that the client could not be read from for a while, which is not its fault.
  mutating func postpone(by pause: Duration) { time = time + pause }

  /// Notes that `count` bytes came, of which a read gives at most 64 KiB.
  mutating func receive(_ count: Int, at now: MonotonicTime) {
    guard isForRequest else { return time = now + timeout }
    let earned = Duration.nanoseconds(count * 1_000_000_000 / rateMin)
    time = min(time + earned, now + timeout)
  }
}
