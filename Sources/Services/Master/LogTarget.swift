package import Configuration
package import LinuxSystem
package import ServiceKit
package import SystemPackage

/// Opens where the log goes: `maillog_file`, or the system's logger.
package struct LogTarget: ~Copyable {
  /// The socket of syslog and of the journal.
  private static let loggerPath = "/dev/log"

  /// Non-blocking where that is possible.
  package let descriptor: OwnedDescriptor
  /// What the lines look like.
  package let kind: LogKind
  /// What an administrator should know about the choice.
  let remark: String?

  /// Takes the descriptor out.
  package consuming func take() -> OwnedDescriptor { descriptor }

  /// Opens what a configuration names.
  package static func open(_ configuration: Configuration) throws(Errno) -> LogTarget {
    try open(
      file: configuration[.maillogFile],
      permissions: UInt32(configuration[.maillogFilePermissions], radix: 8) ?? 0o644)
  }

  /// - Parameters:
  ///   - file: `maillog_file`; empty for the system's logger.
  ///   - permissions: `maillog_file_permissions`.
  static func open(file: String, permissions: UInt32) throws(Errno) -> LogTarget {
    if file == "/dev/stdout" { return try standardStream(1, remark: nil) }
    if !file.isEmpty {
      let descriptor = try Files.open(
        file, [.write, .create, .append, .nonblocking], permissions: permissions)
      return LogTarget(descriptor: descriptor, kind: .lines, remark: nil)
    }
    do throws(Errno) {
      let descriptor = try Sockets.connectDatagrams(loggerPath)
      return LogTarget(descriptor: descriptor, kind: .syslog, remark: nil)
    } catch {
      return try standardStream(
        2, remark: "no system logger at \(loggerPath) (\(error)): logging to standard error")
    }
  }

  /// A description of its own, where the stream allows one, so that it can be non-blocking without
  /// a surprise for others who share the stream.
  private static func standardStream(_ number: Int32, remark: String?) throws(Errno) -> LogTarget {
    let descriptor: OwnedDescriptor
    do throws(Errno) {
      descriptor = try Files.open(
        "/proc/self/fd/\(number)", [.write, .append, .nonblocking])
    } catch {
      descriptor = try OwnedDescriptor.duplicate(of: number)
    }
    return LogTarget(descriptor: descriptor, kind: .lines, remark: remark)
  }
}
