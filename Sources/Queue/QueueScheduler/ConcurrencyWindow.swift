/// How many deliveries a destination may have at once, learned from how they end.
///
/// The rules are those that Postfix publishes: success raises the concurrency at the end of a cycle
/// of feedback, failure lowers it at the beginning of one, and a destination is dead when more
/// than a number of pseudo-cohorts failed without a success between them.
struct ConcurrencyWindow {
  /// Deliveries allowed at once; means nothing while the destination is dead.
  private(set) var size: Int
  private(set) var isDead = false
  private var success = 0.0
  private var failure = 0.0
  private var failedCohorts = 0.0

  /// Sums of fractions such as ten times 1/10 must reach whole numbers.
  private static let rounding = 1e-9

  init(_ limits: TransportLimits) {
    size = Self.start(limits)
  }

  private static func start(_ limits: TransportLimits) -> Int {
    let start = max(1, limits.initialConcurrency)
    return limits.concurrencyLimit > 0 ? min(start, limits.concurrencyLimit) : start
  }

  /// Takes in a delivery without trouble; `busy` counts the deliveries still under way.
  /// Returns whether the destination was dead and lives again.
  mutating func succeeded(busy: Int, _ limits: TransportLimits) -> Bool {
    if isDead {
      revive(busy: busy, limits)
      return true
    }
    failedCohorts = 0
    let limit = limits.concurrencyLimit > 0 ? limits.concurrencyLimit : .max
    // Concurrency that is not used says nothing, and would make failures count late.
    guard size < limit, size < busy + max(1, limits.initialConcurrency) else { return false }
    success += limits.positiveFeedback.value(at: size)
    while success >= 1 - Self.rounding {
      size += 1
      success -= 1
      failure = 0
    }
    size = min(size, limit)
    return false
  }

  /// Takes in a failed connection or handshake. Returns whether the destination has just died.
  mutating func failed(_ limits: TransportLimits) -> Bool {
    guard !isDead else { return false }
    failedCohorts += 1 / Double(size)
    if limits.failedCohortLimit > 0,
      failedCohorts > Double(limits.failedCohortLimit) + Self.rounding
    {
      isDead = true
      return true
    }
    failure -= limits.negativeFeedback.value(at: size)
    while failure < -Self.rounding {
      size -= 1
      failure += 1
      success = 0
    }
    size = max(1, size)
    return false
  }

  /// Ends a death: what is still under way shows what the destination bears.
  mutating func revive(busy: Int, _ limits: TransportLimits) {
    self = ConcurrencyWindow(limits)
    if busy > 0 { size = limits.concurrencyLimit > 0 ? min(busy, limits.concurrencyLimit) : busy }
  }

  /// Bends to a limit that has been changed.
  mutating func apply(_ limits: TransportLimits) {
    if limits.concurrencyLimit > 0 { size = min(size, limits.concurrencyLimit) }
  }
}
