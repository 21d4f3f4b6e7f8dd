import LinuxSystem
import ServiceKit
import SystemPackage

/// Opens where the log goes: `maillog_file`, or the system's logger.
struct LogTarget: ~Copyable {
  /// The socket of syslog and of the journal.
  private static let loggerPath = "/dev/log"

  let descriptor: OwnedDescriptor
  let kind: LogKind
  /// What an administrator should know about the choice.
  let remark: String?

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
