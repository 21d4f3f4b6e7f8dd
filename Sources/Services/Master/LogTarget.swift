package import Configuration
package import LinuxSystem
import Primitives
package import Reactor
package import ServiceKit
package import SystemPackage

/// Opens where the log goes: `maillog_file`, or the system's logger.
@ReactorActor
package struct LogTarget {
  /// Where lines are written; a write to it blocks nobody.
  let descriptor: SharedDescriptor
  /// What the lines look like.
  let kind: LogKind
  /// What an administrator should know about the choice.
  let remark: String?
  /// Passes the log on where nothing but a blocking write reaches the reader.
  let relay: LogRelay?

  private nonisolated static let standardStreams: [String: Int32] = [
    "/dev/stdout": 1, "/dev/stderr": 2,
  ]

  /// Waits until what was written has been passed on, or until the deadline.
  func finish(deadline: MonotonicTime) async { await relay?.finish(deadline: deadline) }

  /// The descriptor for a command, which may wait for whoever reads the log.
  package nonisolated static func openWaiting(
    _ configuration: Configuration
  ) throws(Errno) -> (SharedDescriptor, LogKind) {
    let file = configuration[.maillogFile]
    if let stream = standardStreams[file] {
      return (SharedDescriptor(try OwnedDescriptor.duplicate(of: stream)), .lines)
    }
    guard file.isEmpty else {
      let permissions = UInt32(configuration[.maillogFilePermissions], radix: 8) ?? 0o644
      let opened = try Files.open(file, [.write, .create, .append], permissions: permissions)
      return (SharedDescriptor(opened), .lines)
    }
    do throws(Errno) {
      return (SharedDescriptor(try Sockets.connectDatagrams(Log.systemLogger)), .syslog)
    } catch {
      return (SharedDescriptor(try OwnedDescriptor.duplicate(of: 2)), .lines)
    }
  }

  /// Whether a `maillog_file` is a stream of the process itself.
  static func isStandardStream(_ file: String) -> Bool { standardStreams[file] != nil }

  /// Opens what a configuration names.
  static func open(_ configuration: Configuration) throws(Errno) -> LogTarget {
    try open(
      file: configuration[.maillogFile],
      permissions: UInt32(configuration[.maillogFilePermissions], radix: 8) ?? 0o644)
  }

  /// - Parameters:
  ///   - file: `maillog_file`; empty for the system's logger.
  ///   - permissions: `maillog_file_permissions`.
  ///   - systemLogger: the socket of syslog and of the journal.
  static func open(
    file: String, permissions: UInt32, systemLogger: String = Log.systemLogger
  ) throws(Errno) -> LogTarget {
    if let stream = standardStreams[file] { return try shared(stream, remark: nil) }
    if !file.isEmpty {
      let descriptor = try Files.open(
        file, [.write, .create, .append, .nonblocking], permissions: permissions)
      return LogTarget(
        descriptor: SharedDescriptor(descriptor), kind: .lines, remark: nil, relay: nil)
    }
    do throws(Errno) {
      let descriptor = try Sockets.connectDatagrams(systemLogger)
      return LogTarget(
        descriptor: SharedDescriptor(descriptor), kind: .syslog, remark: nil, relay: nil)
    } catch {
      return try shared(
        2, remark: "no system logger at \(systemLogger) (\(error)): logging to standard error")
    }
  }

  /// A descriptor of a stream that others may use too, through which no role can be blocked.
  ///
  /// Non-blocking is a property of the open description, which is shared with whoever started this
  /// program: it is never set there. A pipe or terminal is opened anew for a description of its
  /// own; a socket needs none, since each `send` says for itself that it does not wait; a file
  /// never waits. What cannot be opened anew, such as a pipe of another user, is written to by a
  /// thread that may be blocked.
  static func shared(_ stream: Int32, remark: String?) throws(Errno) -> LogTarget {
    let status = try Files.status(of: stream)
    if !status.isSocket {
      do throws(Errno) {
        let own = try Files.open("/proc/self/fd/\(stream)", [.write, .append, .nonblocking])
        return LogTarget(
          descriptor: SharedDescriptor(own), kind: .lines, remark: remark, relay: nil)
      } catch {
        if !status.isRegular { return try relayed(stream, remark: remark) }
      }
    }
    let copy = try OwnedDescriptor.duplicate(of: stream)
    return LogTarget(
      descriptor: SharedDescriptor(copy), kind: .lines, remark: remark, relay: nil)
  }

  static func relayed(_ stream: Int32, remark: String?) throws(Errno) -> LogTarget {
    let (relay, writing) = try LogRelay.start(to: try OwnedDescriptor.duplicate(of: stream))
    return LogTarget(descriptor: writing, kind: .lines, remark: remark, relay: relay)
  }
}
