import Configuration
import LinuxSystem
import Master
import Primitives
import Reactor
import ServiceKit
import SystemPackage

/// The log of a command that acts while the mail system rests: its lines are written together at
/// the end, under the tag of `postsuper`.
final class CommandLog {
  private let target: LogTarget
  private let configuration: Configuration
  private var lines: [String] = []
  /// Lines kept for the end; more are counted.
  private static let linesMax = 10_000
  private var dropped = 0

  /// How long what a slow reader has not taken is waited for.
  private static let patience = Duration.seconds(5)

  /// Opens where the configuration says that the log goes.
  init(_ configuration: Configuration) throws(Errno) {
    self.configuration = configuration
    let opened = OpenedTarget()
    Reactor.shared.run {
      opened.result = Result { () throws(Errno) in try LogTarget.open(configuration) }
    }
    guard let result = opened.result else { preconditionFailure("the loop ended early") }
    target = try result.get()
  }

  /// Adds a line.
  func add(_ line: String) {
    if lines.count < Self.linesMax { lines.append(line) } else { dropped += 1 }
  }

  /// Writes the lines.
  func write() {
    if dropped > 0 { lines.append("\(dropped) further lines were dropped") }
    let lines = lines
    let target = target
    let configuration = configuration
    Reactor.shared.run {
      guard let own = try? target.descriptor.duplicate() else {
        return Output.error("postsuper: warning: the log cannot be written")
      }
      let log = Log(
        own, kind: target.kind, capacity: Int(configuration[.logBufferSize]),
        hostName: configuration[.myhostname], syslogName: configuration[.syslogName], facility: 2)
      for line in lines { log.information("postsuper", line) }
      log.flush()
      await target.finish(deadline: Reactor.shared.now + Self.patience)
    }
  }
}

/// Carries the target out of the loop that opened it.
private final class OpenedTarget: @unchecked Sendable {
  var result: Result<LogTarget, Errno>?
}
