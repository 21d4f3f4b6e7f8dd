import Configuration
import LinuxSystem
import MailTypes
import Primitives
import QueueFormat
import Reactor
import SMTPServerCore
import ServiceKit
import Streams
import TestSupport
import Testing

@testable import QueueStore
@testable import SMTPReceiver

/// The real spool, and the way to the queue manager.
@Suite struct SpoolTests {
  init() { Reactor.startThread() }

  private func configuration(_ directory: TemporaryDirectory) -> Configuration {
    let main = MainFile(Array("queue_directory = \(directory.path)\n".utf8), file: "main.cf")
    let host = HostFacts(hostname: "mx.example.org", interfaces: [])
    return Configuration.evaluate(main, host: host).configuration
  }

  @Test @ReactorActor func messagesSmallAndLargeReachTheDisk() async throws {
    let directory = try TemporaryDirectory()
    try directory.makeDirectory("segments")
    try directory.makeDirectory("corrupt")
    var progress: [SegmentProgress] = []
    let spool = try DiskSpool(
      configuration(directory), name: "smtpd0", onProgress: { progress.append($0) },
      onLowSequences: {})
    spool.addSequences(1..<1000)
    let fixture = try Fixture(spool: spool)
    let client = try await fixture.connect()
    try await begin(client)
    #expect(try await client.ask("Subject: small\r\n\r\nx\r\n.").hasPrefix("250 2.0.0"))
    try await begin(client)
    let line = String(repeating: "x", count: 98) + "\r\n"
    try await client.send(
      "Subject: large\r\n\r\n" + String(repeating: line, count: 20_000) + ".\r\n")
    #expect(try await client.replies(1)[0].hasPrefix("250 2.0.0"))
    #expect(progress.count == 2)
    #expect(spool.progress.map(\.isSealed) == [false])
    #expect(Set(try directory.names(in: "segments")) == Set(progress.map(\.name.segmentFile)))
    await fixture.sessions.drain(deadline: Reactor.shared.now + .seconds(10))
    await spool.drain()
    #expect(progress.last?.isSealed == true)
    #expect(spool.progress.isEmpty)
  }

  @Test @ReactorActor func aLargeBodyIsReadBackFromTheDiskForMilters() async throws {
    let directory = try TemporaryDirectory()
    try directory.makeDirectory("segments")
    try directory.makeDirectory("corrupt")
    let spool = try DiskSpool(
      configuration(directory), name: "smtpd0", onProgress: { _ in }, onLowSequences: {})
    spool.addSequences(1..<1000)
    let milter = try TestMilter(["E": [.say("r")]], steps: 0x8_0000)
    let fixture = try Fixture(
      spool: spool,
      milters: try siteMilters("smtpd_milters = inet:127.0.0.1:\(milter.port)"))
    let client = try await fixture.connect()
    try await begin(client)
    let body = (0..<200_000).map { "line \($0)\r\n" }.joined()
    try await client.send("Subject: large\r\n\r\n\(body).\r\n")
    #expect(try await client.replies(1) == ["550 5.7.1 Command rejected"])
    #expect(milter.body == Array(body.utf8))
    await fixture.sessions.drain(deadline: Reactor.shared.now + .seconds(10))
    await spool.drain()
    milter.stop()
  }

  @Test @ReactorActor func aSpoolThatIsNotThereIsExplained() throws {
    let directory = try TemporaryDirectory()
    #expect(throws: RoleFailure.self) {
      try DiskSpool(
        configuration(directory), name: "smtpd0", onProgress: { _ in }, onLowSequences: {})
    }
  }

  @Test @ReactorActor func aNewQueueManagerHearsOfEverySegmentAndThenOfEachFlush() async throws {
    let fixture = try Fixture()
    let link = QueueManagerLink(log: fixture.intake.log, interval: .zero)
    link.report(progress(1, end: 10))
    var refusals: [SMTPReply?] = []
    let (ours, theirs) = try channels()
    link.attach(ours, progress: [progress(1, end: 10)]) { refusals.append($0) }
    link.report(progress(1, end: 20))
    let delivery = try #require(try await theirs.receive())
    #expect(
      delivery.messages == [
        .writerHello([SegmentMark(progress(1, end: 10))]),
        .watermark(SegmentMark(progress(1, end: 20))),
      ])
    theirs.post(.intake(accepting: false, reason: "queue full"))
    theirs.post(.intake(accepting: false, reason: ""))
    theirs.post(.intake(accepting: true, reason: ""))
    try await settle { refusals.count == 4 }
    #expect(refusals[1]?.logText == "452 4.3.1 queue full")
    #expect(refusals[2] == .insufficientStorage)
    #expect(refusals[3] == nil)
    theirs.post(.intake(accepting: false, reason: "busy"))
    try await settle { refusals.count == 5 }
    theirs.close()
    try await settle { refusals.count == 6 }
    #expect(refusals[5] == nil)
    link.report(progress(1, end: 30))
  }

  @Test(.timeLimit(.minutes(1))) @ReactorActor
  func newsOfAStreamOfMailIsHeldAndToldAtTheEnd() async throws {
    let fixture = try Fixture()
    let link = QueueManagerLink(log: fixture.intake.log, interval: .seconds(3600))
    let (ours, theirs) = try channels()
    link.report(progress(1, end: 10))
    link.attach(ours, progress: [progress(1, end: 10)]) { _ in }
    for end in 2..<5 { link.report(progress(1, end: UInt64(end) * 10)) }
    link.flush()
    var messages: [InternalMessage] = []
    while messages.count < 2 {
      messages += try #require(try await theirs.receive()).messages
    }
    #expect(
      messages == [
        .writerHello([SegmentMark(progress(1, end: 10))]),
        .watermark(SegmentMark(progress(1, end: 40))),
      ])
  }

  @Test(.timeLimit(.minutes(1))) @ReactorActor
  func heldNewsIsToldWhenItsTimeHasCome() async throws {
    let fixture = try Fixture()
    let link = QueueManagerLink(log: fixture.intake.log, interval: .milliseconds(20))
    let (ours, theirs) = try channels()
    link.attach(ours, progress: []) { _ in }
    link.report(progress(1, end: 20))
    link.report(progress(1, end: 30))
    var messages: [InternalMessage] = []
    while messages.last != .watermark(SegmentMark(progress(1, end: 30))) {
      messages += try #require(try await theirs.receive()).messages
    }
    #expect(messages.first == .writerHello([]))
  }

  @Test @ReactorActor func anOldChannelThatEndsDoesNotDisturbTheNewOne() async throws {
    let fixture = try Fixture()
    let link = QueueManagerLink(log: fixture.intake.log, interval: .zero)
    let (first, firstPeer) = try channels()
    let (second, secondPeer) = try channels()
    var refusals: [SMTPReply?] = []
    link.attach(first, progress: []) { refusals.append($0) }
    link.attach(second, progress: []) { refusals.append($0) }
    secondPeer.post(.intake(accepting: false, reason: "full"))
    try await settle { refusals.count == 3 }
    firstPeer.close()
    await pass(.milliseconds(5))
    #expect(refusals.count == 3)
    link.report(progress(2, end: 40))
    var messages: [InternalMessage] = []
    while messages.count < 2 {
      messages += try #require(try await secondPeer.receive()).messages
    }
    #expect(messages == [.writerHello([]), .watermark(SegmentMark(progress(2, end: 40)))])
  }

  private func progress(_ sequence: UInt64, end: UInt64) -> SegmentProgress {
    let name = SegmentName(
      sequence: sequence, nonce: Nonce(high: 1, low: sequence), writer: "smtpd0")!
    return SegmentProgress(name: name, end: end, isSealed: false)
  }

  @ReactorActor private func channels() throws -> (MessageChannel, MessageChannel) {
    var pair = try Sockets.packetPair()
    return (
      MessageChannel(try PacketChannel(pair.takeFirst())),
      MessageChannel(try PacketChannel(pair.takeSecond()))
    )
  }
}
