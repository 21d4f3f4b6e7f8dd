package import Foundation

/// State shared by threads, and a way to wait until it has become what is wanted.
package final class Monitor<State>: @unchecked Sendable {
  private let condition = NSCondition()
  private var state: State

  /// Starts with a state.
  package init(_ state: sending State) { self.state = state }

  /// Reads the state.
  package func read<Result>(_ body: (borrowing State) throws -> Result) rethrows -> Result {
    condition.lock()
    defer { condition.unlock() }
    return try body(state)
  }

  /// Changes the state and wakes all who wait.
  @discardableResult
  package func change<Result>(_ body: (inout State) throws -> Result) rethrows -> Result {
    condition.lock()
    defer {
      condition.broadcast()
      condition.unlock()
    }
    return try body(&state)
  }

  /// Waits until `body`, called after each change, returns a value; `nil` when the deadline came
  /// first.
  package func wait<Result>(until deadline: Deadline, _ body: (inout State) -> Result?) -> Result? {
    condition.lock()
    defer { condition.unlock() }
    while true {
      if let result = body(&state) { return result }
      if !condition.wait(until: deadline.date) { return body(&state) }
    }
  }
}

extension Monitor<Void> {
  /// Lets some time go by where no event can be had.
  package func pause(_ time: Duration) {
    let never: Bool? = wait(until: .after(time)) { _ in nil }
    precondition(never == nil)
  }
}

/// When a test stops waiting.
package struct Deadline: Sendable {
  /// The time on the wall clock.
  package let date: Date

  /// A time that far from now.
  package static func after(_ interval: Duration) -> Deadline {
    let parts = interval.components
    return Deadline(
      date: Date(timeIntervalSinceNow: Double(parts.seconds) + Double(parts.attoseconds) / 1e18))
  }

  /// Seconds that are left; not negative.
  package var secondsLeft: Double { max(0, date.timeIntervalSinceNow) }

  /// Whether it has come.
  package var hasPassed: Bool { secondsLeft == 0 }
}
