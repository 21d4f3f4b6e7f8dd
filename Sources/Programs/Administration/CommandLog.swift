import Configuration
import LinuxSystem
import Master
import Reactor
import ServiceKit
import SystemPackage

/// The log of a command that acts while the mail system rests: its lines are written together at
/// the end, under the tag of `postsuper`.
final class CommandLog {
  private let descriptor: SharedDescriptor
  private let kind: LogKind
  private let configuration: Configuration
  private var lines: [String] = []
  /// Lines kept for the end; more are counted.
  private static let linesMax = 10_000
  private var dropped = 0

  /// Opens where the configuration says that the log goes.
  init(_ configuration: Configuration) throws(Errno) {
    self.configuration = configuration
    (descriptor, kind) = try LogTarget.openWaiting(configuration)
  }

  /// Adds a line.
  func add(_ line: String) {
    if lines.count < Self.linesMax { lines.append(line) } else { dropped += 1 }
  }

  /// Writes the lines.
  func write() {
    if dropped > 0 { lines.append("\(dropped) further lines were dropped") }
    let lines = lines
    let descriptor = descriptor
    let kind = kind
    let configuration = configuration
    Reactor.shared.run {
      guard let own = try? descriptor.duplicate() else {
        return Output.error("postsuper: warning: the log cannot be written")
      }
      let log = Log(
        own, kind: kind, capacity: Int(configuration[.logBufferSize]),
        hostName: configuration[.myhostname], syslogName: configuration[.syslogName], facility: 2)
      for line in lines { log.information("postsuper", line) }
      log.flush()
    }
  }
}
