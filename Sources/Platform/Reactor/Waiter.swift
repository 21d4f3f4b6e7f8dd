package import Primitives

/// Why a wait ended without what it waited for.
package enum WaitError: Error, Equatable, Sendable {
  /// The deadline passed.
  case timedOut
  /// The task was cancelled.
  case cancelled
  /// What was waited for has been closed.
  case closed
}

/// One place where one task at a time waits, with a deadline and with cancellation.
@ReactorActor
final class Waiter: DeadlineEntry {
  enum Outcome: UInt8, Sendable { case ready, timedOut, cancelled, closed }

  private var continuation: UnsafeContinuation<Outcome, Never>?
  /// The number of the wait, so that a cancellation that comes late hits no other.
  private var ticket = 0

  override nonisolated init() { super.init() }

  /// Whether a task waits here.
  var isWaiting: Bool { continuation != nil }

  /// Waits until `resume` is called. The deadline's entry stays in the heap when `keepsPlace`, for
  /// the next wait; its owner removes it in the end.
  func wait(deadline: MonotonicTime?, keepsPlace: Bool = false) async throws(WaitError) {
    precondition(continuation == nil, "two tasks wait in one place")
    if Task.isCancelled { throw .cancelled }
    let loop = Reactor.shared.loop
    if let deadline {
      if deadline <= loop.now { throw .timedOut }
      loop.deadlines.set(self, to: deadline.nanoseconds)
    }
    ticket &+= 1
    let ticket = ticket
    let outcome = await withTaskCancellationHandler {
      await withUnsafeContinuation { continuation = $0 }
    } onCancel: {
      Reactor.shared.perform { self.cancel(ticket) }
    }
    if keepsPlace {
      loop.deadlines.drop(self)
    } else {
      loop.deadlines.remove(self)
    }
    switch outcome {
    case .ready: return
    case .timedOut: throw .timedOut
    case .cancelled: throw .cancelled
    case .closed: throw .closed
    }
  }

  /// Lets the waiting task go on, if there is one.
  func resume(_ outcome: Outcome) {
    guard let continuation else { return }
    self.continuation = nil
    deadlineIsOver()
    continuation.resume(returning: outcome)
  }

  override func expired() { resume(.timedOut) }

  /// Until the task runs, its deadline must not expire into the next wait.
  private func deadlineIsOver() { Reactor.shared.loop.deadlines.drop(self) }

  private func cancel(_ ticket: Int) {
    if ticket == self.ticket { resume(.cancelled) }
  }
}

/// Waits until a time has come.
@ReactorActor
package func sleep(until time: MonotonicTime) async throws(WaitError) {
  do {
    try await Waiter().wait(deadline: time)
  } catch .timedOut {
    return
  }
}
