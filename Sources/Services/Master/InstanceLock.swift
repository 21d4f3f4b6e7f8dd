import LinuxSystem
package import SystemPackage

/// The exclusive lock by which one `master` owns a spool (spool rule R16); the file tells its pid.
package final class InstanceLock: Sendable {
  private let file: OwnedDescriptor

  private init(_ file: consuming OwnedDescriptor) { self.file = file }

  private static func path(_ root: String) -> String {
    root + "/" + SpoolDirectories.pid + "/master.pid"
  }

  /// Takes the lock; `nil` when another master has it.
  package static func take(_ root: String) throws(Errno) -> InstanceLock? {
    // Who can open the file can lock it: for others it would be a way to keep mail from starting.
    let file = try Files.open(path(root), [.read, .write, .create, .noFollow], permissions: 0o600)
    try Files.setPermissions(file.raw, 0o600)
    guard try Files.tryLock(file.raw) else { return nil }
    try Files.truncate(file.raw, to: 0)
    try Files.writeAll(file.raw, Array("\(ThisProcess.pid)\n".utf8), at: 0)
    return InstanceLock(file)
  }

  /// The process id of the master that runs on the spool, or `nil` when none does.
  package static func holder(_ root: String) throws(Errno) -> Int32? {
    let file: OwnedDescriptor
    do throws(Errno) {
      file = try Files.open(path(root), .read)
    } catch .noSuchFileOrDirectory {
      return nil
    }
    if try Files.tryLock(file.raw, exclusive: false) { return nil }
    let text = try Files.readWhole(path(root), limit: 64)
    return Int32(String(decoding: text.prefix { $0 != 10 }, as: UTF8.self))
  }
}
