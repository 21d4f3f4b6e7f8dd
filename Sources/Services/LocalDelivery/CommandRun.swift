import Glibc
import LinuxSystem
import MailTypes
import Primitives
import SystemPackage

/// Runs one command with a message as its standard input, in the process that has become the user.
///
/// Everything here blocks.
struct CommandRun {
  let order: CommandOrder
  /// A file with the message, from its start.
  let message: Int32
  /// The socket of who waits for the verdict. When that has gone nobody hears it, and the mail is
  /// given to another command: this one must not go on beside it.
  let waiter: Int32

  func verdict() -> LocalVerdict {
    if !order.directory.isEmpty, chdir(order.directory) != 0 {
      return .failed(
        EnhancedStatus(4, 3, 5),
        "cannot change to directory \(order.directory): \(Errno(rawValue: errno))")
    }
    let (program, arguments) = CommandLine.resolve(order.words)
    let nothing = CommandVerdict(order: order, output: [])
    do throws(Errno) {
      var pipe = try Files.pipe()
      let input = pipe.takeReading()
      let output = pipe.takeWriting()
      let child: ChildProcess
      do throws(Errno) {
        child = try ChildProcess.spawn(
          program, name: arguments.first, arguments: Array(arguments.dropFirst()),
          environment: order.environment,
          descriptors: [
            (parent: message, child: 0), (parent: output.raw, child: 1),
            (parent: output.raw, child: 2),
          ],
          // Whoever kills this process makes its mail be given to another command.
          diesWithThread: true)
      } catch {
        return nothing.notStarted(arguments.first ?? program, "\(error)")
      }
      output.close()
      return try watch(child, input.raw)
    } catch {
      return nothing.notStarted(arguments.first ?? program, "\(error)")
    }
  }

  /// Reads what the command says until it ends; what it left running keeps nobody waiting.
  private func watch(
    _ child: borrowing ChildProcess, _ output: Int32
  ) throws(Errno) -> LocalVerdict {
    let deadline = Clocks.monotonicNow() + .milliseconds(order.timeLimit)
    var said: [UInt8] = []
    var outputIsOpen = true
    while true {
      let left = deadline.since(Clocks.monotonicNow())
      guard left > .zero else {
        _ = try child.signal(SIGKILL)
        return CommandVerdict(order: order, output: said).timedOut
      }
      var events = [
        pollfd(fd: child.exitDescriptor.raw, events: Int16(POLLIN), revents: 0),
        pollfd(fd: outputIsOpen ? output : -1, events: Int16(POLLIN), revents: 0),
        // Nothing is asked for: the end comes by itself.
        pollfd(fd: waiter, events: 0, revents: 0),
      ]
      let milliseconds = left.components.seconds * 1000 + left.components.attoseconds / Self.milli
      let count = poll(&events, 3, Int32(clamping: milliseconds + 1))
      if count < 0, errno != EINTR { throw Errno(rawValue: errno) }
      if events[1].revents != 0 { outputIsOpen = read(output, into: &said) }
      if events[0].revents != 0 {
        // What it wrote last lies in the pipe.
        while outputIsOpen, hasMore(output) { outputIsOpen = read(output, into: &said) }
        return CommandVerdict(order: order, output: said).verdict(on: try child.wait())
      }
      if events[2].revents != 0 {
        _ = try child.signal(SIGKILL)
        return CommandVerdict(order: order, output: said).abandoned
      }
    }
  }

  private static let milli: Int64 = 1_000_000_000_000_000

  private func hasMore(_ output: Int32) -> Bool {
    var event = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
    return poll(&event, 1, 0) > 0
  }

  /// Keeps the first part of what is said and drops the rest; false at the end.
  private func read(_ output: Int32, into said: inout [UInt8]) -> Bool {
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = buffer.withUnsafeMutableBytes { Glibc.read(output, $0.baseAddress, $0.count) }
    guard count > 0 else { return count < 0 && errno == EINTR }
    said += buffer[..<min(count, max(0, CommandVerdict.outputMax - said.count))]
    return true
  }
}
