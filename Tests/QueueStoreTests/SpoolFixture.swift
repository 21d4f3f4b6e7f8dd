import LinuxSystem
import MailTypes
import Primitives
import QueueFormat
import Simulation
import TestSupport
import Testing

@testable import QueueStore

/// A spool on a real disk, in a temporary folder.
struct RealSpool {
  let folder: TemporaryDirectory
  let fixture: SpoolFixture<LinuxDisk>

  init() throws {
    folder = try TemporaryDirectory()
    try folder.makeDirectory("segments")
    try folder.makeDirectory("corrupt")
    fixture = SpoolFixture(disk: try LinuxDisk(path: folder.path))
  }
}

extension SpoolFixture<SimulatedDisk> {
  init() { self.init(disk: SimulatedDisk(SimulatedMachine(seed: 1))) }
}

/// What tests do with a spool.
struct SpoolFixture<D: Disk> {
  let disk: D

  static var now: WallTime { WallTime(microseconds: 1_700_000_000_000_000) }

  static func name(_ sequence: UInt64, writer: String = "smtpd0") throws -> SegmentName {
    let bits = try ThisProcess.randomBits()
    return try #require(
      SegmentName(
        sequence: sequence, nonce: Nonce(high: bits.high, low: bits.low), writer: writer))
  }

  static func record(
    _ number: UInt64, body: String = "Hello\r\n", recipients: [String] = ["b@example.net"]
  ) -> PendingRecord {
    let header = Array("Subject: \(number)\r\n\r\n".utf8)
    let bytes = Array(body.utf8)
    return PendingRecord(
      id: QueueID(microseconds: 1_700_000_000_000_000 + number, sequence: 1), header: header,
      body: bytes,
      envelope: Envelope(
        sender: MailAddress("a@example.org"),
        recipients: recipients.map { EnvelopeRecipient(MailAddress($0)) }, arrival: now),
      flags: [], contentSize: UInt64(header.count + bytes.count))
  }

  /// Writes batches of records into a new segment and gives it up.
  func segment(_ sequence: UInt64, _ batches: [[PendingRecord]]) throws -> SegmentName {
    let name = try Self.name(sequence)
    let writer = try SegmentWriter.create(
      on: disk, name: name, created: Self.now, sizeLimit: 64 << 20)
    for records in batches {
      let batch = CommitBatch()
      for record in records { batch.append(record) }
      _ = try writer.commit(batch)
    }
    writer.close()
    return name
  }

  /// Everything that a walk finds in a segment.
  func walk(_ name: SegmentName, flushedEnd: UInt64 = 0) throws -> SegmentFindings {
    let file = try disk.open(name.segmentFile, in: .segments, writable: false)
    return try SegmentWalk.findings(
      on: disk, file: file, nonce: name.nonce, end: try disk.size(of: file),
      flushedEnd: flushedEnd)
  }

  /// Header, body and terminator as the wire gets them.
  func content(_ lead: RecordLead, _ name: SegmentName) throws -> [UInt8] {
    let file = try disk.open(name.segmentFile, in: .segments, writable: false)
    let terminator = SpoolLayout.terminator.count
    return try disk.read(Int(lead.header.length), from: file, at: lead.header.offset)
      + disk.read(Int(lead.body.length) + terminator, from: file, at: lead.body.offset)
  }

  /// Overwrites bytes of a file, as a failing disk would.
  func damage(_ file: String, at offset: UInt64, _ bytes: [UInt8]) throws {
    let open = try disk.open(file, in: .segments, writable: true)
    try disk.write(bytes, to: open, at: offset)
  }
}
