import Glibc
import TestSupport

/// A small file system, to be filled up. It needs root.
package final class TemporaryFileSystem: Sendable {
  /// What it is made of.
  package enum Kind: String, Sendable, CaseIterable {
    /// Memory.
    case tmpfs
    /// A file that is looked at as a disk.
    case ext4
  }

  /// The kinds that can be mounted here.
  package static var available: [Kind] {
    guard getuid() == 0 else { return [] }
    return Kind.allCases.filter { (try? TemporaryFileSystem($0, megabytes: 8)) != nil }
  }

  /// Where it is mounted.
  package let path: String
  private let folder: TemporaryDirectory

  /// Makes one of that size and mounts it.
  package init(_ kind: Kind, megabytes: Int) throws {
    folder = try TemporaryDirectory(prefix: "martinet-small")
    path = try folder.makeDirectory("mount")
    switch kind {
    case .tmpfs:
      try Program.run(
        "mount", ["-t", "tmpfs", "-o", "size=\(megabytes)m,mode=755", "tmpfs", path])
    case .ext4:
      let image = folder.path("image")
      try Program.run("truncate", ["-s", "\(megabytes)M", image])
      try Program.run("mkfs.ext4", ["-q", "-m", "0", image])
      try Program.run("mount", ["-o", "loop", image, path])
    }
  }

  deinit { _ = try? Program.run("umount", ["-l", path]) }
}
