import QueueStore
import Reactor

/// Gives out the numbers of spool segments, never one twice (spool rule R18).
///
/// They are reserved on the disk in large steps; what was reserved and not given out is a gap after
/// a crash.
@ReactorActor
final class SequenceSource {
  private nonisolated static let reserveCount: UInt64 = 1 << 16

  private let disk: LinuxDisk
  private let helper: HelperThread
  private var reserved: Range<UInt64> = 0..<0

  init(disk: LinuxDisk, helper: HelperThread) {
    self.disk = disk
    self.helper = helper
  }

  /// The next `count` numbers.
  func take(_ count: UInt64) async throws(SpoolError) -> Range<UInt64> {
    while reserved.count < count {
      let fresh = try await helper.perform { [disk] () throws(SpoolError) in
        try SequenceCounter.reserve(Self.reserveCount, on: disk)
      }
      if reserved.count < count { reserved = fresh }
    }
    let taken = reserved.prefix(Int(count))
    reserved = reserved.dropFirst(Int(count))
    return taken
  }
}
