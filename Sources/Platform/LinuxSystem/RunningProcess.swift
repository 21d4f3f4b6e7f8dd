import CLinux
import Glibc
package import SystemPackage

/// A process that is not a child of this one.
package enum RunningProcess {
  /// Sends a signal to a process and waits until something can be read from `answer`; false when
  /// nothing comes within `patience`, `ESRCH` when the process ends first.
  ///
  /// Blocks: for commands, never on a reactor.
  package static func signal(
    _ pid: Int32, _ number: Int32, answer: Int32, patience: Duration
  ) throws(Errno) -> Bool {
    let handle = OwnedDescriptor(adopting: try checked(clinux_pidfd(pid)))
    try checked(clinux_pidfd_signal(handle.raw, number))
    var requests = [
      pollfd(fd: answer, events: Int16(POLLIN), revents: 0),
      pollfd(fd: handle.raw, events: Int16(POLLIN), revents: 0),
    ]
    let milliseconds = Int32(clamping: patience.components.seconds * 1000)
    while true {
      let count = poll(&requests, 2, milliseconds)
      if count == 0 { return false }
      if count > 0 {
        if requests[0].revents != 0 { return true }
        throw Errno.noSuchProcess
      }
      guard errno == EINTR else { throw Errno(rawValue: errno) }
    }
  }

  /// Sends a signal that ends a process and waits for it; false when it lives on after `patience`.
  ///
  /// Blocks: for commands, never on a reactor.
  package static func end(
    _ pid: Int32, by signal: Int32 = SIGTERM, patience: Duration
  ) throws(Errno) -> Bool {
    let handle = OwnedDescriptor(adopting: try checked(clinux_pidfd(pid)))
    try checked(clinux_pidfd_signal(handle.raw, signal))
    var request = pollfd(fd: handle.raw, events: Int16(POLLIN), revents: 0)
    let milliseconds = Int32(clamping: patience.components.seconds * 1000)
    while true {
      let count = poll(&request, 1, milliseconds)
      if count >= 0 { return count > 0 }
      guard errno == EINTR else { throw Errno(rawValue: errno) }
    }
  }
}
