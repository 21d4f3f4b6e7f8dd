import CLinux
package import Primitives

/// The clocks; neither needs a system call.
package enum Clocks {
  /// The monotonic time now. On a reactor, its `now` is cheaper and the same for a whole turn.
  package static func monotonicNow() -> MonotonicTime {
    MonotonicTime(nanoseconds: clinux_monotonic_ns())
  }

  /// The wall-clock time now.
  package static func wallNow() -> WallTime { WallTime(microseconds: clinux_wall_us()) }

  /// The CPU time, user and system, that this process has used.
  package static func processTime() -> Duration { .nanoseconds(clinux_process_cpu_ns()) }
}
