import ArgumentParser
import MailTypes
import Primitives
import QueueFormat
import QueueStore
import SystemPackage
import TestSupport
import Testing

@testable import Administration

@Suite struct SpoolCommandTests {
  private let folder: TemporaryDirectory
  private let disk: LinuxDisk
  private let name: SegmentName
  private let id = QueueID(microseconds: 1_700_000_000_000_001, sequence: 5)

  init() throws {
    folder = try TemporaryDirectory()
    try folder.makeDirectory("segments")
    try folder.makeDirectory("corrupt")
    try folder.makeDirectory("out")
    disk = try LinuxDisk(path: folder.path)
    name = try #require(
      SegmentName(sequence: 5, nonce: Nonce(high: 1, low: 2), writer: "smtpd0"))
    let batch = CommitBatch()
    batch.append(
      PendingRecord(
        id: id, header: Array("Subject: x\r\n\r\n".utf8), body: Array("..dot\r\n".utf8),
        envelope: Envelope(
          sender: MailAddress("a@example.org"),
          recipients: [EnvelopeRecipient(MailAddress("b@example.net"))],
          arrival: WallTime(microseconds: 1_700_000_000_000_001)),
        flags: [.hasStuffedLines], contentSize: 20))
    let writer = try SegmentWriter.create(
      on: disk, name: name, created: WallTime(microseconds: 0), sizeLimit: 1 << 20)
    _ = try writer.commit(batch)
    writer.close()
  }

  private func run(_ words: [String]) throws {
    var command = try MartinetCommand.parseAsRoot(["spool", "--spool", folder.path] + words)
    try command.run()
  }

  @Test func exportWritesTheMessageAndItsEnvelope() throws {
    try run(["export", folder.path("out")])
    #expect(
      try folder.read("out/\(id).eml") == Array("Subject: x\r\n\r\n.dot\r\n".utf8))
    let envelope = String(decoding: try folder.read("out/\(id).envelope"), as: UTF8.self)
    #expect(envelope.contains("sender: <a@example.org>\nrecipient: <b@example.net>\n"))
  }

  @Test func exportOverwritesNothing() throws {
    try folder.write("mine", to: "out/\(id).eml")
    #expect(throws: Errno.fileExists) { try run(["export", folder.path("out"), "\(id)"]) }
    #expect(try folder.read("out/\(id).eml") == Array("mine".utf8))
  }

  @Test func checkFailsOnlyForADamagedSpool() throws {
    try run(["check"])
    let file = try disk.open(name.segmentFile, in: .segments, writable: true)
    let mark = try disk.create(name.endFile(1 << 16), in: .segments)
    disk.close(mark)
    try disk.write([0, 0], to: file, at: 4096 + 64 + 130)
    #expect(throws: ExitCode(1)) { try run(["check"]) }
  }

  @Test(arguments: [["cat", "nonsense"], ["cat", "4jYHVl0g01zMc"]])
  func aMessageThatIsNotThereIsAnError(words: [String]) {
    #expect(throws: ExitCode.self) { try run(words) }
  }
}
