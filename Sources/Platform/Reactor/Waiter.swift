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
///
/// A wait has two halves. `begin` belongs into the same synchronous stretch as the test that showed
/// that waiting is needed: the runtime may queue a task anew at any `await`, also at the call of
/// `finish`, and what comes in between must not be missed.
@ReactorActor
final class Waiter: DeadlineEntry {
  enum Outcome: UInt8, Sendable { case ready, timedOut, cancelled, closed }

  private enum State {
    case idle
    case begun
    case suspended(UnsafeContinuation<Outcome, Never>)
    case resumed(Outcome)
  }

  private var state = State.idle
  /// The number of the wait, so that a cancellation that comes late hits no other.
  private var ticket = 0

  override nonisolated init() { super.init() }

  /// Whether a task waits here and nothing has ended its wait.
  var isWaiting: Bool {
    switch state {
    case .begun, .suspended: true
    case .idle, .resumed: false
    }
  }

  /// Begins a wait, which `finish` must follow.
  func begin(deadline: MonotonicTime?) {
    guard case .idle = state else { preconditionFailure("two tasks wait in one place") }
    state = .begun
    ticket &+= 1
    guard let deadline else { return }
    let loop = Reactor.shared.loop
    if deadline <= loop.now {
      state = .resumed(.timedOut)
    } else {
      loop.deadlines.set(self, to: deadline.nanoseconds)
    }
  }

  /// Waits until `resume` is called. The deadline's entry stays in the heap when `keepsPlace`, for
  /// the next wait; its owner removes it in the end.
  func finish(keepsPlace: Bool = false) async throws(WaitError) {
    let ticket = ticket
    let outcome = await withTaskCancellationHandler {
      await withUnsafeContinuation { suspend($0) }
    } onCancel: {
      Reactor.shared.perform { self.cancel(ticket) }
    }
    state = .idle
    if !keepsPlace { Reactor.shared.loop.deadlines.remove(self) }
    switch outcome {
    case .ready: return
    case .timedOut: throw .timedOut
    case .cancelled: throw .cancelled
    case .closed: throw .closed
    }
  }

  /// Lets the waiting task go on, if there is one. Only the first call for a wait counts.
  func resume(_ outcome: Outcome) {
    switch state {
    case .idle, .resumed: return
    case .begun: state = .resumed(outcome)
    case .suspended(let continuation):
      state = .resumed(outcome)
      continuation.resume(returning: outcome)
    }
    Reactor.shared.loop.deadlines.drop(self)
  }

  override func expired() { resume(.timedOut) }

  private func suspend(_ continuation: UnsafeContinuation<Outcome, Never>) {
    if case .resumed(let outcome) = state {
      continuation.resume(returning: outcome)
    } else {
      state = .suspended(continuation)
    }
  }

  private func cancel(_ ticket: Int) {
    if ticket == self.ticket { resume(.cancelled) }
  }
}

/// Waits until a time has come.
@ReactorActor
package func sleep(until time: MonotonicTime) async throws(WaitError) {
  let waiter = Waiter()
  waiter.begin(deadline: time)
  do {
    try await waiter.finish()
  } catch .timedOut {
    return
  }
}
