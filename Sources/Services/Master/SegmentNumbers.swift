import LinuxSystem
import QueueFormat
import SystemPackage

/// The numbers that segments in a spool carry.
enum SegmentNumbers {
  /// The highest one, or `nil` for an empty spool.
  static func highest(in path: String) throws(Errno) -> UInt64? {
    let directory = try Files.open(path, [.read, .directory])
    return try Files.names(in: directory.raw)
      .compactMap { SegmentName.parse(file: $0)?.name.sequence }.max()
  }
}
