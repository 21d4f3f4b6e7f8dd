import Foundation
import LinuxSystem
import QueueStore
import Synchronization

/// A disk that counts what is asked of it, fails on demand and can be held in a flush.
final class FaultyDisk: Disk {
  typealias File = LinuxDisk.File

  private struct State {
    /// The call that fails next for want of room.
    var roomFailure: SpoolOperation?
    var counts: [SpoolOperation: Int] = [:]
    /// How often the next calls fail.
    var failures: [SpoolOperation: Int] = [:]
    /// Free bytes that the disk claims to have.
    var free: UInt64?
  }

  private let real: LinuxDisk
  private let state = Mutex(State())
  private let condition = NSCondition()
  nonisolated(unsafe) private var isHeld = false
  nonisolated(unsafe) private var isInFlush = false

  init(_ real: LinuxDisk) { self.real = real }

  /// How often a call was made, failed ones included.
  func count(_ operation: SpoolOperation) -> Int { state.withLock { $0.counts[operation] ?? 0 } }

  /// Makes the next calls of a kind fail.
  func fail(_ operation: SpoolOperation, times: Int = 1) {
    state.withLock { $0.failures[operation] = times }
  }

  /// Makes the next call of a kind fail for want of room.
  func failForRoom(_ operation: SpoolOperation) {
    state.withLock { $0.roomFailure = operation }
  }

  /// How many bytes the disk claims to have free: reservations of more fail.
  var free: UInt64? {
    get { state.withLock { $0.free } }
    set { state.withLock { $0.free = newValue } }
  }

  /// Keeps flushes of files from returning until `release`.
  func hold() {
    condition.withLock { isHeld = true }
  }

  /// Lets the flush that is held go on.
  func release() {
    condition.withLock {
      isHeld = false
      condition.broadcast()
    }
  }

  /// Whether a flush is being held.
  var isHolding: Bool { condition.withLock { isInFlush } }

  private func note(_ operation: SpoolOperation) throws(SpoolError) {
    let isFull = state.withLock { state in
      guard state.roomFailure == operation else { return false }
      state.roomFailure = nil
      return true
    }
    if isFull { throw .noSpace }
    let fails = state.withLock { state in
      state.counts[operation, default: 0] += 1
      guard let left = state.failures[operation], left > 0 else { return false }
      state.failures[operation] = left - 1
      return true
    }
    if fails { throw .system(operation, code: 5) }
  }

  private func waitWhileHeld() {
    condition.withLock {
      isInFlush = isHeld
      while isHeld { condition.wait() }
      isInFlush = false
    }
  }

  func createTemporary(in folder: SpoolFolder) throws(SpoolError) -> File {
    try note(.create)
    return try real.createTemporary(in: folder)
  }

  func create(_ name: String, in folder: SpoolFolder) throws(SpoolError) -> File {
    try note(.create)
    return try real.create(name, in: folder)
  }

  func open(
    _ name: String, in folder: SpoolFolder, writable: Bool
  ) throws(SpoolError) -> File {
    try note(.open)
    return try real.open(name, in: folder, writable: writable)
  }

  func link(_ file: File, as name: String, in folder: SpoolFolder) throws(SpoolError) {
    try note(.link)
    try real.link(file, as: name, in: folder)
  }

  func rename(
    _ name: String, to newName: String, in folder: SpoolFolder
  ) throws(SpoolError) {
    try note(.rename)
    try real.rename(name, to: newName, in: folder)
  }

  func unlink(_ name: String, in folder: SpoolFolder) throws(SpoolError) {
    try note(.unlink)
    try real.unlink(name, in: folder)
  }

  func flushFolder(_ folder: SpoolFolder) throws(SpoolError) {
    try note(.flushFolder)
    try real.flushFolder(folder)
  }

  func names(in folder: SpoolFolder) throws(SpoolError) -> [String] {
    try real.names(in: folder)
  }

  func freeBytes() throws(SpoolError) -> UInt64 {
    if let free { return free }
    return try real.freeBytes()
  }

  func write(
    _ bytes: UnsafeRawBufferPointer, to file: File, at offset: UInt64
  ) throws(SpoolError) {
    try note(.write)
    try real.write(bytes, to: file, at: offset)
  }

  func read(
    into bytes: UnsafeMutableRawBufferPointer, from file: File, at offset: UInt64
  ) throws(SpoolError) -> Int {
    try note(.read)
    return try real.read(into: bytes, from: file, at: offset)
  }

  func flush(_ file: File) throws(SpoolError) {
    waitWhileHeld()
    try note(.flush)
    try real.flush(file)
  }

  func dropCache(_ file: File) throws(SpoolError) { try real.dropCache(file) }

  func size(of file: File) throws(SpoolError) -> UInt64 { try real.size(of: file) }

  func allocate(_ file: File, through end: UInt64) throws(SpoolError) {
    try note(.allocate)
    if let free, free < UInt64(4096) { throw .noSpace }
    try real.allocate(file, through: end)
  }

  func lock(_ file: File) throws(SpoolError) -> Bool { try real.lock(file) }

  func close(_ file: File) { real.close(file) }
}
