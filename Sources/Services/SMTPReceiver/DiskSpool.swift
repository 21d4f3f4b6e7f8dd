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

  var oldestCommitAge: Duration { writer.oldestCommitAge }

  var isRefusing: Bool { writer.isRefusing }

  /// How far the segments are flushed that are not sealed.
  var progress: [SegmentProgress] { writer.progress }

  func addSequences(_ range: Range<UInt64>) { writer.addSequences(range) }

  func makeQueueID(now: WallTime) -> QueueID { writer.makeQueueID(now: now) }

  func enterData() -> DataPass { DataPass(ticket: writer.enterData()) }

  func leaveData(_ pass: DataPass) {
    if let ticket = pass.ticket { writer.leaveData(ticket) }
  }

  func commit(_ message: ReceivedMessage) async throws(StorageFault) {
    do throws(SpoolError) {
      try await writer.commit(message.record)
    } catch {
      throw StorageFault(error)
    }
  }

  func beginStream() async throws(StorageFault) -> any MessageStream {
    do throws(SpoolError) {
      return DiskStream(try await writer.beginLarge(on: largeHelper))
    } catch {
      throw StorageFault(error)
    }
  }

  func drain() async { await writer.drain() }
}

/// A large message on its way to the disk.
@ReactorActor
final class DiskStream: MessageStream {
  private let large: LargeMessage

  init(_ large: LargeMessage) { self.large = large }

  func append(_ body: [UInt8]) async throws(StorageFault) {
    do throws(SpoolError) {
      try await large.append(body)
    } catch {
      throw StorageFault(error)
    }
  }

  func finish(_ message: ReceivedMessage) async throws(StorageFault) {
    do throws(SpoolError) {
      try await large.finish(message.record)
    } catch {
      throw StorageFault(error)
    }
  }

  func abort() async { await large.abort() }
}

extension StorageFault {
  init(_ error: SpoolError) {
    switch error {
    case .noSpace, .refusing: self = .full
    default: self = .broken
    }
  }
}

extension ReceivedMessage {
  /// The message as the spool takes it.
  fileprivate var record: PendingRecord {
    PendingRecord(
      id: id, header: Array(content[..<headerSize]), body: Array(content[headerSize...]),
      envelope: envelope, flags: flags, contentSize: UInt64(contentSize))
  }
}
