import CLinux
import LinuxSystem
package import SystemPackage

/// Signals as events of the reactor. They are blocked for the process from now on.
@ReactorActor
package final class SignalSource {
  private let watched: Watched

  /// Takes over the signals given, such as `SIGTERM`. The calling thread must be the only one that
  /// could receive them; helper threads block all signals.
  package init(_ signals: [Int32]) throws(Errno) {
    let result = clinux_signalfd(signals, Int32(signals.count))
    guard result >= 0 else { throw Errno(rawValue: -result) }
    watched = try Watched(OwnedDescriptor(adopting: result))
  }

  /// The number of the next signal.
  package func next() async throws(WaitError) -> Int32 {
    while true {
      if watched.mayRead {
        let result = clinux_signalfd_read(watched.raw)
        if result > 0 { return result }
        precondition(result == -Errno.wouldBlock.rawValue, "signals cannot be read")
        watched.readBlocked()
      }
      try await watched.readable()
    }
  }

  /// Ends the watch; the signals stay blocked.
  package func close() { watched.close() }
}
