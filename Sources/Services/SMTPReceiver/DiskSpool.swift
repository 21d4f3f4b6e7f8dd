import Configuration
import LinuxSystem
import MailTypes
import Primitives
import QueueFormat
import QueueStore
import Reactor
import ServiceKit
import SystemPackage

/// The spool of the host, as sessions see it.
@ReactorActor
final class DiskSpool: MessageSpool {
  private let writer: SpoolWriter
  private let largeHelper: HelperThread

  /// - Parameters:
  ///   - name: the process's name in file names.
  ///   - onProgress: told of each flush that moved a segment's end.
  ///   - onLowSequences: asks `master` for more numbers.
  init(
    _ configuration: Configuration, name: String,
    onProgress: @escaping @ReactorActor (SegmentProgress) -> Void,
    onLowSequences: @escaping @ReactorActor () -> Void
  ) throws(RoleFailure) {
    let path = configuration[.queueDirectory]
    var settings = SpoolWriter.Settings()
    settings.segmentSize = UInt64(configuration[.spoolSegmentSize])
    settings.stallTime = configuration[.spoolStallTime]
    settings.reserve = UInt64(configuration[.spoolReserve])
    settings.commitDelay = configuration[.commitDelay]
    do {
      writer = SpoolWriter(
        disk: try LinuxDisk(path: path), writer: name, settings: settings,
        helper: try HelperThread(name: "spool"), onProgress: onProgress,
        onLowSequences: onLowSequences)
      largeHelper = try HelperThread(name: "spool-large")
    } catch {
      throw RoleFailure("cannot open the spool in \(path): \(error)")
    }
  }

  var isStalled: Bool { writer.stalls.isStalled }

  var onStall: @ReactorActor (Bool) -> Void {
    get { writer.stalls.onChange }
    set { writer.stalls.onChange = newValue }
  }

  var isRefusing: Bool { writer.isRefusing }

  /// Ends the current segment: room is short, and a segment goes only as a whole.
  func sealEarly() { writer.sealEarly() }

  /// There is room again: what was refused for want of it is welcome as soon as a probe says so.
  func probeNow() { writer.probeNow() }

  /// How far the segments are flushed that are not sealed.
  var progress: [SegmentProgress] { writer.progress }

  func addSequences(_ range: Range<UInt64>) { writer.addSequences(range) }

  func makeQueueID(now: WallTime) -> QueueID { writer.makeQueueID(now: now) }

  func enterData() -> DataPass { DataPass(ticket: writer.enterData()) }

  func leaveData(_ pass: DataPass) {
    if let ticket = pass.ticket { writer.leaveData(ticket) }
  }

  func commit(_ message: PendingRecord) async throws(SpoolError) {
    try await writer.commit(message)
  }

  func beginStream() async throws(SpoolError) -> any MessageStream {
    try await writer.beginLarge(on: largeHelper)
  }

  func drain() async { await writer.drain() }
}

extension LargeMessage: MessageStream {}
