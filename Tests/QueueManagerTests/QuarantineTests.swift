import LinuxSystem
import MailTypes
import Primitives
import QueueFormat
import QueueScheduler
import QueueStore
import Reactor
import ServiceKit
import SystemPackage
import TestSupport
import Testing

@testable import QueueManager

/// Records at which the queue manager died.
@Suite(.timeLimit(.minutes(1))) struct QuarantineTests {
  private let file: SharedDescriptor
  private let place = RecordPlace(nonce: Nonce(high: 1, low: 2), offset: 8192)
  private let other = RecordPlace(nonce: Nonce(high: 3, low: 4), offset: 4096)

  init() throws {
    Reactor.startThread()
    file = try SharedPage.make("marks").descriptor
  }

  /// The marks of a new life on the same memory.
  private func life() throws -> RecordMarks { try RecordMarks(file.raw) }

  @Test func aRecordIsCondemnedByTwoDeathsInARow() throws {
    try life().intake.begin(place)
    let second = try life()
    #expect(second.condemned.isEmpty)
    second.intake.begin(place)
    #expect(try life().condemned == [place])
  }

  @Test func deathsAtDifferentStepsCountTogether() throws {
    try life().intake.begin(place)
    try life().loading.begin(place)
    #expect(try life().condemned == [place])
  }

  @Test func deathsAtDifferentRecordsCondemnNone() throws {
    try life().intake.begin(place)
    try life().intake.begin(other)
    try life().intake.begin(place)
    #expect(try life().condemned.isEmpty)
  }

  @Test func aRecordThatIsGotOverIsNoSuspectAnyMore() throws {
    try life().intake.begin(place)
    let second = try life()
    second.intake.begin(place)
    second.intake.begin(other)
    second.intake.begin(place)
    #expect(try life().condemned.isEmpty)
  }

  @Test func anOrderlyEndLeavesNoMark() throws {
    for _ in 0..<3 {
      let marks = try life()
      for mark in [marks.intake, marks.reading, marks.loading] {
        mark.begin(place)
        mark.end()
      }
      #expect(marks.condemned.isEmpty)
    }
  }

  @Test func memoryThatIsTooShortIsRefused() throws {
    let short = try Files.sealedMemory("short", content: [0, 0, 0, 0])
    #expect(throws: Errno.invalidArgument) { try RecordMarks(short.raw) }
  }

  /// The place of a message.
  private func place(of id: QueueID, in rig: Rig) throws -> RecordPlace {
    try SpoolInspection(try LinuxDisk(path: rig.directory.path)).message(id).lead.place
  }

  @Test(arguments: [false, true]) @ReactorActor
  func aCondemnedRecordIsSetAsideAndMailFlowsOn(writerLives: Bool) async throws {
    let first = try Rig()
    try await first.peers.start()
    let writer = try TestWriter(first)
    writer.isSilent = true
    let before = try await writer.send(to: ["a@example.net"])
    let deadly = try await writer.send(to: ["b@example.net"])
    let after = try await writer.send(to: ["c@example.net"])
    if !writerLives { await writer.spool.drain() }
    let place = try place(of: deadly, in: first)
    for _ in 0..<2 { try life().intake.begin(place) }
    first.peers.lock = nil

    let rig = try Rig(directory: first.directory, marks: try life())
    try await rig.peers.start()
    let agent = try TestAgent(rig)
    if writerLives {
      let heir = try rig.connect(.smtpd)
      heir.post(
        .writerHello(writer.spool.progress.map(SegmentMark.init)))
    }
    rig.peers.channelsComplete()
    try await eventually("the others are delivered") { agent.requests.count == 2 }
    #expect(Set(agent.requests.map(\.queueID)) == [before, after])
    try await eventually("it is named") {
      try rig.log.contains {
        $0.contains("error: \(deadly): the queue manager died twice")
          && $0.contains("set aside as corrupt/")
      }
    }
    let copies = try rig.directory.names(in: "corrupt")
    #expect(copies.count == 1)
    let copy = try rig.directory.read("corrupt/" + copies[0])
    let lead = try copy.withUnsafeBytes {
      try RecordLead($0, nonce: place.nonce, offset: place.offset)
    }
    #expect(lead.id == deadly)
    #expect(UInt64(copy.count) == lead.length)
    if !writerLives {
      try await eventually("nothing of it stays in the spool") { try rig.files.isEmpty }
    }
  }

  @Test @ReactorActor func whatWasSetAsideStaysSo() async throws {
    let first = try Rig()
    try await first.peers.start()
    let writer = try TestWriter(first)
    writer.isSilent = true
    let deadly = try await writer.send(to: ["b@example.net"])
    try await writer.send(to: ["later@example.net"])
    await writer.spool.drain()
    let place = try place(of: deadly, in: first)
    for _ in 0..<2 { try life().loading.begin(place) }
    first.peers.lock = nil
    let second = try Rig(directory: first.directory, marks: try life())
    try await second.peers.start()
    try await eventually("set aside") {
      try second.log.contains { $0.contains("set aside as corrupt/") }
    }
    second.peers.lock = nil
    // The memory is gone, as when `master` ended too: the journal knows.
    let third = try Rig(directory: first.directory)
    try await third.peers.start()
    try await eventually("the other is known") { third.queue.scheduler.messageCount == 1 }
    #expect(third.queue.scheduler.find(deadly) == nil)
  }

  @Test @ReactorActor func takingInMailLeavesNoMark() async throws {
    let rig = try Rig(marks: try life())
    let (writer, agent) = try await rig.begin()
    for number in 0..<20 { try await writer.send(to: ["b\(number)@example.net"]) }
    try await eventually("all are delivered") { agent.requests.count == 20 }
    try await eventually("all are done") { rig.queue.scheduler.messageCount == 0 }
    try life().intake.begin(place)
    #expect(try life().condemned.isEmpty)
    #expect(try life().condemned.isEmpty)
  }
}
