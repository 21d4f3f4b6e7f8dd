import Foundation
import TestSupport

/// The allocations of processes of `martinet-counted`: Martinet with a `malloc` that counts.
package final class AllocationCount {
  /// Where the counting `malloc` makes a file for each process; it counts only if the folder is
  /// there.
  private static let folder = "/dev/shm/martinet-allocations"

  /// The executable, which `packaging/test` builds beside the one that `MARTINET` names.
  package static let executable =
    URL(filePath: MartinetInstance.executable).deletingLastPathComponent()
    .appending(path: "martinet-counted").path

  /// Whether that executable has been built.
  package static var isAvailable: Bool {
    FileManager.default.isExecutableFile(atPath: executable)
  }

  private var seen: Set<String> = []

  /// Makes the folder: what is started from now on is counted.
  package init() throws {
    try FileManager.default.createDirectory(
      atPath: Self.folder, withIntermediateDirectories: true,
      attributes: [.posixPermissions: 0o1777])
  }

  deinit {
    for path in seen {
      // Whatever remains is eight bytes in memory.
      try? FileManager.default.removeItem(atPath: path)
    }
  }

  /// The allocations of a process since its start.
  package func read(_ process: RunningProcess) throws -> UInt64 {
    let path = "\(Self.folder)/\(process.pid)"
    seen.insert(path)
    let bytes = try Data(contentsOf: URL(filePath: path))
    guard bytes.count == MemoryLayout<UInt64>.size else {
      throw PeerError.unexpected(sent: path, got: "\(bytes.count) bytes")
    }
    return bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }
}
