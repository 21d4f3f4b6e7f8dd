import Configuration
import Glibc
import LinuxSystem
import SystemPackage

/// `postfix logrotate`: the log file gets a name with the time in it, everybody goes on in a new
/// file, and the old one is compressed.
struct LogRotation {
  /// What an administrator hears of.
  struct Failure: Error {
    let reason: String
  }

  private static let folders = ["/usr/bin", "/bin", "/usr/sbin", "/sbin", "/usr/local/bin"]
  /// How long processes may take to open the new file, which they are told of with the reload.
  private static let pauseSeconds: UInt32 = 1

  private let file: String
  private let compressor: String
  private let suffix: String

  /// Throws where the configuration names no file that could be rotated.
  init(_ configuration: Configuration) throws(Failure) {
    file = configuration[.maillogFile]
    compressor = configuration[.maillogFileCompressor]
    suffix = configuration[.maillogFileRotateSuffix]
    for (name, value) in [
      ("maillog_file", file), ("maillog_file_compressor", compressor),
      ("maillog_file_rotate_suffix", suffix),
    ] where value.isEmpty {
      throw Failure(reason: "empty '\(name)' parameter value - logfile rotation failed")
    }
    if file.hasPrefix("/dev/") { throw Failure(reason: "not rotating '\(file)'") }
  }

  /// Rotates; `reload` has a mail system that runs open the new file, and says whether it did.
  func run(reload: () -> Bool) throws(Failure) {
    let old = "\(file).\(try time())"
    let isTaken: Bool
    do throws(Errno) {
      isTaken = try Self.exists(old)
      if !isTaken { try Files.rename(file, to: old) }
    } catch {
      throw failure("cannot rename it to \(old): \(error)")
    }
    // A log of before must not be lost to a suffix that does not change.
    if isTaken { throw failure("\(old) is there already") }
    guard reload() else { throw failure("the mail system did not reload\(takeBack(old))") }
    sleep(Self.pauseSeconds)
    try compress(old)
  }

  /// Gives the log its name again, under which everybody looks for it who writes to it still; what
  /// there is to add to the failure.
  private func takeBack(_ old: String) -> String {
    do throws(Errno) {
      if try Self.exists(file) { return "; what was logged before is in \(old)" }
      try Files.rename(old, to: file)
      return ""
    } catch {
      return "; the log is \(old), which cannot be renamed back: \(error)"
    }
  }

  private func failure(_ reason: String) -> Failure {
    Failure(reason: "logfile '\(file)' rotation failed: \(reason)")
  }

  private static func exists(_ path: String) throws(Errno) -> Bool {
    do throws(Errno) {
      _ = try Files.status(path)
      return true
    } catch .noSuchFileOrDirectory {
      return false
    }
  }

  /// The time as `maillog_file_rotate_suffix` wants it (strftime(3)).
  private func time() throws(Failure) -> String {
    var now = Glibc.time(nil)
    var parts = tm()
    localtime_r(&now, &parts)
    var text = [CChar](repeating: 0, count: 256)
    let length = strftime(&text, text.count, suffix, &parts)
    guard length > 0 else {
      throw failure("maillog_file_rotate_suffix = \(suffix) makes no suffix of a usable length")
    }
    return String(decoding: text.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  private func compress(_ old: String) throws(Failure) {
    let candidates =
      compressor.contains("/") ? [compressor] : Self.folders.map { "\($0)/\(compressor)" }
    guard let program = candidates.first(where: { access($0, X_OK) == 0 }) else {
      throw failure("cannot find maillog_file_compressor = \(compressor)")
    }
    let status: ExitStatus
    do throws(Errno) {
      let child = try ChildProcess.spawn(program, arguments: [old])
      status = try child.wait()
    } catch {
      throw failure("cannot run \(program): \(error)")
    }
    guard status == .exited(0) else { throw failure("\(program) ended with \(status)") }
  }
}
