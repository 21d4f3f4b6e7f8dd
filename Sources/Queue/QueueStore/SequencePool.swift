/// The segment numbers that `master` granted to this process and that it has not used.
struct SequencePool {
  private var ranges: [Range<UInt64>] = []
  private var granted: UInt64 = 0
  /// The number that stands in queue ids: the last one taken, or the first that will be.
  private(set) var current: UInt64 = 0

  /// Whether another grant should be asked for: half of the last one is used.
  var isLow: Bool { UInt64(ranges.reduce(0) { $0 + $1.count }) <= granted / 2 }

  mutating func add(_ range: Range<UInt64>) {
    guard !range.isEmpty else { return }
    if current == 0 { current = range.lowerBound }
    granted = UInt64(range.count)
    ranges.append(range)
  }

  mutating func take() -> UInt64? {
    guard let range = ranges.first else { return nil }
    current = range.lowerBound
    ranges[0] = range.dropFirst()
    if ranges[0].isEmpty { ranges.removeFirst() }
    return current
  }
}
