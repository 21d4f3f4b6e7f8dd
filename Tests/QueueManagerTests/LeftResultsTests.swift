import LinuxSystem
import MailTypes
import Primitives
import QueueFormat
import QueueScheduler
import QueueStore
import Reactor
import ServiceKit
import TestSupport
import Testing

@testable import QueueManager

/// Results in files of agents, as they lie there when those who knew of them have died.
@Suite(.timeLimit(.minutes(1))) struct LeftResultsTests {
  init() { Reactor.startThread() }

  /// A message that a first queue manager has asked an agent to deliver, and what comes after both
  /// have died.
  @ReactorActor private final class Scene {
    let first: Rig
    let writer: TestWriter
    let agent: TestAgent
    let id: QueueID
    private var writersChannel: MessageChannel?

    init(to recipients: [String] = ["b@example.net"]) async throws {
      first = try Rig()
      try await first.peers.start()
      writer = try TestWriter(first)
      agent = try TestAgent(first) { _ in nil }
      first.peers.channelsComplete()
      id = try await writer.send(to: recipients)
      let agent = agent
      try await eventually("asked for") { agent.requests.count == 1 }
    }

    var request: DeliveryRequest { agent.requests[0] }

    /// A queue manager that goes on where the first one was killed.
    func successor() async throws -> Rig {
      first.queue.isOpen = false
      first.peers.lock = nil
      let next = try Rig(directory: first.directory)
      try await next.peers.start()
      let channel = try next.connect(.smtpd)
      channel.post(.writerHello(writer.spool.progress.map(SegmentMark.init)))
      writersChannel = channel
      return next
    }

    func result(
      _ outcome: RecipientVerdict.Outcome, _ status: EnhancedStatus, _ text: String = "so"
    ) -> DeliveryResult {
      DeliveryResult(
        answering: request, connectionFailed: false,
        verdicts: TestAgent.verdicts(on: request, outcome, status, text))
    }
  }

  @Test(arguments: [0, 7]) @ReactorActor
  func aMessageThatWasSentIsNotSentAgain(torn: Int) async throws {
    let scene = try await Scene()
    let sent = scene.result(.sent, EnhancedStatus(2, 0, 0))
    try AgentFile(scene.first, pid: 5).write([sent, sent], torn: torn).letGo()
    let second = try await scene.successor()
    let other = try TestAgent(second)
    second.peers.channelsComplete()
    try await eventually("removed") {
      try second.log.contains { $0.hasSuffix("\(scene.id): removed") }
    }
    try await eventually("the file is gone") { try AgentFile.names(second).isEmpty }
    #expect(other.requests.isEmpty)
  }

  @Test @ReactorActor func aFailureIsReportedAndAPostponementCounts() async throws {
    let scene = try await Scene(to: ["b@example.net", "c@example.net", "d@example.net"])
    var result = scene.result(.sent, EnhancedStatus(2, 0, 0))
    result.verdicts[1] =
      TestAgent.verdicts(
        on: scene.request, .bounced, EnhancedStatus(5, 1, 1), "550 no")[1]
    result.verdicts[2] =
      TestAgent.verdicts(
        on: scene.request, .deferred, EnhancedStatus(4, 2, 0), "450 later")[2]
    try AgentFile(scene.first, pid: 5).write([result]).letGo()
    let second = try await scene.successor()
    let other = try TestAgent(second)
    second.peers.channelsComplete()
    try await eventually("reported") {
      try second.log.contains { $0.contains("\(scene.id): sender non-delivery notification") }
    }
    try await eventually("the report goes out") { other.requests.count == 1 }
    #expect(other.requests[0].queueID != scene.id)
    try await eventually("the rest waits") { second.queue.scheduler.counts.deferred == 1 }
    try await eventually("the file is gone") { try AgentFile.names(second).isEmpty }
    second.queue.scheduler.flushAll()
    second.queue.plan()
    try await eventually("tried again") { other.requests.count == 2 }
    #expect(other.requests[1].recipients.map(\.address) == [MailAddress("d@example.net")])
  }

  @Test @ReactorActor func nothingIsDeliveredWhileAStrangerStillDelivers() async throws {
    let scene = try await Scene()
    let file = try AgentFile(scene.first, pid: 5)
    let second = try await scene.successor()
    let other = try TestAgent(second)
    second.peers.channelsComplete()
    try await eventually("it has greeted") { !second.queue.agents.isEmpty }
    try await eventually("the message is known") { second.queue.scheduler.messageCount == 1 }
    #expect(!second.queue.isOpen)
    // Its last result comes when the new queue manager is there already.
    try file.write([scene.result(.sent, EnhancedStatus(2, 0, 0))])
    file.letGo()
    try await eventually("removed") {
      try second.log.contains { $0.hasSuffix("\(scene.id): removed") }
    }
    #expect(second.queue.isOpen)
    #expect(other.requests.isEmpty)
    try await eventually("the file is gone") { try AgentFile.names(second).isEmpty }
  }

  @Test @ReactorActor func aStrangerThatNeverLeavesIsNotWaitedForForEver() async throws {
    let scene = try await Scene()
    let file = try AgentFile(scene.first, pid: 5)
    scene.first.queue.isOpen = false
    scene.first.peers.lock = nil
    let second = try Rig(directory: scene.first.directory) { $0.drainTime = .seconds(-5) }
    try await second.peers.start()
    second.peers.channelsComplete()
    try await eventually("mail flows") { second.queue.isOpen }
    #expect(try second.log.contains { $0.contains("process 5 still delivers for an earlier") })
    // What it leaves in the end is taken all the same.
    file.letGo()
    try await eventually("the file is gone") { try AgentFile.names(second).isEmpty }
  }

  @Test @ReactorActor func whatIsToldAndLeftIsTakenOnce() async throws {
    let scene = try await Scene(to: ["b@example.net"])
    let result = scene.result(.deferred, EnhancedStatus(4, 2, 0))
    let file = try AgentFile(scene.first, pid: 77).write([result])
    let second = try await scene.successor()
    let same = try TestAgent(second, pid: 77, results: [result])
    let other = try TestAgent(second, index: 1)
    second.peers.channelsComplete()
    try await eventually("acknowledged") { same.acknowledged == [scene.request.id] }
    try await eventually("it waits") { second.queue.scheduler.counts.deferred == 1 }
    same.channel.close()
    file.letGo()
    try await eventually("the file is gone") { try AgentFile.names(second).isEmpty }
    #expect(second.queue.scheduler.counts.deferred == 1)
    #expect(other.requests.isEmpty)
    let journal = try scene.first.directory.names(in: "segments").filter {
      $0.hasSuffix(".journal")
    }
    #expect(journal.count == 1)
  }

  @Test(arguments: [true, false]) @ReactorActor
  func anAgentThatDiesUnheardHasToldItsFile(hasBegunToSpeak: Bool) async throws {
    let scene = try await Scene()
    let result = scene.result(.sent, EnhancedStatus(2, 0, 0))
    let file = try AgentFile(scene.first, pid: 77)
    if !hasBegunToSpeak { try file.write([result]) }
    let second = try await scene.successor()
    let same = try TestAgent(second, pid: 77, greets: false)
    let other = try TestAgent(second, index: 1)
    second.peers.channelsComplete()
    if hasBegunToSpeak {
      same.channel.post(.agentHolds(inHand: [], results: [result]))
      same.channel.flush()
    }
    same.channel.close()
    file.letGo()
    try await eventually("removed") {
      try second.log.contains { $0.hasSuffix("\(scene.id): removed") }
    }
    #expect(other.requests.isEmpty)
  }

  @Test @ReactorActor func resultsOfAnAgentThatDiesBeforeItsMailIsFoundCount() async throws {
    let scene = try await Scene()
    scene.first.queue.isOpen = false
    scene.first.peers.lock = nil
    let second = try Rig(directory: scene.first.directory)
    // The agent has told, and died, before the spool is looked through.
    let result = scene.result(.sent, EnhancedStatus(2, 0, 0))
    let same = try TestAgent(second, pid: 77, results: [result])
    try await eventually("it has greeted") { !second.queue.agents.isEmpty }
    same.channel.close()
    try await eventually("it is gone") { second.queue.agents.isEmpty }
    try await second.peers.start()
    let channel = try second.connect(.smtpd)
    channel.post(.writerHello(scene.writer.spool.progress.map(SegmentMark.init)))
    let other = try TestAgent(second, index: 1)
    second.peers.channelsComplete()
    try await eventually("removed") {
      try second.log.contains { $0.hasSuffix("\(scene.id): removed") }
    }
    #expect(other.requests.isEmpty)
  }

  @Test @ReactorActor func resultsWaitForMailInASegmentThatIsStillLocked() async throws {
    let scene = try await Scene()
    scene.first.queue.isOpen = false
    scene.first.peers.lock = nil
    let second = try Rig(directory: scene.first.directory)
    try await second.peers.start()
    let result = scene.result(.sent, EnhancedStatus(2, 0, 0))
    let same = try TestAgent(second, pid: 77, results: [result])
    second.peers.channelsComplete()
    // Its writer is unknown here and has let nobody know how far it has come.
    try await eventually("the scan is over") {
      second.queue.isOpen && second.queue.scanner.isIdle && second.queue.intake.isIdle
    }
    #expect(second.queue.scheduler.messageCount == 0)
    #expect(!second.peers.hasFoundAll)
    await scene.writer.spool.drain()
    try await eventually("removed") {
      try second.log.contains { $0.hasSuffix("\(scene.id): removed") }
    }
    #expect(same.requests.isEmpty)
    try await eventually("nothing is left to find") { second.peers.hasFoundAll }
  }

  @Test @ReactorActor func aDeadAgentsFileAnswersForWhatItHadInHand() async throws {
    let rig = try Rig()
    try await rig.peers.start()
    let writer = try TestWriter(rig)
    let file = try AgentFile(rig, pid: 77)
    let agent = try TestAgent(rig, pid: 77) { _ in nil }
    rig.peers.channelsComplete()
    let id = try await writer.send(to: ["b@example.net"])
    try await eventually("asked for") { agent.requests.count == 1 }
    let result = DeliveryResult(
      answering: agent.requests[0], connectionFailed: false,
      verdicts: TestAgent.deliverAll(agent.requests[0]))
    // Its channel breaks, it writes down the result, and is killed.
    agent.channel.close()
    try file.write([result])
    file.letGo()
    try await eventually("removed") { try rig.log.contains { $0.hasSuffix("\(id): removed") } }
    #expect(try !rig.log.contains { $0.contains("died while it had") })
    try await eventually("the file is gone") { try AgentFile.names(rig).isEmpty }
  }

  @Test @ReactorActor func resultsOfMailThatIsGoneAndFilesOfOthersAreNoTrouble() async throws {
    let scene = try await Scene()
    let result = scene.result(.sent, EnhancedStatus(2, 0, 0))
    scene.agent.answer(scene.request, result.verdicts)
    try await eventually("done") { scene.first.queue.scheduler.messageCount == 0 }
    try AgentFile(scene.first, pid: 5).write([result]).letGo()
    try AgentFile(scene.first, pid: 6).letGo()
    let newer = try AgentFile(scene.first, pid: 7)
    var header = ResultsFileFormat.header
    header[7] += 1
    try newer.write(bytes: header)
    newer.letGo()
    let second = try await scene.successor()
    second.peers.channelsComplete()
    try await eventually("only the newer build's file is left") {
      try AgentFile.names(second).compactMap { ResultsFileName($0)?.pid } == [7]
    }
    #expect(second.queue.scheduler.messageCount == 0)
    #expect(try second.log.contains { $0.contains("another build has written it") })
  }
}

/// The file of an agent, held by it until it lets go.
@ReactorActor
final class AgentFile {
  private var file: SharedDescriptor?
  private var size: Int64 = 0

  init(_ rig: Rig, pid: Int32) throws {
    let name = ResultsFileName(
      process: ProcessName(role: .smtp, index: 0), pid: pid, made: Clocks.wallNow())
    let file = try Files.open(
      rig.directory.path("results/" + name.text), [.read, .write, .create, .exclusive])
    let isLocked = try Files.tryLock(file.raw)
    #expect(isLocked)
    self.file = SharedDescriptor(file)
  }

  /// Writes results; `torn` bytes of the last one are missing.
  @discardableResult
  func write(_ results: [DeliveryResult], torn: Int = 0) throws -> AgentFile {
    var bytes = size == 0 ? ResultsFileFormat.header : []
    for result in results { ResultsFileFormat.append(result, to: &bytes) }
    try write(bytes: Array(bytes.dropLast(torn)))
    return self
  }

  func write(bytes: [UInt8]) throws {
    let file = try #require(file)
    try Files.writeAll(file.raw, bytes, at: size)
    size += Int64(bytes.count)
  }

  /// The process ends.
  func letGo() { file = nil }

  static func names(_ rig: Rig) throws -> [String] { try rig.directory.names(in: "results") }
}
