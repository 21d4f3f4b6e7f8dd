import LinuxSystem
package import SystemPackage

/// The exclusive locks by which one `master` owns a spool (spool rule R16).
///
/// A Postfix on the same `queue_directory` locks `pid/master.pid` in the same way: whoever comes
/// first keeps the other out. A file of our own tells the two apart.
package final class InstanceLock: Sendable {
  private let own: OwnedDescriptor
  private let shared: OwnedDescriptor

  /// Why the spool cannot be had.
  package enum Refusal: Error, Equatable, CustomStringConvertible {
    /// Another master of ours has it.
    case running(root: String, pid: Int32?)
    /// A Postfix has it.
    case postfix(root: String, pid: Int32?)
    /// The lock could not be tried.
    case failed(path: String, Errno)

    /// The sentence for the administrator.
    package var description: String {
      let process = { (pid: Int32?) in pid.map { " as process \($0)" } ?? "" }
      return switch self {
      case .running(_, let pid):
        "the mail system is already running\(process(pid)): stop it first"
      case .postfix(let root, let pid):
        "a Postfix is running on queue_directory \(root)\(process(pid)): end it first with "
          + "'postfix stop', or set another queue_directory"
      case .failed(let path, let error): "cannot lock \(path): \(error)"
      }
    }
  }

  private init(own: consuming OwnedDescriptor, shared: consuming OwnedDescriptor) {
    self.own = own
    self.shared = shared
  }

  private static func path(_ root: String, _ name: String) -> String {
    "\(root)/\(SpoolDirectories.pid)/\(name)"
  }

  private static func ownPath(_ root: String) -> String { path(root, "martinet.pid") }
  private static func sharedPath(_ root: String) -> String { path(root, "master.pid") }

  /// Takes the locks and writes the process id into both files.
  package static func take(_ root: String) throws(Refusal) -> InstanceLock {
    guard let own = try lock(ownPath(root)) else {
      throw .running(root: root, pid: pid(in: ownPath(root)))
    }
    guard let shared = try lock(sharedPath(root)) else {
      throw .postfix(root: root, pid: pid(in: sharedPath(root)))
    }
    return InstanceLock(own: own, shared: shared)
  }

  /// `nil` when another process has the lock.
  private static func lock(_ path: String) throws(Refusal) -> OwnedDescriptor? {
    do throws(Errno) {
      let file = try Files.open(path, [.read, .write, .create, .noFollow], permissions: 0o600)
      // Who can open the file can lock it: for others it would be a way to keep mail from starting.
      try Files.setPermissions(file.raw, 0o600)
      guard try Files.tryLock(file.raw) else { return nil }
      try Files.truncate(file.raw, to: 0)
      try Files.writeAll(file.raw, Array("\(ThisProcess.pid)\n".utf8), at: 0)
      return file
    } catch {
      throw .failed(path: path, error)
    }
  }

  /// The process id of our master that runs on the spool, or `nil` when none does.
  package static func holder(_ root: String) throws(Errno) -> Int32? {
    let file: OwnedDescriptor
    do throws(Errno) {
      file = try Files.open(ownPath(root), .read)
    } catch .noSuchFileOrDirectory {
      return nil
    }
    if try Files.tryLock(file.raw, exclusive: false) { return nil }
    return pid(in: ownPath(root))
  }

  /// Postfix pads the number on its left.
  private static func pid(in path: String) -> Int32? {
    guard let text = try? Files.readWhole(path, limit: 64) else { return nil }
    let digits = text.prefix { $0 != 10 }.drop { $0 == 32 }
    return Int32(String(decoding: digits, as: UTF8.self))
  }
}
