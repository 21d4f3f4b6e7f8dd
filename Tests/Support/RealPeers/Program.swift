import Foundation
package import Glibc

/// A program that a test started, with its output as lines. It is killed when the last reference
/// goes, by its process id, never by its name.
package final class Program: Sendable {
  /// How a process ended.
  package enum Exit: Equatable, Sendable {
    /// It returned a code.
    case code(Int32)
    /// A signal ended it.
    case signal(Int32)
  }

  /// The executable's name, for messages.
  package let name: String
  /// The process id.
  package let pid: pid_t
  /// What it writes to standard output.
  package let output: LineLog
  /// What it writes to standard error.
  package let errors: LineLog
  private let exit: Monitor<Exit?>

  /// Starts an executable, looked up in `PATH` and the folders of system programs, in its own
  /// process group, with `/dev/null` as standard input and the environment of the test, to which
  /// `environment` is added.
  package init(
    _ executable: String, _ arguments: [String], environment: [String: String] = [:]
  ) throws(PeerError) {
    name = executable.split(separator: "/").last.map(String.init) ?? executable
    guard let path = Self.find(executable) else {
      throw .system(call: "find \(executable)", error: "not installed")
    }
    let (outputRead, outputWrite) = try Self.pipe()
    let (errorRead, errorWrite) = try Self.pipe()
    let all = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    let pid = Self.spawn(
      [path] + arguments, all.map { "\($0.key)=\($0.value)" }, output: outputWrite,
      errors: errorWrite)
    close(outputWrite)
    close(errorWrite)
    output = LineLog(reading: outputRead)
    errors = LineLog(reading: errorRead)
    let exit = Monitor<Exit?>(nil)
    self.exit = exit
    guard let pid else { throw .system(call: "posix_spawn \(path)", error: "failed") }
    self.pid = pid
    Thread.detachNewThread {
      var status: Int32 = 0
      while waitpid(pid, &status, 0) < 0, errno == EINTR {}
      let signal = status & 0x7f
      exit.change { $0 = signal == 0 ? .code(status >> 8 & 0xff) : .signal(signal) }
    }
  }

  deinit { send(SIGKILL) }

  /// What a program that has ended leaves behind.
  package struct Outcome: Sendable {
    /// How it ended.
    package let exit: Exit
    /// What it wrote to standard output.
    package let output: [LogLine]
    /// What it wrote to standard error.
    package let errors: String
  }

  /// Runs a program to its end, whatever that is; throws when it takes too long.
  package static func outcome(
    _ executable: String, _ arguments: [String], environment: [String: String] = [:],
    within limit: Duration = .seconds(60)
  ) throws(PeerError) -> Outcome {
    let deadline = Deadline.after(limit)
    let program = try Program(executable, arguments, environment: environment)
    let exit = try program.waitForExit(until: deadline)
    try program.output.waitForEnd(until: deadline)
    try program.errors.waitForEnd(until: deadline)
    return Outcome(exit: exit, output: program.output.lines, errors: program.errors.text)
  }

  /// Runs a program to its end and returns its lines; throws unless it returns 0 in time.
  @discardableResult
  package static func run(
    _ executable: String, _ arguments: [String], environment: [String: String] = [:],
    within limit: Duration = .seconds(60)
  ) throws(PeerError) -> [LogLine] {
    let outcome = try outcome(executable, arguments, environment: environment, within: limit)
    guard outcome.exit == .code(0) else {
      throw .failed(program: "\(executable) (\(outcome.exit))", output: outcome.errors)
    }
    return outcome.output
  }

  /// How it ended; `nil` while it runs.
  package var exitIfEnded: Exit? { exit.read { $0 } }

  /// Sends a signal unless it has ended.
  package func send(_ signal: Int32) {
    // The lock keeps the id from being reused between the question and the signal: the thread
    // that waits for the process reports its end under it.
    exit.read { if $0 == nil { kill(pid, signal) } }
  }

  /// Waits for its end.
  @discardableResult
  package func waitForExit(until deadline: Deadline) throws(PeerError) -> Exit {
    guard let ended = exit.wait(until: deadline, { $0 }) else {
      throw .timedOut("the end of \(name)")
    }
    return ended
  }

  /// The path of an executable, or `nil` when there is none of that name.
  package static func find(_ executable: String) -> String? {
    if executable.contains("/") { return access(executable, X_OK) == 0 ? executable : nil }
    let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
    return (path.split(separator: ":").map(String.init) + ["/usr/sbin", "/sbin"])
      .map { "\($0)/\(executable)" }.first { access($0, X_OK) == 0 }
  }

  private static func pipe() throws(PeerError) -> (read: Int32, write: Int32) {
    var ends: [Int32] = [0, 0]
    guard Glibc.pipe(&ends) == 0 else { throw .system(call: "pipe", error: systemErrorText()) }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    return (ends[0], ends[1])
  }

  private static func spawn(
    _ arguments: [String], _ environment: [String], output: Int32, errors: Int32
  ) -> pid_t? {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, output, 1)
    posix_spawn_file_actions_adddup2(&actions, errors, 2)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    sigaddset(&signals, SIGPIPE)
    posix_spawnattr_setsigdefault(&attributes, &signals)
    posix_spawnattr_setpgroup(&attributes, 0)
    posix_spawnattr_setflags(
      &attributes,
      Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
    var pid: pid_t = 0
    var argv = arguments.map { strdup($0) } + [nil]
    var envp = environment.map { strdup($0) } + [nil]
    defer { (argv + envp).forEach { free($0) } }
    guard let path = argv[0], posix_spawn(&pid, path, &actions, &attributes, &argv, &envp) == 0
    else { return nil }
    return pid
  }
}

/// The text of the last failed system call's error.
func systemErrorText() -> String { String(cString: strerror(errno)) }
