import CLinux
import DequeModule
import LinuxSystem
package import Primitives

/// The event loop of a process, which is also the executor of all its Swift tasks.
///
/// It conforms to both executor protocols so that a resumed task is queued once: with a serial
/// executor alone the runtime would first pass the task through its own pool of threads, whose
/// `enqueue` then finds the loop asleep. Jobs of tasks made without a preference are claimed by a
/// hook in the runtime, so that a process has one thread whatever its code does.
package final class Reactor: SerialExecutor, TaskExecutor, @unchecked Sendable {
  /// The one reactor of the process.
  package static let shared = Reactor()

  /// Touched by the reactor's thread alone.
  var ready = Deque<UnownedJob>(minimumCapacity: 256)
  /// Everything that other threads send.
  let inbox = Inbox()
  /// Descriptors, deadlines and the loop itself.
  let loop = EventLoop()
  /// Whether the hook is at work. Set before any task runs.
  private(set) var claimsAllJobs = false
  private var claimedJobs = 0

  private init() {}

  /// Takes a job of the actor's executor.
  package func enqueue(_ job: consuming ExecutorJob) {
    enqueue(unowned: UnownedJob(job))
  }

  /// This executor as the runtime holds it.
  package func asUnownedSerialExecutor() -> UnownedSerialExecutor {
    UnownedSerialExecutor(ordinary: self)
  }

  /// Traps on any other thread than the loop's.
  package func checkIsolated() {
    precondition(clinux_is_reactor_thread(), "not on the reactor")
  }

  /// Whether the caller runs on the loop's thread.
  package func isIsolatingCurrentContext() -> Bool? { clinux_is_reactor_thread() }

  @inline(__always)
  private func enqueue(unowned job: UnownedJob) {
    if clinux_is_reactor_thread() {
      ready.append(job)
    } else {
      inbox.post(job)
    }
  }

  /// Runs `action` on the reactor: at once when this is its thread, else soon.
  func perform(_ action: @escaping @Sendable @ReactorActor () -> Void) {
    if clinux_is_reactor_thread() {
      ReactorActor.assumeIsolated(action)
    } else {
      inbox.post(action)
    }
  }

  /// Runs the loop on the calling thread until `main` has returned.
  ///
  /// Every Swift task of the process runs on this thread from now on. Traps when the runtime does
  /// not let the reactor claim the tasks, since they would then run on threads of their own.
  package func run(_ main: @escaping @Sendable @ReactorActor () async -> Void) {
    clinux_mark_reactor_thread()
    clinux_claim_global_jobs(claimJob)
    Task.detached {}
    precondition(claimedJobs == 1, "the runtime does not pass its jobs to the reactor")
    claimsAllJobs = true
    reactorTask { [loop] in
      await main()
      loop.isFinished = true
    }
    ReactorActor.assumeIsolated { loop.run() }
  }

  /// Runs the loop for ever on a thread of its own, once. For tests, whose main thread belongs to
  /// somebody else: tasks without a preference stay where they are.
  package static func startThread() { background }

  private static let background: Void = {
    do {
      let thread = try SystemThread(name: "reactor") {
        clinux_mark_reactor_thread()
        ReactorActor.assumeIsolated { Reactor.shared.loop.run() }
      }
      _ = consume thread
    } catch {
      preconditionFailure("no thread for the reactor: \(error)")
    }
  }()

  fileprivate func claim(_ job: UnownedJob) {
    if clinux_is_reactor_thread() { claimedJobs += 1 }
    enqueue(unowned: job)
  }
}

private func claimJob(_ raw: UnsafeMutableRawPointer?) {
  Reactor.shared.claim(unsafeBitCast(raw!, to: UnownedJob.self))
}

extension Reactor {
  /// The monotonic time, read once in a turn.
  @ReactorActor package var now: MonotonicTime { loop.now }

  /// What the loop has done so far.
  @ReactorActor package var metrics: Metrics { loop.metrics }

  /// Runs `action` once, when the jobs of this turn have run and before the loop waits. For
  /// batches: log lines, packets.
  @ReactorActor package func atEndOfTurn(_ action: @escaping @ReactorActor () -> Void) {
    loop.endActions.append(action)
  }

  /// Lets everything else that is ready go first: goes on in the next turn.
  @ReactorActor package func yieldTurn() async {
    await withUnsafeContinuation { loop.yielded.append($0) }
  }

  /// The threads that this process has; a role has one and its helpers'.
  package static func threadCount() throws -> Int { try ThisProcess.threadCount() }

  /// Counts of the loop's work.
  package struct Metrics: Sendable {
    /// Times that the loop waited for events.
    package internal(set) var turns = 0
    /// Events of descriptors.
    package internal(set) var events = 0
    /// Events dropped because their descriptor had been closed earlier in the turn.
    package internal(set) var staleEvents = 0
    /// Pieces of tasks that ran.
    package internal(set) var jobs = 0
    /// Deadlines that passed.
    package internal(set) var expiries = 0
    /// The longest time between two waits.
    package internal(set) var longestTurn = Duration.zero
  }
}
