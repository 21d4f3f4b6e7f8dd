import Primitives

/// Deferred messages by the queue run that will try them: one list for each run ahead.
///
/// Filing and removing take a constant number of steps, however many messages wait.
struct RetryCalendar {
  private struct Run {
    var list = EntryList()
    /// Messages at the head that a flush has made due.
    var flushed: UInt32 = 0
  }

  private static let runsMax: Int64 = 16_384

  private let origin: Int64
  private let grain: Int64
  private var runs: [Run]
  /// The first run that is not over.
  private var current: UInt32 = 0
  /// No earlier run holds a message.
  private var earliest: UInt32 = 0
  private var flushCursor: UInt32 = 0
  private var flushLeft = 0
  private(set) var count = 0

  init(_ settings: SchedulerSettings, origin: MonotonicTime) {
    let horizon = max(settings.backoffMax, settings.backoffMin).wholeNanoseconds
    grain = max(settings.queueRunDelay.wholeNanoseconds, horizon / Self.runsMax, 1_000_000)
    self.origin = origin.nanoseconds
    runs = [Run](repeating: Run(), count: Int(horizon / grain) + 3)
  }

  private func at(_ tick: UInt32) -> Int { Int(tick) % runs.count }

  /// When the run of a tick begins.
  func time(of tick: UInt32) -> MonotonicTime {
    MonotonicTime(nanoseconds: origin + Int64(tick) * grain)
  }

  /// Files a message for the first run at or after a time.
  mutating func file(_ slot: UInt32, at time: MonotonicTime, in index: inout MessageIndex) {
    let wanted = (max(time.nanoseconds - origin, 0) + grain - 1) / grain
    let last = Int64(current) + Int64(runs.count) - 1
    let tick = UInt32(min(max(wanted, Int64(current)), last))
    index[slot].tick = tick
    index.append(slot, to: &runs[at(tick)].list)
    earliest = count == 0 ? tick : min(earliest, tick)
    count += 1
  }

  mutating func remove(_ slot: UInt32, in index: inout MessageIndex) {
    let place = at(index[slot].tick)
    index.remove(slot, from: &runs[place].list)
    count -= 1
    if runs[place].flushed > runs[place].list.count {
      runs[place].flushed -= 1
      flushLeft -= 1
    }
  }

  /// Takes out a message whose run has begun or that was flushed.
  mutating func popDue(now: MonotonicTime, in index: inout MessageIndex) -> UInt32? {
    if let slot = popFlushed(in: &index) { return slot }
    let reached = UInt32(clamping: max(now.nanoseconds - origin, 0) / grain)
    guard count > 0, hasDue(now: now) else {
      current = max(current, reached)
      return nil
    }
    current = max(current, earliest)
    while current <= reached {
      if let slot = index.popFirst(&runs[at(current)].list) {
        count -= 1
        return slot
      }
      guard count > 0 else { return nil }
      current += 1
    }
    earliest = current
    while runs[at(earliest)].list.isEmpty { earliest += 1 }
    return nil
  }

  /// Takes out a message that was flushed.
  mutating func popFlushed(in index: inout MessageIndex) -> UInt32? {
    while flushLeft > 0 {
      let place = at(flushCursor)
      if runs[place].flushed > 0, let slot = index.popFirst(&runs[place].list) {
        runs[place].flushed -= 1
        flushLeft -= 1
        count -= 1
        return slot
      }
      flushCursor += 1
    }
    return nil
  }

  /// Makes all that is filed now due.
  mutating func flush() {
    flushCursor = current
    flushLeft = count
    for place in runs.indices { runs[place].flushed = runs[place].list.count }
  }

  /// Whether `popDue` may find something.
  func hasDue(now: MonotonicTime) -> Bool {
    flushLeft > 0 || (count > 0 && time(of: earliest) <= now)
  }

  /// When the next run begins that may hold a message.
  var nextTime: MonotonicTime? {
    count > 0 ? time(of: earliest) : nil
  }
}
