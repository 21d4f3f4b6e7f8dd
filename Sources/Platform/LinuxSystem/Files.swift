import CLinux
package import SystemPackage

/// Opening, naming and removing files. All opens close on exec.
///
/// Names are relative to `directory`, a descriptor, or to the working directory.
package enum Files {
  /// The working directory, where a call takes a directory's descriptor.
  package static let workingDirectory: Int32 = clinux_working_directory

  /// How a file is opened.
  package struct OpenMode: OptionSet, Sendable {
    /// The bits as the C layer knows them.
    package let rawValue: Int32
    /// Wraps the bits.
    package init(rawValue: Int32) { self.rawValue = rawValue }

    /// For reading.
    package static let read = OpenMode(rawValue: Int32(clinux_open_read))
    /// For writing.
    package static let write = OpenMode(rawValue: Int32(clinux_open_write))
    /// Makes the file when it is missing.
    package static let create = OpenMode(rawValue: Int32(clinux_open_create))
    /// With `create`: fails with `EEXIST` when the file is there.
    package static let exclusive = OpenMode(rawValue: Int32(clinux_open_exclusive))
    /// Each write goes to the end.
    package static let append = OpenMode(rawValue: Int32(clinux_open_append))
    /// Empties the file.
    package static let truncate = OpenMode(rawValue: Int32(clinux_open_truncate))
    /// Fails unless it is a directory.
    package static let directory = OpenMode(rawValue: Int32(clinux_open_directory))
    /// A nameless file in the directory `path` (`O_TMPFILE`), to be linked later.
    package static let temporary = OpenMode(rawValue: Int32(clinux_open_temporary))
    /// Fails with `ELOOP` when the last part is a symbolic link.
    package static let noFollow = OpenMode(rawValue: Int32(clinux_open_no_follow))
    /// Does not wait, for FIFOs and devices.
    package static let nonblocking = OpenMode(rawValue: Int32(clinux_open_nonblocking))
    /// Only finds it (`O_PATH`): its status can be asked for, and whatever it is hears nothing.
    package static let place = OpenMode(rawValue: Int32(clinux_open_place))
  }

  /// Opens a file; `permissions` counts where one is made.
  package static func open(
    _ path: String, _ mode: OpenMode, permissions: UInt32 = 0o600,
    in directory: Int32 = workingDirectory
  ) throws(Errno) -> OwnedDescriptor {
    OwnedDescriptor(
      adopting: try checked(clinux_open(directory, path, mode.rawValue, permissions)))
  }

  /// Opens for real what was opened as `place`, whatever lies under its name by now.
  package static func reopen(
    _ place: Int32, _ mode: OpenMode
  ) throws(Errno) -> OwnedDescriptor {
    try open("/proc/self/fd/\(place)", mode)
  }

  /// Gives a file opened as `temporary` a name; `EEXIST` when the name is taken.
  package static func linkTemporary(
    _ file: Int32, as name: String, in directory: Int32 = workingDirectory
  ) throws(Errno) {
    try checked(clinux_link_temporary(file, directory, name))
  }

  /// Makes a second name for a file in the same or another directory.
  package static func link(
    _ name: String, in directory: Int32 = workingDirectory, as newName: String,
    in newDirectory: Int32 = workingDirectory
  ) throws(Errno) {
    try checked(clinux_link(directory, name, newDirectory, newName))
  }

  /// Makes a symbolic link that says `target`.
  package static func symbolicLink(
    to target: String, as name: String, in directory: Int32 = workingDirectory
  ) throws(Errno) {
    try checked(clinux_symlink(target, directory, name))
  }

  /// Removes a name of a file.
  package static func unlink(
    _ name: String, in directory: Int32 = workingDirectory
  ) throws(Errno) {
    try checked(clinux_unlink(directory, name, false))
  }

  /// Removes an empty directory.
  package static func removeDirectory(
    _ name: String, in directory: Int32 = workingDirectory
  ) throws(Errno) {
    try checked(clinux_unlink(directory, name, true))
  }

  /// Renames a file, replacing one that has the new name.
  package static func rename(
    _ name: String, in directory: Int32 = workingDirectory, to newName: String,
    in newDirectory: Int32 = workingDirectory
  ) throws(Errno) {
    try checked(clinux_rename(directory, name, newDirectory, newName))
  }

  /// Makes a directory; its permissions are subject to the umask.
  package static func makeDirectory(
    _ name: String, permissions: UInt32, in directory: Int32 = workingDirectory
  ) throws(Errno) {
    try checked(clinux_mkdir(directory, name, permissions))
  }

  /// Where a symbolic link points.
  package static func readLink(_ path: String) throws(Errno) -> String {
    var buffer = [CChar](repeating: 0, count: 4097)
    let count = try checked(clinux_read_link(path, &buffer, buffer.count - 1))
    return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// Locks an open description without waiting (`flock`); false when another one holds the lock.
  package static func tryLock(_ file: Int32, exclusive: Bool = true) throws(Errno) -> Bool {
    try checkedUnlessBlocked(clinux_lock(file, exclusive))
  }

  /// Locks an open description as soon as nobody else holds the lock. Blocks as long as that takes:
  /// for a thread of its own.
  package static func waitForLock(_ file: Int32) throws(Errno) {
    try checked(clinux_wait_for_lock(file))
  }

  /// Gives the lock up before the description is closed.
  package static func unlock(_ file: Int32) throws(Errno) { try checked(clinux_unlock(file)) }

  /// Makes a file that lives in memory, with the content given and sealed against change.
  package static func sealedMemory(
    _ name: String, content: [UInt8]
  ) throws(Errno) -> OwnedDescriptor {
    let file = OwnedDescriptor(adopting: try checked(clinux_memory_file(name)))
    try writeAll(file.raw, content, at: 0)
    try seal(file.raw)
    return file
  }

  /// Seals a file in memory against change for good.
  package static func seal(_ file: Int32) throws(Errno) { try checked(clinux_seal(file)) }

  /// An empty file in memory, which goes with its last descriptor.
  package static func memory(_ name: String) throws(Errno) -> OwnedDescriptor {
    OwnedDescriptor(adopting: try checked(clinux_memory_file(name)))
  }

  /// A pipe: what is written to one end is read from the other. Both ends wait.
  package static func pipe() throws(Errno) -> Pipe {
    var reading: Int32 = -1
    var writing: Int32 = -1
    try checked(clinux_pipe(&reading, &writing))
    return Pipe(OwnedDescriptor(adopting: reading), OwnedDescriptor(adopting: writing))
  }

  /// The ends of a pipe; each is taken out once.
  package struct Pipe: ~Copyable {
    private var reading: OwnedDescriptor?
    private var writing: OwnedDescriptor?

    init(_ reading: consuming OwnedDescriptor, _ writing: consuming OwnedDescriptor) {
      self.reading = consume reading
      self.writing = consume writing
    }

    /// Takes out the end where bytes come out.
    package mutating func takeReading() -> OwnedDescriptor { reading.take()! }
    /// Takes out the end where bytes go in.
    package mutating func takeWriting() -> OwnedDescriptor { writing.take()! }
  }
}
