import MailTypes
import Primitives
import QueueFormat
import Simulation
import TestSupport
import Testing

@testable import QueueStore

@Suite struct SpoolFormatTests {
  private let folder: TemporaryDirectory

  init() throws {
    folder = try TemporaryDirectory(prefix: "format")
    for name in ["segments", "corrupt"] { try folder.makeDirectory(name) }
  }

  private func disk(_ formats: SpoolFormat = .ofThisBuild) throws -> LinuxDisk {
    try LinuxDisk(path: folder.path, formats: formats)
  }

  private var formatFiles: [String] {
    get throws { try folder.names(in: ".").filter { $0.hasPrefix("format") } }
  }

  /// The version in the first block of a file, read as no build of today would.
  private func version(of file: String) throws -> UInt16 {
    let bytes = try folder.read("segments/" + file)
    return UInt16(bytes[8]) | UInt16(bytes[9]) << 8
  }

  private func writeSegment(on disk: LinuxDisk, sequence: UInt64) throws -> SegmentName {
    let name = try #require(
      SegmentName(sequence: sequence, nonce: Nonce(high: 1, low: sequence), writer: "smtpd0"))
    let now = WallTime(microseconds: 1_700_000_000_000_000)
    try SegmentWriter.create(on: disk, name: name, created: now, sizeLimit: 1 << 20).close()
    try JournalWriter.create(on: disk, name: name, created: now, entries: []).close()
    return name
  }

  @Test func aFreshSpoolHasTheFormatBeforeTheNewest() throws {
    #expect(try SpoolFormat(newest: 3).prepare(disk()) == 2)
    #expect(try formatFiles == ["format-2"])
    #expect(try SpoolFormat(newest: 3).prepare(disk(SpoolFormat(newest: 3))) == 2)
  }

  @Test func theFirstFormatHasNoneBefore() throws {
    #expect(try SpoolFormat(newest: 1).prepare(disk()) == 1)
    #expect(try formatFiles == ["format-1"])
  }

  @Test func aSpoolWithMailAndWithoutAFormatIsOfTheFirst() throws {
    _ = try writeSegment(on: disk(), sequence: 1)
    #expect(try SpoolFormat(newest: 3).prepare(disk()) == 1)
  }

  @Test func theOldFormatIsWrittenUntilTheUpgrade() throws {
    let formats = SpoolFormat(newest: 2)
    try formats.prepare(disk(formats))
    let before = try writeSegment(on: disk(formats), sequence: 1)
    #expect(try version(of: before.segmentFile) == 1)
    #expect(try version(of: before.journalFile) == 1)
    let change = try formats.upgrade(disk(formats))
    #expect(change == (1, 2))
    #expect(try formatFiles == ["format-2"])
    let after = try writeSegment(on: disk(formats), sequence: 2)
    #expect(try version(of: after.segmentFile) == 2)
    #expect(try version(of: after.journalFile) == 2)
    #expect(try version(of: before.segmentFile) == 1)
    let again = try formats.upgrade(disk(formats))
    #expect(again == (2, 2))
  }

  @Test func recordsCarryTheFormatOfTheSpool() throws {
    let formats = SpoolFormat(newest: 2)
    _ = try formats.upgrade(disk(formats))
    let batch = CommitBatch()
    batch.append(
      PendingRecord(
        id: QueueID(microseconds: 1, sequence: 1), header: Array("a: b\r\n\r\n".utf8), body: [],
        envelope: Envelope(
          sender: .null, recipients: [EnvelopeRecipient(MailAddress("a@b.test"))],
          arrival: WallTime(microseconds: 1)), flags: [], contentSize: 8))
    let disk = try disk(formats)
    let name = try #require(
      SegmentName(sequence: 1, nonce: Nonce(high: 1, low: 1), writer: "smtpd0"))
    let writer = try SegmentWriter.create(
      on: disk, name: name, created: WallTime(microseconds: 1), sizeLimit: 1 << 20)
    _ = try writer.commit(batch)
    #expect(batch.placedLeads.map(\.version) == [2])
    #expect(!batch.placedLeads[0].isUnderstood)
  }

  @Test func anOlderBuildTouchesNothing() throws {
    _ = try SpoolFormat(newest: 2).upgrade(disk(SpoolFormat(newest: 2)))
    let before = try formatFiles
    #expect(throws: SpoolError.newerVersion(2)) { try disk() }
    let other = try disk(SpoolFormat(newest: 2))
    #expect(throws: SpoolError.newerVersion(2)) { try SpoolFormat.ofThisBuild.prepare(other) }
    #expect(throws: SpoolError.newerVersion(2)) { try SpoolFormat.ofThisBuild.upgrade(other) }
    #expect(try formatFiles == before)
  }

  @Test func anInterruptedUpgradeCountsAsDone() throws {
    let formats = SpoolFormat(newest: 2)
    try formats.prepare(disk(formats))
    try folder.write("", to: "format-2")
    #expect(try disk(formats).formatVersion == 2)
    #expect(try formats.version(["format-1", "format-2", "sequence"]) == 2)
  }

  @Test(arguments: ["format-", "format-0", "format-01", "format-1x", "format-99999999", "Format-1"])
  func otherFilesSayNothing(_ name: String) throws {
    #expect(try SpoolFormat(newest: 1).version([name]) == 1)
  }
}
