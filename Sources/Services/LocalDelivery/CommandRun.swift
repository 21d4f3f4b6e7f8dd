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
  /// The socket of who waits for the verdict.
  let waiter: Int32

  /// What the command makes of the message; `nil` when that could not be read to its end.
  ///
  /// - Parameter write: gives the writer the message and says whether it was all of it.
  func verdict(
    _ write: (inout MailboxWriter) throws(MailboxError) -> Bool
  ) throws(MailboxError) -> LocalVerdict? {
    if !order.directory.isEmpty, chdir(order.directory) != 0 {
      return .failed(
        EnhancedStatus(4, 3, 5),
        "cannot change to directory \(order.directory): \(Errno(rawValue: errno))")
    }
    let command: RunningCommand
    do throws(Errno) {
      command = try RunningCommand(order, waiter: waiter)
    } catch {
      return failure(error)
    }
    var writer = MailboxWriter(receiver: command.feed)
    guard try write(&writer) else {
      command.kill()
      return nil
    }
    try writer.finish()
    do throws(Errno) {
      let end = try command.waitForEnd()
      let verdict = CommandVerdict(order: order, output: command.said)
      switch end {
      case .exited(let status): return verdict.verdict(on: status)
      case .timedOut: return verdict.timedOut
      case .abandoned: return verdict.abandoned
      }
    } catch {
      return failure(error)
    }
  }

  private func failure(_ error: Errno) -> LocalVerdict {
    let (program, arguments) = CommandLine.resolve(order.words)
    return CommandVerdict(order: order, output: []).notStarted(
      arguments.first ?? program, "\(error)")
  }
}
