package import QueueStore
import TestSupport

/// One open description of a simulated file.
package final class SimulatedFile: @unchecked Sendable {
  let inode: SimulatedInode
  let process: SimulatedDisk
  var isClosed = false

  init(_ inode: SimulatedInode, _ process: SimulatedDisk) {
    self.inode = inode
    self.process = process
  }
}

/// The simulated machine as one process sees it; its descriptions and locks end with it.
package final class SimulatedDisk: Disk, @unchecked Sendable {
  private static let inputOutputError: Int32 = 5
  private let machine: SimulatedMachine
  /// Whether the process lives.
  package private(set) var isAlive = true
  /// Calls until the process dies; `nil` for never.
  package var callsUntilDeath: Int?

  /// A new process on a machine that has power.
  package init(_ machine: SimulatedMachine) {
    self.machine = machine
  }

  /// The process is killed.
  package func die() {
    isAlive = false
  }

  /// Whether the process lives and its machine has power.
  package var isRunning: Bool { isAlive && machine.hasPower }

  /// Lets a call happen, or ends the process or the machine instead.
  private func begin(_ operation: SpoolOperation) throws(SpoolError) {
    guard isAlive, machine.survivesCall() else {
      isAlive = false
      throw .system(operation, code: Self.inputOutputError)
    }
    if let left = callsUntilDeath {
      callsUntilDeath = left - 1
      if left <= 0 {
        isAlive = false
        throw .system(operation, code: Self.inputOutputError)
      }
    }
  }

  /// Makes a nameless file, readable and writable.
  package func createTemporary(in folder: SpoolFolder) throws(SpoolError) -> SimulatedFile {
    try begin(.create)
    if machine.isFull { throw .noSpace }
    return SimulatedFile(machine.makeInode(), self)
  }

  /// Makes a file that must not be there yet.
  package func create(
    _ name: String, in folder: SpoolFolder
  ) throws(SpoolError) -> SimulatedFile {
    try begin(.create)
    if machine.isFull { throw .noSpace }
    guard machine.inode(name, in: folder) == nil else { throw .exists }
    let inode = machine.makeInode()
    machine.change(folder, .link(name, inode))
    return SimulatedFile(inode, self)
  }

  /// Opens a file for reading, and for writing when asked; never makes one.
  package func open(
    _ name: String, in folder: SpoolFolder, writable: Bool
  ) throws(SpoolError) -> SimulatedFile {
    try begin(.open)
    guard let inode = machine.inode(name, in: folder) else { throw .missing }
    return SimulatedFile(inode, self)
  }

  /// Gives a nameless file its name; it must not be taken.
  package func link(
    _ file: SimulatedFile, as name: String, in folder: SpoolFolder
  ) throws(SpoolError) {
    try begin(.link)
    guard machine.inode(name, in: folder) == nil else { throw .exists }
    machine.change(folder, .link(name, file.inode))
  }

  /// Puts a file in the place of another.
  package func rename(
    _ name: String, to newName: String, in folder: SpoolFolder
  ) throws(SpoolError) {
    try begin(.rename)
    guard let inode = machine.inode(name, in: folder) else { throw .missing }
    machine.change(folder, .rename(name, newName, inode))
  }

  /// Removes a name.
  package func unlink(_ name: String, in folder: SpoolFolder) throws(SpoolError) {
    try begin(.unlink)
    guard machine.inode(name, in: folder) != nil else { throw .missing }
    machine.change(folder, .unlink(name))
  }

  /// Makes links, renames and unlinks of the folder durable.
  package func flushFolder(_ folder: SpoolFolder) throws(SpoolError) {
    try begin(.flushFolder)
    if machine.happens(oneIn: machine.folderFlushFailsOneIn) {
      throw .system(.flushFolder, code: Self.inputOutputError)
    }
    machine.flushFolder(folder)
  }

  /// The names in a folder, in no order.
  package func names(in folder: SpoolFolder) throws(SpoolError) -> [String] {
    try begin(.list)
    return (machine.folders[folder]?.entries.keys).map { $0.sorted() } ?? []
  }

  /// Bytes that an unprivileged writer may still use.
  package func freeBytes() throws(SpoolError) -> UInt64 {
    try begin(.space)
    return machine.isFull ? 0 : 1 << 40
  }

  /// Writes all bytes at an offset.
  package func write(
    _ bytes: UnsafeRawBufferPointer, to file: SimulatedFile, at offset: UInt64
  ) throws(SpoolError) {
    do throws(SpoolError) {
      try begin(.write)
    } catch {
      // A process that dies in a write leaves any part of it behind.
      if machine.hasPower, !bytes.isEmpty {
        file.inode.write(Int(offset), partOf(bytes))
      }
      throw error
    }
    if machine.isFull, !file.inode.hasBlocks(Int(offset), bytes.count) {
      throw .noSpace
    }
    if machine.happens(oneIn: machine.writeFailsOneIn) {
      file.inode.write(Int(offset), partOf(bytes))
      throw .system(.write, code: Self.inputOutputError)
    }
    file.inode.write(Int(offset), bytes)
  }

  private func partOf(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: bytes[..<machine.random.below(bytes.count + 1)])
  }

  /// Reads up to as many bytes as fit; fewer only where the file ends.
  package func read(
    into bytes: UnsafeMutableRawBufferPointer, from file: SimulatedFile, at offset: UInt64
  ) throws(SpoolError) -> Int {
    try begin(.read)
    let content = file.inode.read(Int(offset), bytes.count)
    bytes.copyBytes(from: content)
    return content.count
  }

  /// Makes the file's bytes and size durable (`fdatasync`).
  package func flush(_ file: SimulatedFile) throws(SpoolError) {
    try begin(.flush)
    if machine.happens(oneIn: machine.flushFailsOneIn) {
      file.inode.failFlush(&machine.random)
      throw .system(.flush, code: Self.inputOutputError)
    }
    file.inode.flush()
    machine.countFlush()
  }

  /// Forgets cached pages that need not be written, so that the next read shows what the disk
  /// has: after a failed flush the cache goes on showing what never got there.
  package func dropCache(_ file: SimulatedFile) throws(SpoolError) {
    try begin(.dropCache)
    if !machine.keepsCache { file.inode.dropCleanBlocks() }
  }

  /// The file's size in bytes.
  package func size(of file: SimulatedFile) throws(SpoolError) -> UInt64 {
    try begin(.size)
    return UInt64(file.inode.size)
  }

  /// Reserves blocks up to `end` without changing the size; a file system that cannot goes on
  /// without.
  package func allocate(_ file: SimulatedFile, through end: UInt64) throws(SpoolError) {
    try begin(.allocate)
    if machine.isFull { throw .noSpace }
    file.inode.allocatedEnd = max(file.inode.allocatedEnd, Int(end))
  }

  /// Takes the exclusive lock of the file's open description without waiting.
  ///
  /// - Returns: whether it is held now.
  package func lock(_ file: SimulatedFile) throws(SpoolError) -> Bool {
    try begin(.lock)
    if let holder = file.inode.lockHolder, holder !== file, !holder.isClosed,
      holder.process.isAlive
    {
      return false
    }
    file.inode.lockHolder = file
    return true
  }

  /// Closes the description and with it gives up its lock.
  package func close(_ file: SimulatedFile) {
    file.isClosed = true
    if file.inode.lockHolder === file { file.inode.lockHolder = nil }
  }
}
