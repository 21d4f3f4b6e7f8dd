import LinuxSystem
import Primitives
import Reactor
import ServiceKit

/// Tells an acceptor of a process in reserve when it is to take connections.
@ReactorActor
final class Reserve {
  /// `smtpd_reserve_delay`, `smtpd_reserve_time`.
  struct Times: Equatable, Sendable {
    /// How long a connection may wait before it is asked whether this process is needed.
    var delay: Duration
    /// How long a process that was needed takes connections before that is asked again.
    var call: Duration
  }

  private let board: LoadBoard
  private let service: Int
  private let times: Times
  private var rule: ReserveRule
  private var last: ReserveRule.Look?
  private var lateInARow = 0

  /// A connection that waits at one moment may have come just then; one at each of so many in a
  /// row, with no pause in between, shows that those who should take them do not.
  private static let lateLimit = 2

  /// Until when this process takes connections; `nil` when it does not.
  private(set) var calledUntil: MonotonicTime?

  /// - Parameters:
  ///   - board: what all processes show.
  ///   - service: the number of the acceptor's service on the board.
  ///   - rule: when a process is needed.
  ///   - times: how long to wait for what.
  init(_ board: LoadBoard, service: Int, rule: ReserveRule, times: Times) {
    self.board = board
    self.service = service
    self.rule = rule
    self.times = times
  }

  /// Until when a connection may wait that has just come; in the past when it shall not.
  func noteConnection() -> MonotonicTime {
    let look = look()
    if let last, look.time.since(last.time) > times.delay { lateInARow = 0 }
    if rule.isNeeded(full: full) {
      call(look)
      return look.time
    }
    last = look
    return look.time + times.delay
  }

  /// Asks anew whether this process is needed.
  ///
  /// - Parameter isLate: whether a connection waits.
  /// - Returns: whether to take what waits: also when nothing shows why others do not.
  func ask(isLate: Bool) -> Bool {
    lateInARow = isLate ? lateInARow + 1 : 0
    let isProven = lateInARow >= Self.lateLimit
    if isProven { lateInARow = 0 }
    let now = look()
    let isNeeded = last.map { rule.isNeeded($0, now, full: full, isLate: isProven) } ?? false
    if isNeeded { call(now) } else { calledUntil = nil }
    last = now
    return isNeeded || isProven
  }

  private func call(_ look: ReserveRule.Look) {
    last = look
    calledUntil = look.time + times.call
  }

  private func look() -> ReserveRule.Look {
    let now = Clocks.monotonicNow()
    return ReserveRule.Look(time: now, paces: board.paces(at: now))
  }

  private var full: [Bool] {
    (0..<board.processCount).map { !board.sessions(of: service, process: $0).hasRoom }
  }
}
