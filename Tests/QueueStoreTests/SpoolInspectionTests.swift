import MailTypes
import Primitives
import QueueFormat
import Simulation
import TestSupport
import Testing

@testable import QueueStore

@Suite struct SpoolInspectionTests {
  private let spool: SpoolFixture<SimulatedDisk>
  private let name: SegmentName
  private let now = SpoolFixture<SimulatedDisk>.now

  init() throws {
    spool = SpoolFixture()
    name = try spool.segment(
      1,
      [
        [
          SpoolFixture<SimulatedDisk>.record(
            1, body: "..one\r\ntwo.\r\n...\r\n", recipients: ["b", "c"]),
          SpoolFixture<SimulatedDisk>.record(2),
        ],
        [SpoolFixture<SimulatedDisk>.record(3)],
      ])
  }

  private func id(_ number: UInt64) -> QueueID {
    SpoolFixture<SimulatedDisk>.record(number).id
  }

  private func journal(_ entries: [JournalEntry]) throws {
    let journal = SegmentJournal(on: spool.disk, name: name, entries: [])
    journal.append(entries)
    try journal.flush(now: now)
    journal.close()
  }

  private func inspect() throws -> SpoolInspection<SimulatedDisk> {
    try SpoolInspection(spool.disk)
  }

  private func content(
    _ message: InspectedMessage, _ lineEnd: DotUnstuffer.LineEnd
  ) throws -> [UInt8] {
    var text: [UInt8] = []
    try inspect().readContent(of: message, lineEnd: lineEnd) { text += $0 }
    return text
  }

  @Test func messagesAreListedWithTheirStates() throws {
    let leads = try spool.walk(name).records
    try journal([
      JournalEntry(.held(reason: []), id: id(2), offset: leads[1].offset, time: now),
      JournalEntry(
        .delivered(
          DeliveryAttempt(status: EnhancedStatus(2, 0, 0), nextHop: [], reply: [])), id: id(1),
        offset: leads[0].offset, recipient: 0, time: now),
      JournalEntry(.done, id: id(3), offset: leads[2].offset, time: now),
    ])
    let messages = try inspect().messages(in: name)
    #expect(messages.map(\.lead.id) == [id(1), id(2), id(3)])
    #expect(messages.map(\.state) == [.queued, .held, .done])
    #expect(messages[0].openRecipients.map(\.address) == [MailAddress("c")])
    #expect(try inspect().message(id(2)) == messages[1])
    #expect(throws: SpoolError.missing) { try inspect().message(id(9)) }
  }

  @Test func contentComesOutUnstuffed() throws {
    let message = try inspect().message(id(1))
    #expect(
      try content(message, .crlf)
        == Array("Subject: 1\r\n\r\n.one\r\ntwo.\r\n..\r\n".utf8))
    #expect(try content(message, .lf) == Array("Subject: 1\n\n.one\ntwo.\n..\n".utf8))
  }

  @Test func theEnvelopeComesOutAsText() throws {
    let text = String(
      decoding: try inspect().message(id(1)).envelopeText, as: UTF8.self)
    #expect(text.contains("sender: <a@example.org>\n"))
    #expect(text.contains("recipient: <b>\nrecipient: <c>\n"))
    #expect(text.contains("queue-id: \(id(1))\n"))
  }

  @Test func aSoundSpoolHasNoProblemsAndIsLeftAsItIs() throws {
    let before = try spool.disk.names(in: .segments).sorted()
    let report = try inspect().check(name)
    #expect(report.records == 3)
    #expect(report.open == 3)
    #expect(report.problems.isEmpty)
    #expect(report.sealedEnd == nil)
    #expect(try spool.disk.names(in: .segments).sorted() == before)
  }

  @Test func aCheckNamesDamageAndMismatchedEntries() throws {
    let leads = try spool.walk(name).records
    try spool.damage(name.segmentFile, at: leads[0].header.offset, [0])
    try journal([JournalEntry(.deleted, id: id(9), offset: leads[1].offset, time: now)])
    let report = try inspect().check(name)
    #expect(
      report.problems == [
        .damage(Extent(offset: leads[0].offset, length: leads[0].length), id(1)),
        .mismatchedEntries(1),
      ])
  }

  @Test func whatAnInterruptedFlushLeftIsNoProblem() throws {
    let leads = try spool.walk(name).records
    try spool.damage(name.segmentFile, at: leads[2].header.offset, [0])
    let before = try inspect().check(name)
    #expect(before.problems.isEmpty)
    #expect(before.unfinishedLength == leads[2].length)
    _ = try SegmentRecovery.recover(name, on: spool.disk, now: now)
    let after = try inspect().check(name)
    #expect(after.problems.isEmpty)
    #expect(after.open == 2)
  }

  @Test func aSegmentInUseCanBeInspected() throws {
    let writer = try SegmentWriter.create(
      on: spool.disk, name: try SpoolFixture<SimulatedDisk>.name(7), created: now,
      sizeLimit: 1 << 20)
    let batch = CommitBatch()
    batch.append(SpoolFixture<SimulatedDisk>.record(4))
    _ = try writer.commit(batch)
    #expect(try inspect().messages(in: writer.name).map(\.lead.id) == [id(4)])
    batch.reset()
    batch.append(SpoolFixture<SimulatedDisk>.record(5))
    _ = try writer.commit(batch)
    #expect(try inspect().check(writer.name).records == 2)
  }

  @Test func unstuffingIsTheSameWholeAndByteByByte() {
    var random = SplitMix64(seed: 5)
    for _ in 0..<300 {
      let wire = random.text(tokens: ["\r\n", ".", "..", "a", "\r", "\n", "b.c"], countMax: 30)
      for lineEnd in [DotUnstuffer.LineEnd.crlf, .lf] {
        var whole = DotUnstuffer(lineEnd: lineEnd)
        var text: [UInt8] = []
        wire.withUnsafeBytes { whole.append($0, to: &text) }
        var slow = DotUnstuffer(lineEnd: lineEnd)
        var slowText: [UInt8] = []
        for byte in wire { [byte].withUnsafeBytes { slow.append($0, to: &slowText) } }
        #expect(text == slowText)
      }
    }
  }
}
