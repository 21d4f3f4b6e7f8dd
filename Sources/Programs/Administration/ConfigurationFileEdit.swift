import LinuxSystem
import SystemPackage

/// Replaces a configuration file as a whole: whoever reads it sees the old text or the new.
enum ConfigurationFileEdit {
  /// The largest file that is edited, in bytes.
  static let sizeMax = 16 << 20

  /// Changes the text of a file; nothing is written when it stays the same.
  ///
  /// Two edits at a time exclude each other by a lock on the file that becomes the new one.
  static func perform(_ path: String, _ edit: ([UInt8]) -> [UInt8]) throws(Errno) {
    let draftPath = path + ".tmp"
    let draft = try Files.open(draftPath, [.write, .create, .noFollow], permissions: 0o600)
    guard try Files.tryLock(draft.raw) else { throw .resourceTemporarilyUnavailable }
    do throws(Errno) {
      let old = try Files.readWhole(path, limit: sizeMax)
      let new = edit(old)
      guard new != old else { return try Files.unlink(draftPath) }
      let status = try Files.status(path)
      try Files.truncate(draft.raw, to: 0)
      try Files.writeAll(draft.raw, new, at: 0)
      try Files.setPermissions(draft.raw, status.permissions)
      let own = try Files.status(of: draft.raw)
      if own.uid != status.uid || own.gid != status.gid {
        try Files.setOwner(draft.raw, uid: status.uid, gid: status.gid)
      }
      try Files.sync(draft.raw)
      try Files.rename(draftPath, to: path)
    } catch {
      // Nobody may take a half written draft for a file of theirs.
      try? Files.unlink(draftPath)
      throw error
    }
    let folder = try Files.open(directory(of: path), [.read, .directory])
    try Files.sync(folder.raw)
  }

  private static func directory(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }
}
