import CLinux
import Glibc
package import SystemPackage

/// How a process ended.
package enum ExitStatus: Hashable, Sendable {
  /// It left with this status.
  case exited(Int32)
  /// A signal killed it.
  case signalled(Int32)
}

/// A process that this one started; letting go of it does not end it.
package struct ChildProcess: ~Copyable, Sendable {
  /// Its process id, valid until it is reaped.
  package let pid: Int32
  /// Becomes readable when the process has ended.
  package let exitDescriptor: OwnedDescriptor

  /// Starts a program.
  ///
  /// It gets the descriptors named in `descriptors` under the child's numbers and no others (0, 1
  /// and 2 are passed on unless named), no blocked signals, and the default for each signal. The
  /// child's numbers must be below 256. `name` is what it sees as its own name, if not the path.
  /// With `diesWithThread` the kernel kills it when the calling thread ends before it, unless the
  /// program is set-uid or set-gid; that takes a `fork`, so it is for small processes.
  package static func spawn(
    _ executable: String, name: String? = nil, arguments: [String], environment: [String] = [],
    descriptors: [(parent: Int32, child: Int32)] = [], diesWithThread: Bool = false
  ) throws(Errno) -> ChildProcess {
    let spawn = diesWithThread ? clinux_spawn_bound : clinux_spawn
    let pairs = descriptors.flatMap { [$0.parent, $0.child] }
    let pid = try withVector([name ?? executable] + arguments) { arguments throws(Errno) in
      try withVector(environment) { environment throws(Errno) in
        try checked(
          spawn(executable, arguments, environment, pairs, CInt(descriptors.count)))
      }
    }
    return try ChildProcess(pid: pid)
  }

  private init(pid: Int32) throws(Errno) {
    let result = clinux_pidfd(pid)
    guard result >= 0 else {
      // Without the descriptor nobody would watch the child: it must not live on.
      _ = clinux_kill(pid, SIGKILL)
      var end = clinux_exit()
      _ = clinux_reap(pid, true, &end)
      throw systemError(result)
    }
    self.pid = pid
    exitDescriptor = OwnedDescriptor(adopting: result)
  }

  /// Sends a signal; false when the process has ended already.
  package borrowing func signal(_ number: Int32) throws(Errno) -> Bool {
    let result = clinux_pidfd_signal(exitDescriptor.raw, number)
    if result == -Errno.noSuchProcess.rawValue { return false }
    try checked(result)
    return true
  }

  /// Kills all processes of the group that it leads, itself among them; nothing happens when it
  /// leads none. Only before it is reaped: until then its number is no other group's.
  package borrowing func killGroup() throws(Errno) {
    precondition(pid > 1, "no child has this number")
    let result = clinux_kill(-pid, SIGKILL)
    if result != -Errno.noSuchProcess.rawValue { try checked(result) }
  }

  /// Kills and reaps it: for a child that nobody can watch. Blocks for as long as a process takes
  /// to die.
  package borrowing func endAtOnce() {
    do throws(Errno) {
      _ = try signal(SIGKILL)
      _ = try wait()
    } catch {
      preconditionFailure("a child that cannot be ended: \(error)")
    }
  }

  /// How it ended, or `nil` while it runs. Once this gave a status the process id is free.
  package borrowing func reap() throws(Errno) -> ExitStatus? {
    try Self.reap(pid: pid, waiting: false)
  }

  /// Waits for the end. Blocks: never on a reactor.
  package borrowing func wait() throws(Errno) -> ExitStatus {
    guard let status = try Self.reap(pid: pid, waiting: true) else {
      preconditionFailure("a wait that does not wait")
    }
    return status
  }

  private static func reap(pid: Int32, waiting: Bool) throws(Errno) -> ExitStatus? {
    var end = clinux_exit()
    guard try checkedUnlessBlocked(clinux_reap(pid, waiting, &end)) else { return nil }
    return end.signalled ? .signalled(end.value) : .exited(end.value)
  }

  private static func withVector<Result>(
    _ strings: [String],
    _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) throws(Errno) -> Result
  ) throws(Errno) -> Result {
    var vector: [UnsafeMutablePointer<CChar>?] = strings.map { strdup($0) }
    vector.append(nil)
    defer { for text in vector { free(text) } }
    return try body(vector)
  }
}
