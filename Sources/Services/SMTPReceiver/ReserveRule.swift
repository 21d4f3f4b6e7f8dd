import Primitives
import ServiceKit

/// How many of the server processes take connections, by what they show of themselves.
///
/// Mail that few processes take costs less: more of it shares a flush and a wake-up. The first
/// processes always take connections; each further one only while those before it have no room,
/// do not react, or leave too little of their processors' time.
struct ReserveRule {
  /// What is seen at one moment.
  struct Look {
    /// The moment.
    var time: MonotonicTime
    /// Each process's loop.
    var paces: [LoadBoard.Pace]
  }

  /// The processes that always take connections.
  let base: Int
  /// Which process decides.
  let rank: Int
  /// How busy those that take connections may be before one more is wanted, in percent.
  let load: Int
  /// Processes that did not turn while connections waited, hung or merely not woken, and the turn
  /// at which they were found so.
  private var asleep: [Int: UInt64] = [:]

  private static let whole = 1000

  /// - Parameters:
  ///   - base: the processes that always take connections, at least 1.
  ///   - rank: which process decides, from 0.
  ///   - load: how busy those that take connections may be, in percent of their time.
  init(base: Int, rank: Int, load: Int) {
    self.base = max(base, 1)
    self.rank = rank
    self.load = max(load, 1)
  }

  /// Whether this process is one of those that always take connections.
  var isFirst: Bool { rank < base }

  /// Whether the room that the others have already tells that this process is needed.
  func isNeeded(full: [Bool]) -> Bool {
    rank < wanted(busy: [], unavailable: full.prefix(rank).count { $0 })
  }

  /// Whether this process is needed, by what was seen at two moments.
  ///
  /// - Parameters:
  ///   - earlier, later: what was seen, in this order.
  ///   - full: which processes have no room for a session now.
  ///   - isLate: whether connections wait that somebody should have taken between the two looks.
  mutating func isNeeded(_ earlier: Look, _ later: Look, full: [Bool], isLate: Bool) -> Bool {
    let elapsed = later.time.since(earlier.time)
    var busy: [Int] = []
    var unavailable = 0
    for process in later.paces.indices {
      let (before, after) = (earlier.paces[process], later.paces[process])
      if isLate, process < rank, after.turn == before.turn { asleep[process] = after.turn }
      if let turn = asleep[process], turn != after.turn { asleep[process] = nil }
      if process < rank, full[process] || asleep[process] != nil {
        unavailable += 1
      } else if after.turn > 0, after.rested >= before.rested {
        // Nothing is known of the work of one that has not begun or began in between.
        busy.append(Self.share(after.rested - before.rested, of: elapsed))
      }
    }
    return rank < wanted(busy: busy, unavailable: unavailable)
  }

  /// How many processes, counted from the first, shall take connections.
  private func wanted(busy: [Int], unavailable: Int) -> Int {
    let most = load * Self.whole / 100
    let needed = (busy.reduce(0, +) + most - 1) / most
    return max(base, unavailable + max(needed, 1))
  }

  /// The part of a time that was not rest, in thousandths.
  private static func share(_ rested: Duration, of elapsed: Duration) -> Int {
    guard elapsed > .zero else { return 0 }
    let rest = Int(min(max(rested / elapsed, 0), 1) * Double(whole))
    return whole - rest
  }
}
