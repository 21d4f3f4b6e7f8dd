import QueueFormat

/// The folders of a spool.
package enum SpoolFolder: Hashable, Sendable, CaseIterable {
  /// `queue_directory` itself: the lock, the counter, the format.
  case root
  /// Segments and journals.
  case segments
  /// Copies of what was damaged.
  case corrupt

  /// The folder's name below the root.
  package var name: String {
    switch self {
    case .root: "."
    case .segments: "segments"
    case .corrupt: "corrupt"
    }
  }
}

/// What the store needs of a file system, and no more, so that a simulated one can stand in.
///
/// All calls block; in a role they run on a helper thread (R26). Positions are explicit: no file
/// has a current offset.
package protocol Disk: Sendable {
  /// One open description of a file; closed by `close` or when the last reference goes.
  associatedtype File: AnyObject & Sendable

  /// The format in which files are written; see `SpoolFormat`.
  var formatVersion: UInt16 { get }

  /// Makes a nameless file, readable and writable.
  func createTemporary(in folder: SpoolFolder) throws(SpoolError) -> File
  /// Makes a file that must not be there yet.
  func create(_ name: String, in folder: SpoolFolder) throws(SpoolError) -> File
  /// Opens a file for reading, and for writing when asked; never makes one.
  func open(
    _ name: String, in folder: SpoolFolder, writable: Bool
  ) throws(SpoolError) -> File
  /// Gives a nameless file its name; it must not be taken.
  func link(_ file: File, as name: String, in folder: SpoolFolder) throws(SpoolError)
  /// Puts a file in the place of another.
  func rename(_ name: String, to newName: String, in folder: SpoolFolder) throws(SpoolError)
  /// Removes a name.
  func unlink(_ name: String, in folder: SpoolFolder) throws(SpoolError)
  /// Makes links, renames and unlinks of the folder durable.
  func flushFolder(_ folder: SpoolFolder) throws(SpoolError)
  /// The names in a folder, in no order.
  func names(in folder: SpoolFolder) throws(SpoolError) -> [String]
  /// Bytes that an unprivileged writer may still use.
  func freeBytes() throws(SpoolError) -> UInt64

  /// Writes all bytes at an offset.
  func write(
    _ bytes: UnsafeRawBufferPointer, to file: File, at offset: UInt64
  ) throws(SpoolError)
  /// Reads up to as many bytes as fit; fewer only where the file ends.
  func read(
    into bytes: UnsafeMutableRawBufferPointer, from file: File, at offset: UInt64
  ) throws(SpoolError) -> Int
  /// Makes the file's bytes and size durable (`fdatasync`).
  func flush(_ file: File) throws(SpoolError)
  /// Forgets cached pages that need not be written, so that the next read shows what the disk
  /// has: after a failed flush the cache goes on showing what never got there.
  func dropCache(_ file: File) throws(SpoolError)
  /// The file's size in bytes.
  func size(of file: File) throws(SpoolError) -> UInt64
  /// Reserves blocks up to `end` without changing the size; a file system that cannot goes on
  /// without.
  func allocate(_ file: File, through end: UInt64) throws(SpoolError)
  /// Takes the exclusive lock of the file's open description without waiting.
  ///
  /// - Returns: whether it is held now.
  func lock(_ file: File) throws(SpoolError) -> Bool
  /// Closes the description and with it gives up its lock.
  func close(_ file: File)
}

extension Disk {
  /// The newest that this build knows.
  package var formatVersion: UInt16 { SpoolLayout.version }

  /// Writes an array, or what of it begins at index `first`, at an offset.
  package func write(
    _ bytes: [UInt8], from first: Int = 0, to file: File, at offset: UInt64
  ) throws(SpoolError) {
    let result = bytes.withUnsafeBytes { raw -> Result<Void, SpoolError> in
      let part = UnsafeRawBufferPointer(rebasing: raw[first...])
      return Result { () throws(SpoolError) in try write(part, to: file, at: offset) }
    }
    try result.get()
  }

  /// Reads `count` bytes at an offset; fewer only where the file ends.
  package func read(
    _ count: Int, from file: File, at offset: UInt64
  ) throws(SpoolError) -> [UInt8] {
    var failure: SpoolError?
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, used in
      do throws(SpoolError) {
        used = try read(into: UnsafeMutableRawBufferPointer(buffer), from: file, at: offset)
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
    return bytes
  }
}
