import CLinux
package import Primitives
package import SystemPackage

/// What a file system knows of a file.
package struct FileStatus: Hashable, Sendable {
  /// The number of the device.
  package let device: UInt64
  /// The number of the file on its device.
  package let inode: UInt64
  /// Kind and permission bits.
  package let mode: UInt32
  /// The owner.
  package let uid: UInt32
  /// The group.
  package let gid: UInt32
  /// How many names it has.
  package let links: UInt64
  /// Its size in bytes.
  package let size: Int64
  /// Bytes of disk that it takes.
  package let allocated: Int64
  /// When its content was changed last.
  package let modified: WallTime
  /// When its attributes were changed last, in nanoseconds since 1970.
  package let changedNanoseconds: Int64

  /// The permission bits.
  package var permissions: UInt32 { mode & 0o7777 }
  /// Whether it is a directory.
  package var isDirectory: Bool { clinux_mode_is_directory(mode) }
  /// Whether it is a device that is no disk, such as `/dev/null`.
  package var isCharacterDevice: Bool { clinux_mode_is_character_device(mode) }
  /// Whether it is an ordinary file.
  package var isRegular: Bool { clinux_mode_is_regular(mode) }
  /// Whether it is a socket.
  package var isSocket: Bool { clinux_mode_is_socket(mode) }

  init(_ found: clinux_file_status) {
    device = found.device
    inode = found.inode
    mode = found.mode
    uid = found.uid
    gid = found.gid
    links = found.links
    size = found.size
    allocated = found.allocated
    modified = WallTime(microseconds: found.modified_us)
    changedNanoseconds = found.changed_ns
  }
}

/// The space and the kind of a file system.
package struct FileSystemSpace: Hashable, Sendable {
  /// The kind by its magic number, as `statfs` says.
  package let type: UInt64
  /// All bytes.
  package let total: UInt64
  /// Bytes that this user may still take.
  package let available: UInt64
  /// Files that can still be made.
  package let filesAvailable: UInt64

  /// Whether files vanish with the machine's memory.
  package var isMemory: Bool { type == 0x0102_1994 || type == 0x8584_58f6 }
  /// Whether it is NFS.
  package var isNFS: Bool { type == 0x6969 }
}

extension Files {
  /// The status of an open file.
  package static func status(of file: Int32) throws(Errno) -> FileStatus {
    var found = clinux_file_status()
    try checked(clinux_status(file, &found))
    return FileStatus(found)
  }

  /// The status of a named file; of a symbolic link itself unless `follow`.
  package static func status(
    _ path: String, in directory: Int32 = workingDirectory, follow: Bool = true
  ) throws(Errno) -> FileStatus {
    var found = clinux_file_status()
    try checked(clinux_status_at(directory, path, follow, &found))
    return FileStatus(found)
  }

  /// The space of the file system that holds an open file or directory.
  package static func space(of file: Int32) throws(Errno) -> FileSystemSpace {
    var found = clinux_space()
    try checked(clinux_space_of(file, &found))
    return FileSystemSpace(
      type: found.type, total: found.total, available: found.available,
      filesAvailable: found.files_available)
  }

  /// Gives an open file to another user and group.
  package static func setOwner(_ file: Int32, uid: UInt32, gid: UInt32) throws(Errno) {
    try checked(clinux_owner(file, uid, gid))
  }

  /// Gives a named file to another user and group; a symbolic link is not followed.
  package static func setOwner(
    _ path: String, in directory: Int32 = workingDirectory, uid: UInt32, gid: UInt32
  ) throws(Errno) {
    try checked(clinux_owner_at(directory, path, uid, gid))
  }

  /// Sets the permission bits of an open file.
  package static func setPermissions(_ file: Int32, _ mode: UInt32) throws(Errno) {
    try checked(clinux_mode(file, mode))
  }

  /// Sets the permission bits of a named file.
  package static func setPermissions(
    _ path: String, in directory: Int32 = workingDirectory, _ mode: UInt32
  ) throws(Errno) {
    try checked(clinux_mode_at(directory, path, mode))
  }

  /// The names in an open directory, without `.` and `..`, in no order. Names that are not UTF-8
  /// are repaired and so cannot be opened by what is returned.
  package static func names(in directory: Int32) throws(Errno) -> [String] {
    try checked(clinux_rewind(directory))
    var names: [String] = []
    let block = UnsafeMutableRawBufferPointer.allocate(byteCount: 32768, alignment: 8)
    defer { block.deallocate() }
    while true {
      let count = try checked(clinux_directory_block(directory, block.baseAddress, block.count))
      if count == 0 { return names }
      var offset = 0
      while offset < count {
        let name = String(cString: clinux_entry_name(block.baseAddress, &offset))
        if name != ".", name != ".." { names.append(name) }
      }
    }
  }
}
