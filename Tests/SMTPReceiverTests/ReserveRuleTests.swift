import Primitives
import ServiceKit
import Testing

@testable import SMTPReceiver

@Suite struct ReserveRuleTests {
  /// What is seen of processes that each rested a part of the time and turned, or not.
  private func looks(
    _ rested: [Int], still: Set<Int> = []
  ) -> (earlier: ReserveRule.Look, later: ReserveRule.Look) {
    let begin = MonotonicTime(nanoseconds: 5_000_000_000)
    let elapsed = Duration.milliseconds(100)
    let earlier = rested.map { _ in LoadBoard.Pace(turn: 7, rested: .seconds(3)) }
    let later = rested.enumerated().map { process, percent in
      LoadBoard.Pace(
        turn: still.contains(process) ? 7 : 9, rested: .seconds(3) + elapsed * percent / 100)
    }
    return (.init(time: begin, paces: earlier), .init(time: begin + elapsed, paces: later))
  }

  private func isNeeded(
    _ rank: Int, base: Int = 1, rested: [Int], full: Set<Int> = [], still: Set<Int> = [],
    isLate: Bool = false
  ) -> Bool {
    var rule = ReserveRule(base: base, rank: rank, load: 90)
    let (earlier, later) = looks(rested, still: still)
    return rule.isNeeded(
      earlier, later, full: rested.indices.map(full.contains), isLate: isLate)
  }

  @Test func aProcessWithTimeLeftNeedsNoHelp() {
    #expect(!isNeeded(1, rested: [100, 100]))
    #expect(!isNeeded(1, rested: [10, 100], isLate: true))
    #expect(isNeeded(1, rested: [9, 100]))
    #expect(isNeeded(1, rested: [0, 100]))
  }

  @Test func asManyTakePartAsTheWorkNeeds() {
    #expect(isNeeded(1, rested: [50, 50, 100, 100]))
    #expect(!isNeeded(2, rested: [50, 50, 100, 100]))
    #expect(isNeeded(2, rested: [0, 0, 100, 100]))
    #expect(!isNeeded(3, rested: [0, 0, 100, 100]))
    // Those that always take connections come before all others.
    #expect(!isNeeded(2, base: 2, rested: [0, 60, 100, 100]))
    #expect(isNeeded(2, base: 2, rested: [0, 0, 100, 100]))
  }

  @Test func theWorkOfProcessesBehindCountsToo() {
    #expect(isNeeded(1, rested: [60, 60, 60]))
    #expect(!isNeeded(2, rested: [60, 60, 60]))
    // Nothing is known of one that has not begun, or began in between.
    var rule = ReserveRule(base: 1, rank: 1, load: 90)
    for first in [LoadBoard.Pace(turn: 0, rested: .zero), .init(turn: 4, rested: .seconds(9))] {
      var (earlier, later) = looks([50, 100, 100])
      earlier.paces[2] = first
      later.paces[2] = LoadBoard.Pace(turn: first.turn / 2, rested: .zero)
      let isNeeded = rule.isNeeded(
        earlier, later, full: [false, false, true], isLate: false)
      #expect(!isNeeded)
    }
  }

  @Test func whoHasNoRoomIsReplacedByTheNext() {
    #expect(isNeeded(1, rested: [100, 100, 100], full: [0]))
    #expect(!isNeeded(2, rested: [100, 100, 100], full: [0]))
    #expect(isNeeded(2, rested: [100, 100, 100], full: [0, 1]))
    #expect(!isNeeded(2, base: 2, rested: [100, 100, 100], full: [0]))
    let rule = ReserveRule(base: 1, rank: 1, load: 90)
    #expect(rule.isNeeded(full: [true, false]))
    #expect(!rule.isNeeded(full: [false, true]))
  }

  @Test func whoDoesNotTurnWhileAConnectionWaitsIsReplacedUntilItTurns() {
    #expect(!isNeeded(1, rested: [100, 100], still: [0]))
    #expect(isNeeded(1, rested: [100, 100], still: [0], isLate: true))
    var rule = ReserveRule(base: 1, rank: 1, load: 90)
    let (earlier, later) = looks([100, 100], still: [0])
    let lateVerdict = rule.isNeeded(earlier, later, full: [false, false], isLate: true)
    #expect(lateVerdict)
    // Nothing waits any more, since this process takes all of it.
    let standingVerdict = rule.isNeeded(later, later, full: [false, false], isLate: false)
    #expect(standingVerdict)
    let (_, awake) = looks([100, 100])
    let awakeVerdict = rule.isNeeded(later, awake, full: [false, false], isLate: false)
    #expect(!awakeVerdict)
  }

  @Test func aClockThatStandsOrAProcessThatBeganAnewIsNoReason() {
    var rule = ReserveRule(base: 1, rank: 1, load: 100)
    let (earlier, later) = looks([100, 100])
    let standingVerdict = rule.isNeeded(earlier, earlier, full: [false, false], isLate: false)
    #expect(!standingVerdict)
    var begun = later
    begun.paces[0] = LoadBoard.Pace(turn: 1, rested: .zero)
    let begunVerdict = rule.isNeeded(earlier, begun, full: [false, false], isLate: false)
    #expect(!begunVerdict)
  }
}
