import CLinux
import Glibc
package import SystemPackage

/// A process that is not a child of this one.
package enum RunningProcess {
  /// Asks a process to end (SIGTERM) and waits for it; false when it lives on after `patience`.
  ///
  /// Blocks: for commands, never on a reactor.
  package static func terminate(_ pid: Int32, patience: Duration) throws(Errno) -> Bool {
    let handle = OwnedDescriptor(adopting: try checked(clinux_pidfd(pid)))
    try checked(clinux_pidfd_signal(handle.raw, SIGTERM))
    var request = pollfd(fd: handle.raw, events: Int16(POLLIN), revents: 0)
    let milliseconds = Int32(clamping: patience.components.seconds * 1000)
    while true {
      let count = poll(&request, 1, milliseconds)
      if count >= 0 { return count > 0 }
      guard errno == EINTR else { throw Errno(rawValue: errno) }
    }
  }
}
