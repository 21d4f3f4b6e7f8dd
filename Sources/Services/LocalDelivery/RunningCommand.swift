import Glibc
import LinuxSystem
import Primitives
import SystemPackage

/// A command under way: it gets its input and says what it says, until it ends, its time is up or
/// nobody waits for it any more. Everything here blocks.
final class RunningCommand {
  /// How it came to its end.
  enum End {
    case exited(ExitStatus)
    /// It was killed: its time was up.
    case timedOut
    /// It was killed: whoever waits for the verdict has gone. Nobody hears it, and the mail is
    /// given to another command, which this one must not go on beside.
    case abandoned
  }

  /// What it wrote, at most `CommandVerdict.outputMax` bytes.
  private(set) var said: [UInt8] = []

  private let child: ChildProcess
  private var input: OwnedDescriptor?
  private let output: OwnedDescriptor
  private let waiter: Int32
  private let deadline: MonotonicTime
  private var outputIsOpen = true
  private var end: Result<End, Errno>?

  /// Starts the command of an order.
  ///
  /// - Parameter waiter: the socket of who waits for the verdict.
  init(_ order: CommandOrder, waiter: Int32) throws(Errno) {
    let (program, arguments) = CommandLine.resolve(order.words)
    var inputs = try Files.pipe()
    var outputs = try Files.pipe()
    let theirInput = inputs.takeReading()
    let theirOutput = outputs.takeWriting()
    child = try ChildProcess.spawn(
      program, name: arguments.first, arguments: Array(arguments.dropFirst()),
      environment: order.environment,
      descriptors: [
        (parent: theirInput.raw, child: 0), (parent: theirOutput.raw, child: 1),
        (parent: theirOutput.raw, child: 2),
      ],
      // Whoever kills this process makes its mail be given to another command.
      diesWithThread: true)
    // At both the end comes when nobody has them any more.
    theirInput.close()
    theirOutput.close()
    let ours = inputs.takeWriting()
    // One that does not read must not keep its output from being read.
    let result = fcntl(ours.raw, F_SETFL, O_NONBLOCK)
    precondition(result == 0, "the mode of a pipe cannot be set")
    input = consume ours
    output = outputs.takeReading()
    self.waiter = waiter
    deadline = Clocks.monotonicNow() + .milliseconds(order.timeLimit)
  }

  /// Gives it bytes to read; false when it reads no more.
  func feed(_ bytes: UnsafeRawBufferPointer) -> Bool {
    var rest = bytes[...]
    while !rest.isEmpty, end == nil, let pipe = input?.raw {
      switch Files.writeSome(pipe, UnsafeRawBufferPointer(rebasing: rest)) {
      case .count(let count): rest = rest.dropFirst(count)
      case .wouldBlock: waitForEvents()
      case .ended, .failed: input = nil
      }
    }
    return rest.isEmpty
  }

  /// Waits for its end; what it left running keeps nobody waiting.
  func waitForEnd() throws(Errno) -> End {
    input = nil
    while true {
      if let end { return try end.get() }
      waitForEvents()
    }
  }

  /// Kills it: what it has read is not the whole message.
  func kill() { child.endAtOnce() }

  private func waitForEvents() {
    do throws(Errno) {
      end = try nextEvents().map { .success($0) }
    } catch {
      end = .failure(error)
    }
  }

  private func nextEvents() throws(Errno) -> End? {
    let left = deadline.since(Clocks.monotonicNow())
    guard left > .zero else {
      _ = try child.signal(SIGKILL)
      return .timedOut
    }
    var events = [
      pollfd(fd: child.exitDescriptor.raw, events: Int16(POLLIN), revents: 0),
      pollfd(fd: outputIsOpen ? output.raw : -1, events: Int16(POLLIN), revents: 0),
      // Nothing is asked for: the end comes by itself.
      pollfd(fd: waiter, events: 0, revents: 0),
      pollfd(fd: input?.raw ?? -1, events: Int16(POLLOUT), revents: 0),
    ]
    let milliseconds = left.components.seconds * 1000 + left.components.attoseconds / Self.milli
    let count = poll(&events, nfds_t(events.count), Int32(clamping: milliseconds + 1))
    if count < 0, errno != EINTR { throw Errno(rawValue: errno) }
    if events[1].revents != 0 { outputIsOpen = readOutput() }
    if events[0].revents != 0 {
      // What it wrote last lies in the pipe.
      while outputIsOpen, hasOutput { outputIsOpen = readOutput() }
      return .exited(try child.wait())
    }
    if events[2].revents != 0 {
      _ = try child.signal(SIGKILL)
      return .abandoned
    }
    return nil
  }

  private static let milli: Int64 = 1_000_000_000_000_000

  private var hasOutput: Bool {
    var event = pollfd(fd: output.raw, events: Int16(POLLIN), revents: 0)
    return poll(&event, 1, 0) > 0
  }

  /// Keeps the first part of what is said and drops the rest; false at the end.
  private func readOutput() -> Bool {
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = buffer.withUnsafeMutableBytes { read(output.raw, $0.baseAddress, $0.count) }
    guard count > 0 else { return count < 0 && errno == EINTR }
    said += buffer[..<min(count, max(0, CommandVerdict.outputMax - said.count))]
    return true
  }
}
