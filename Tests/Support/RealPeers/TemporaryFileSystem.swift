import Glibc
import TestSupport

/// A small file system in memory, to be filled up. It needs root.
package final class TemporaryFileSystem: Sendable {
  /// Whether one can be mounted here.
  package static var isAvailable: Bool {
    guard getuid() == 0, let probe = try? TemporaryFileSystem(megabytes: 1) else { return false }
    return !probe.path.isEmpty
  }

  /// Where it is mounted.
  package var path: String { folder.path }
  private let folder: TemporaryDirectory

  /// Mounts one of that size.
  package init(megabytes: Int) throws {
    folder = try TemporaryDirectory(prefix: "martinet-small")
    try Program.run(
      "mount", ["-t", "tmpfs", "-o", "size=\(megabytes)m,mode=755", "tmpfs", folder.path])
  }

  deinit { _ = try? Program.run("umount", ["-l", folder.path]) }
}
