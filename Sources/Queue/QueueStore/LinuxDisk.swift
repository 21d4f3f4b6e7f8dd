package import LinuxSystem
import QueueFormat
import SystemPackage

/// The spool's folders on a file system of this host.
package final class LinuxDisk: Disk {
  /// An open description of a file.
  package final class File: Sendable {
    /// The descriptor, for calls that the store does not make, such as handing it to a client.
    package let descriptor: SharedDescriptor

    init(_ descriptor: consuming OwnedDescriptor) {
      self.descriptor = SharedDescriptor(descriptor)
    }

    fileprivate var raw: Int32 { descriptor.raw }
  }

  private let readsOnlyCached: Bool
  private let root: OwnedDescriptor
  private let segments: OwnedDescriptor
  private let corrupt: OwnedDescriptor

  /// Opens the folders below `path` (`queue_directory`); they must be there.
  ///
  /// - Parameters:
  ///   - readsOnlyCached: reads never wait for the disk, and so may be made on a reactor: they
  ///     throw when something is not in memory.
  ///   - formats: the formats that this build knows; others are for tests.
  /// - Throws: `.newerVersion` when a later build wrote here; `.missing`, or what the system says.
  package init(
    path: String, readsOnlyCached: Bool = false, formats: SpoolFormat = .ofThisBuild
  ) throws(SpoolError) {
    self.readsOnlyCached = readsOnlyCached
    root = try Self.folder(path, .root)
    segments = try Self.folder(path, .segments)
    corrupt = try Self.folder(path, .corrupt)
    let directory = root.raw
    let names = try doing(.list) { () throws(Errno) in try Files.names(in: directory) }
    formatVersion = try formats.version(names)
  }

  /// The format in which files are written, as the spool said when it was opened.
  package let formatVersion: UInt16

  private static func folder(
    _ path: String, _ folder: SpoolFolder
  ) throws(SpoolError) -> OwnedDescriptor {
    try doing(.open) { () throws(Errno) in
      try Files.open(path + "/" + folder.name, [.read, .directory])
    }
  }

  private func directory(_ folder: SpoolFolder) -> Int32 {
    switch folder {
    case .root: root.raw
    case .segments: segments.raw
    case .corrupt: corrupt.raw
    }
  }

  /// What the file system is, for the warning about memory and network file systems.
  package func space() throws(SpoolError) -> FileSystemSpace {
    try doing(.space) { () throws(Errno) in try Files.space(of: segments.raw) }
  }

  package func createTemporary(in folder: SpoolFolder) throws(SpoolError) -> File {
    try doing(.create) { () throws(Errno) in
      File(try Files.open(".", [.read, .write, .temporary], in: directory(folder)))
    }
  }

  package func create(_ name: String, in folder: SpoolFolder) throws(SpoolError) -> File {
    try doing(.create) { () throws(Errno) in
      File(try Files.open(name, [.read, .write, .create, .exclusive], in: directory(folder)))
    }
  }

  package func open(
    _ name: String, in folder: SpoolFolder, writable: Bool
  ) throws(SpoolError) -> File {
    try doing(.open) { () throws(Errno) in
      File(
        try Files.open(
          name, writable ? [.read, .write, .noFollow] : [.read, .noFollow],
          in: directory(folder)))
    }
  }

  /// Gives a nameless file its name.
  package func link(
    _ file: File, as name: String, in folder: SpoolFolder
  ) throws(SpoolError) {
    try doing(.link) { () throws(Errno) in
      try Files.linkTemporary(file.raw, as: name, in: directory(folder))
    }
  }

  /// Puts a file in the place of another.
  package func rename(
    _ name: String, to newName: String, in folder: SpoolFolder
  ) throws(SpoolError) {
    try doing(.rename) { () throws(Errno) in
      try Files.rename(name, in: directory(folder), to: newName, in: directory(folder))
    }
  }

  package func unlink(_ name: String, in folder: SpoolFolder) throws(SpoolError) {
    try doing(.unlink) { () throws(Errno) in try Files.unlink(name, in: directory(folder)) }
  }

  package func flushFolder(_ folder: SpoolFolder) throws(SpoolError) {
    try doing(.flushFolder) { () throws(Errno) in try Files.sync(directory(folder)) }
  }

  package func names(in folder: SpoolFolder) throws(SpoolError) -> [String] {
    try doing(.list) { () throws(Errno) in try Files.names(in: directory(folder)) }
  }

  package func freeBytes() throws(SpoolError) -> UInt64 { try space().available }

  package func write(
    _ bytes: UnsafeRawBufferPointer, to file: File, at offset: UInt64
  ) throws(SpoolError) {
    try doing(.write) { () throws(Errno) in
      try Files.writeAll(file.raw, bytes, at: Int64(offset))
    }
  }

  package func read(
    into bytes: UnsafeMutableRawBufferPointer, from file: File, at offset: UInt64
  ) throws(SpoolError) -> Int {
    try doing(.read) { () throws(Errno) in
      readsOnlyCached
        ? try Files.readCached(file.raw, into: bytes, at: Int64(clamping: offset))
        : try Files.read(file.raw, into: bytes, at: Int64(clamping: offset))
    }
  }

  package func flush(_ file: File) throws(SpoolError) {
    try doing(.flush) { () throws(Errno) in try Files.syncData(file.raw) }
  }

  package func dropCache(_ file: File) throws(SpoolError) {
    try doing(.dropCache) { () throws(Errno) in try Files.dropCache(file.raw) }
  }

  package func size(of file: File) throws(SpoolError) -> UInt64 {
    try doing(.size) { () throws(Errno) in
      UInt64(clamping: try Files.status(of: file.raw).size)
    }
  }

  package func allocate(_ file: File, through end: UInt64) throws(SpoolError) {
    try doing(.allocate) { () throws(Errno) in
      do throws(Errno) {
        try Files.allocate(file.raw, offset: 0, count: Int64(end))
      } catch .notSupported {
        // The file system has no such call: blocks come with the writes.
        return
      }
    }
  }

  package func lock(_ file: File) throws(SpoolError) -> Bool {
    try doing(.lock) { () throws(Errno) in try Files.tryLock(file.raw) }
  }

  /// Gives the lock up at once; the descriptor goes with its last holder.
  package func close(_ file: File) {
    // A description that cannot be unlocked is not locked.
    try? Files.unlock(file.raw)
  }
}

/// Makes a call and says which one failed.
private func doing<Result: ~Copyable>(
  _ operation: SpoolOperation, _ call: () throws(Errno) -> Result
) throws(SpoolError) -> Result {
  do throws(Errno) {
    return try call()
  } catch {
    switch error {
    case .noSpace, .diskQuotaExceeded: throw .noSpace
    case .noSuchFileOrDirectory: throw .missing
    case .fileExists: throw .exists
    default: throw .system(operation, code: error.rawValue)
    }
  }
}
