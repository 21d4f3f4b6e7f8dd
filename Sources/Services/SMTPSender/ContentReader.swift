import LinuxSystem
import Reactor
import SystemPackage

/// Brings parts of segments into memory on a thread of its own, before the reactor reads or sends
/// them: that never waits for the disk (spool rule R26). The thread is begun with the first part
/// that is not in memory; what has just arrived always is.
@ReactorActor
final class ContentReader {
  private var helper: HelperThread?
  /// Parts that had to be read from the disk.
  private(set) var fetches = 0

  nonisolated init() {}

  /// Reads a part of a file from the disk.
  ///
  /// - Throws: `EAGAIN` when there is no room for a thread, or what reading says.
  func read(_ file: SharedDescriptor, count: Int, at offset: Int64) async throws(Errno) -> [UInt8] {
    let helper: HelperThread
    if let known = self.helper {
      helper = known
    } else {
      helper = try HelperThread(name: "segment-read")
      self.helper = helper
    }
    fetches += 1
    return try await helper.perform { () throws(Errno) in
      try Files.read(file.raw, count: count, at: offset)
    }
  }

  /// Whether a part of a file is in memory; a part of which that cannot be said is not.
  nonisolated func hasCached(_ file: SharedDescriptor, offset: Int64, count: Int64) -> Bool {
    do throws(Errno) {
      return try Files.isCached(file.raw, offset: offset, count: count)
    } catch {
      return false
    }
  }

  /// Has a part of a file in memory when it returns, unless it cannot be read: then whoever sends
  /// it learns why.
  func fetch(_ file: SharedDescriptor, offset: Int64, count: Int64) async {
    guard !hasCached(file, offset: offset, count: count) else { return }
    _ = try? await read(file, count: Int(count), at: offset)
  }
}
