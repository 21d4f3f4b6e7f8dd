import LinuxSystem
package import Primitives
import SystemPackage

/// A folder with `tmp`, `new` and `cur`, in which each message is a file.
///
/// Everything here blocks: it runs on a helper thread or in a process of its own, never on a
/// reactor.
package struct Maildir: Sendable {
  /// Its path.
  package let path: String
  private let names: MaildirName

  /// Names a Maildir, which need not be there yet.
  package init(path: String, names: MaildirName) {
    self.path = path
    self.names = names
  }

  /// Writes a file in `tmp`, flushes it, gives it its name in `new` and flushes that: when this
  /// returns true, the message is delivered for good. Makes the folder when it is missing.
  ///
  /// `write` is called once and says whether it gave the writer the whole text; if not, the
  /// unfinished file is removed and the answer is false.
  package func deliver(
    at time: WallTime, sizeMax: Int64, _ write: (inout MailboxWriter) -> Bool
  ) throws(MailboxError) -> Bool {
    let folders = try open()
    let temporary = names.temporary(at: time)
    let file: OwnedDescriptor
    do throws(Errno) {
      file = try Files.open(temporary, [.write, .create, .exclusive], in: folders.tmp.raw)
    } catch {
      throw MailboxError(step: "create maildir file \(path)/tmp/\(temporary)", cause: error)
    }
    // Once the file has its name in `new` it is delivered, whatever becomes of the one in `tmp`:
    // readers clean that folder up.
    defer { do throws(Errno) { try Files.unlink(temporary, in: folders.tmp.raw) } catch {} }
    var writer = MailboxWriter(file: file.raw, sizeMax: sizeMax)
    guard write(&writer) else { return false }
    try writer.finish()
    try publish(temporary, file.raw, folders, time)
    return true
  }

  private struct Folders: ~Copyable {
    let tmp: OwnedDescriptor
    let new: OwnedDescriptor
  }

  private func publish(
    _ temporary: String, _ file: Int32, _ folders: borrowing Folders, _ time: WallTime
  ) throws(MailboxError) {
    var name = ""
    do throws(Errno) {
      let status = try Files.status(of: file)
      name = names.delivered(at: time, device: status.device, inode: status.inode)
      try Files.link(temporary, in: folders.tmp.raw, as: name, in: folders.new.raw)
      try Files.sync(folders.new.raw)
    } catch {
      throw MailboxError(step: "create maildir file \(path)/new/\(name)", cause: error)
    }
  }

  private func open() throws(MailboxError) -> Folders {
    do throws(Errno) {
      return try openFolders()
    } catch {
      guard error == .noSuchFileOrDirectory else {
        throw MailboxError(step: "open maildir \(path)", cause: error)
      }
    }
    do throws(Errno) {
      try make()
      return try openFolders()
    } catch {
      throw MailboxError(step: "create maildir \(path)", cause: error)
    }
  }

  private func openFolders() throws(Errno) -> Folders {
    let tmp = try Files.open("\(path)/tmp", [.read, .directory])
    let new = try Files.open("\(path)/new", [.read, .directory])
    return Folders(tmp: tmp, new: new)
  }

  /// Makes what is missing of the folder and those above it, for the user alone.
  private func make() throws(Errno) {
    for name in ["", "/tmp", "/new", "/cur"] { try Self.makeDirectories(path + name) }
    let folder = try Files.open(path, [.read, .directory])
    try Files.sync(folder.raw)
  }

  /// False when the name is there already.
  private static func makeDirectory(_ path: String) throws(Errno) -> Bool {
    do throws(Errno) {
      try Files.makeDirectory(path, permissions: 0o700)
      return true
    } catch {
      if error == .fileExists { return false }
      throw error
    }
  }

  private static func makeDirectories(_ path: String) throws(Errno) {
    do throws(Errno) {
      guard try makeDirectory(path) else { return }
    } catch {
      guard error == .noSuchFileOrDirectory, let slash = path.lastIndex(of: "/"),
        slash > path.startIndex
      else { throw error }
      try makeDirectories(String(path[..<slash]))
      // What is there now may still be a symbolic link that leads nowhere.
      guard try makeDirectory(path) else { return }
    }
    let parent = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ""
    let folder = try Files.open(parent.isEmpty ? "/" : parent, [.read, .directory])
    try Files.sync(folder.raw)
  }
}
