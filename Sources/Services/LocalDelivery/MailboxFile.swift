import LinuxSystem
import Primitives
import SystemPackage

/// A file that holds all messages of a user, one after the other (mbox).
///
/// Everything here blocks, also until others give their locks back: it runs in a process of its
/// own.
package struct MailboxFile: Sendable {
  /// Its path.
  package let path: String
  /// How it is locked.
  package let lock: MailboxLock
  /// Who must own it (`strict_mailbox_ownership`); `nil` for anybody.
  package let owner: UInt32?
  /// Whether it is a mailbox that programs read, and no file that an alias names: that may be a
  /// device such as `/dev/null`, or lie where nobody may make a lock file beside it.
  let isMailbox: Bool

  /// Names a mailbox, which need not be there yet.
  package init(path: String, lock: MailboxLock, owner: UInt32?, isMailbox: Bool = true) {
    self.path = path
    self.lock = lock
    self.owner = owner
    self.isMailbox = isMailbox
  }

  /// Appends a message and flushes it: when this returns true it is delivered for good. On any
  /// failure the file gets back the length that it had.
  ///
  /// `write` is called once and says whether it gave the writer the whole text.
  package func append(
    sizeMax: Int64, _ write: (inout MailboxWriter) -> Bool
  ) throws(MailboxError) -> Bool {
    if !isMailbox, isDevice { return try appendToDevice(write) }
    let hasLockFile = lock.ways.contains(.dotlock) ? try takeLockFile() : false
    defer {
      if hasLockFile {
        // Who cannot remove it leaves it to grow stale.
        do throws(Errno) { try Files.unlink(path + ".lock") } catch {}
      }
    }
    let file = try open([.read, .write, .create, .noFollow, .nonblocking])
    try lock.take(file.raw)
    let size = try checkedSize(of: file.raw)
    var writer = MailboxWriter(file: file.raw, sizeMax: sizeMax, at: size)
    writer.text += try missingLineEnds(file.raw, at: size)
    do throws(MailboxError) {
      if write(&writer) {
        try writer.finish()
        if size == 0 { try syncFolder() }
        return true
      }
    } catch {
      cut(file.raw, to: size)
      throw error
    }
    cut(file.raw, to: size)
    return false
  }

  private func takeLockFile() throws(MailboxError) -> Bool {
    do throws(MailboxError) {
      try lock.takeFile(of: path)
      return true
    } catch {
      // As in Postfix a lock that others have counts, and one that cannot be made does not.
      guard !isMailbox, let cause = error.cause, cause != .fileExists else { throw error }
      return false
    }
  }

  private var isDevice: Bool {
    do throws(Errno) {
      return try Files.status(path, follow: false).isCharacterDevice
    } catch {
      // Opening it says what is wrong.
      return false
    }
  }

  /// Nothing is locked, flushed or taken back on a device.
  private func appendToDevice(
    _ write: (inout MailboxWriter) -> Bool
  ) throws(MailboxError) -> Bool {
    let device = try open([.write, .noFollow, .nonblocking])
    var writer = MailboxWriter(file: device.raw, sizeMax: 0)
    guard write(&writer) else { return false }
    try writer.finish(isDurable: false)
    return true
  }

  private func open(_ mode: Files.OpenMode) throws(MailboxError) -> OwnedDescriptor {
    do throws(Errno) {
      return try Files.open(path, mode)
    } catch {
      throw MailboxError(
        step: isMissing ? "cannot create file exclusively" : "cannot open file", cause: error)
    }
  }

  private var isMissing: Bool {
    do throws(Errno) {
      _ = try Files.status(path, follow: false)
      return false
    } catch {
      return error == .noSuchFileOrDirectory
    }
  }

  /// The length of a file that is a mailbox and nothing else.
  private func checkedSize(of file: Int32) throws(MailboxError) -> Int64 {
    let status: FileStatus
    do throws(Errno) {
      status = try Files.status(of: file)
    } catch {
      throw MailboxError(step: "cannot open file", cause: error)
    }
    guard status.isRegular else {
      throw MailboxError(step: "destination is not a regular file", cause: nil)
    }
    guard status.links == 1 else {
      throw MailboxError(step: "file has \(status.links) links", cause: nil)
    }
    if !isMailbox, status.permissions & 0o111 != 0 { throw .isExecutable }
    if let owner, status.uid != owner {
      throw MailboxError(step: "destination \(path) is not owned by recipient", cause: nil)
    }
    return status.size
  }

  /// What is missing of an empty line at the end: without one the message would be a part of that
  /// before it, which a process that was killed may have left unfinished.
  private func missingLineEnds(_ file: Int32, at size: Int64) throws(MailboxError) -> [UInt8] {
    let wanted = [ASCII.lf, ASCII.lf]
    do throws(Errno) {
      let count = min(Int(clamping: size), wanted.count)
      let last = try Files.read(file, count: count, at: size - Int64(count))
      return size == 0 || last == wanted ? [] : last.last == ASCII.lf ? [ASCII.lf] : wanted
    } catch {
      throw MailboxError(step: "cannot read file", cause: error)
    }
  }

  /// Flushes the name of a file that may be new.
  private func syncFolder() throws(MailboxError) {
    let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    do throws(Errno) {
      let entries = try Files.open(folder.isEmpty ? "/" : folder, [.read, .directory])
      try Files.sync(entries.raw)
    } catch {
      // Who may make files in a folder need not be allowed to read it; that is no failure.
      if error != .permissionDenied {
        throw MailboxError(step: "cannot flush folder \(folder)", cause: error)
      }
    }
  }

  private func cut(_ file: Int32, to size: Int64) {
    // The first failure is the one to be told; a rest that stays is seen by its reader.
    do throws(Errno) { try Files.truncate(file, to: size) } catch {}
  }
}
