import LinuxSystem
import MailTypes
import Primitives
import QueueFormat
import Reactor
import TestSupport
import Testing

@testable import QueueStore

/// A writer on a spool of its own.
@ReactorActor
final class WriterFixture {
  let disk: FaultyDisk
  let writer: SpoolWriter
  let helper: HelperThread
  let folder: TemporaryDirectory
  /// Everything that was reported, in order.
  private(set) var reports: [SegmentProgress] = []
  private(set) var requests = 0
  /// Commits in tasks of their own that have begun.
  private(set) var begun = 0

  init(
    sequences: Range<UInt64> = 10..<100, below folder: TemporaryDirectory? = nil,
    change: (inout SpoolWriter.Settings) -> Void = { _ in }
  ) throws {
    let folder = try folder ?? TemporaryDirectory(prefix: "spool")
    self.folder = folder
    for name in ["segments", "corrupt"] { try folder.makeDirectory(name) }
    let real = try LinuxDisk(path: folder.path)
    let disk = FaultyDisk(real)
    self.disk = disk
    var settings = SpoolWriter.Settings()
    settings.probePause = .milliseconds(5)
    change(&settings)
    let helper = try HelperThread(name: "spool")
    self.helper = helper
    let sink = Sink()
    writer = SpoolWriter(
      settings: settings,
      chain: SegmentChain(
        disk: disk, writer: "smtpd0", sizeLimit: settings.segmentSize, reserve: settings.reserve),
      helper: helper, onProgress: { sink.owner?.reports.append($0) },
      onLowSequences: { sink.owner?.requests += 1 })
    sink.owner = self
    writer.addSequences(sequences)
  }

  @ReactorActor private final class Sink { weak var owner: WriterFixture? }

  /// A message whose parts tell its number.
  func record(_ number: Int, bodySize: Int = 100) -> PendingRecord {
    var body = Array("message \(number) ".utf8)
    body += [UInt8](repeating: UInt8(ascii: "x"), count: max(0, bodySize - body.count - 2))
    body += [13, 10]
    let sender = MailAddress(Array("sender\(number)@example.org".utf8))
    let recipient = EnvelopeRecipient(MailAddress(Array("to\(number)@example.net".utf8)))
    let header = Array("Subject: \(number)\r\n\r\n".utf8)
    return PendingRecord(
      id: writer.makeQueueID(now: Clocks.wallNow()), header: header, body: body,
      envelope: Envelope(sender: sender, recipients: [recipient], arrival: Clocks.wallNow()),
      flags: [], contentSize: UInt64(header.count + body.count))
  }

  /// Commits in a task of its own.
  func commit(_ record: PendingRecord) -> Task<SpoolError?, Never> {
    Task { @ReactorActor in
      self.begun += 1
      do throws(SpoolError) {
        try await self.writer.commit(record)
        return nil
      } catch {
        return error
      }
    }
  }

  /// Lets the loop turn until something is so; an issue when it never is.
  func turn(until condition: () -> Bool, _ what: Comment) async {
    let deadline = Clocks.monotonicNow() + .seconds(20)
    while !condition() {
      guard Clocks.monotonicNow() < deadline else {
        Issue.record(what)
        return
      }
      await Reactor.shared.yieldTurn()
    }
  }

  /// The last word about each segment.
  var ends: [SegmentName: SegmentProgress] {
    reports.reduce(into: [:]) { $0[$1.name] = $1 }
  }

  /// What the queue manager would take in: the records before each segment's reported end.
  func stored() throws -> [StoredRecord] {
    try ends.values.sorted { $0.name.sequence < $1.name.sequence }.flatMap { progress in
      let file = try disk.open(progress.name.segmentFile, in: .segments, writable: false)
      return try SegmentReader.records(
        on: disk, file: file, nonce: progress.name.nonce, from: UInt64(FileHeader.size),
        to: progress.end)
    }
  }

  /// The bytes of an extent of a segment.
  func bytes(_ extent: Extent, of name: SegmentName) throws -> [UInt8] {
    let file = try disk.open(name.segmentFile, in: .segments, writable: false)
    return try disk.read(Int(extent.length), from: file, at: extent.offset)
  }

  /// Whether another process could take the segment's lock.
  func isGivenUp(_ name: SegmentName) throws -> Bool {
    let file = try disk.open(name.segmentFile, in: .segments, writable: false)
    defer { disk.close(file) }
    return try disk.lock(file)
  }
}
