import LinuxSystem
import MailTypes
import Primitives
import QueueFormat
import QueueScheduler
import QueueStore
import Reactor
import ServiceKit
import Testing

@testable import QueueManager

@Suite(.timeLimit(.minutes(1))) struct CommandTests {
  init() { Reactor.startThread() }

  /// Asks as `control` does; returns all parts of the answer.
  @ReactorActor func ask(
    _ command: QueueCommand, _ channel: MessageChannel, number: UInt32 = 1
  ) async throws -> [[UInt8]] {
    channel.post(.queueCommand(id: number, command: command.encoded))
    var parts: [[UInt8]] = []
    while let delivery = try await channel.receive(deadline: Reactor.shared.now + .seconds(10)) {
      for message in delivery.messages {
        guard case .queueAnswer(number, let part, let isLast) = message else { continue }
        parts.append(part)
        if isLast { return parts }
        channel.post(.queueCommand(id: number, command: QueueCommand.more.encoded))
      }
    }
    return parts
  }

  func entries(_ parts: [[UInt8]]) throws -> [QueueListEntry] {
    try parts.flatMap { part in
      try part.withUnsafeBytes { bytes in
        var input = WireDecoder(bytes)
        var entries: [QueueListEntry] = []
        while input.remaining > 0 { entries.append(try QueueListEntry(from: &input)) }
        return entries
      }
    }
  }

  @Test @ReactorActor func theListNamesWhatIsQueuedAndWhy() async throws {
    let rig = try Rig()
    try await rig.peers.start()
    let writer = try TestWriter(rig)
    _ = try TestAgent(rig) { request in
      TestAgent.verdicts(on: request, .deferred, EnhancedStatus(4, 2, 0), "451 not now")
    }
    let control = try rig.connect(.control)
    rig.peers.channelsComplete()
    #expect(try entries(try await ask(.list, control)).isEmpty)
    var sent: Set<QueueID> = []
    for number in 0..<200 {
      sent.insert(try await writer.send(to: ["b\(number)@example.net", "c@example.net"]))
    }
    try await eventually("all wait") { rig.queue.scheduler.counts.deferred == 200 }
    let listed = try entries(try await ask(.list, control, number: 2))
    #expect(Set(listed.map(\.id)) == sent)
    #expect(listed.count == 200)
    #expect(
      listed.allSatisfy { $0.state == .deferred && $0.sender == MailAddress("a@example.org") })
    #expect(
      listed.allSatisfy {
        $0.recipients.count == 2 && $0.recipients[1].reason == Array("451 not now".utf8)
      })
  }

  @Test @ReactorActor func aListReadsTheJournalOfASegmentOnce() async throws {
    let rig = try Rig()
    try await rig.peers.start()
    let writers = try (0..<3).map { try TestWriter(rig, index: UInt32($0)) }
    _ = try TestAgent(rig) { request in
      TestAgent.verdicts(on: request, .deferred, EnhancedStatus(4, 2, 0), "451 not now")
    }
    let control = try rig.connect(.control)
    rig.peers.channelsComplete()
    for number in 0..<90 {
      try await writers[number % 3].send(to: ["b\(number)@example.net"])
    }
    try await eventually("all wait") { rig.queue.scheduler.counts.deferred == 90 }
    let listed = try entries(try await ask(.list, control, number: 2))
    #expect(listed.count == 90)
    #expect(listed.allSatisfy { $0.recipients.map(\.reason) == [Array("451 not now".utf8)] })
    #expect(rig.queue.reasonReadings == 3)
  }

  @Test @ReactorActor func mailThatWaitsForADeadDestinationIsListedWithTheReason() async throws {
    let rig = try Rig()
    try await rig.peers.start()
    let writer = try TestWriter(rig)
    let agent = try TestAgent(rig) { _ in nil }
    let control = try rig.connect(.control)
    rig.peers.channelsComplete()
    for number in 0..<40 { try await writer.send(to: ["b\(number)@example.net"]) }
    var answered = 0
    try await eventually("all wait") {
      for request in agent.requests[answered...] {
        let verdicts = TestAgent.verdicts(
          on: request, .deferred, EnhancedStatus(4, 4, 1), "connect to sink.test: refused")
        agent.answer(request, verdicts, connectionFailed: true)
      }
      answered = agent.requests.count
      return rig.queue.scheduler.counts.deferred == 40
    }
    #expect(answered < 20)
    let reasons = try entries(try await ask(.list, control)).map {
      String(decoding: $0.recipients[0].reason, as: UTF8.self)
    }
    let own = "connect to sink.test: refused"
    #expect(reasons.count { $0 == own } == answered)
    #expect(reasons.count { $0 == "delivery temporarily suspended: " + own } == 40 - answered)
  }

  @Test @ReactorActor func aListIsCutIntoPartsThatFitAPacket() async throws {
    let rig = try Rig()
    try await rig.peers.start()
    let writer = try TestWriter(rig)
    let control = try rig.connect(.control)
    let many = (0..<5000).map {
      "recipient-with-a-long-name-\($0)@a-domain-with-a-long-name.example"
    }
    let id = try await writer.send(to: many)
    try await eventually("known") { rig.queue.scheduler.messageCount == 1 }
    let parts = try await ask(.list, control)
    #expect(parts.count > 1)
    #expect(parts.allSatisfy { $0.count <= 56 << 10 })
    let listed = try entries(parts)
    #expect(Set(listed.map(\.id)) == [id])
    #expect(listed.flatMap(\.recipients).map(\.address) == many.map { MailAddress($0) })
    #expect(listed.first?.piece == .first && listed.last?.piece == .last)
    #expect(listed.dropFirst().dropLast().allSatisfy { $0.piece == .middle })
  }

  @Test @ReactorActor func theStatusNamesProcessesAndCountsTheQueue() async throws {
    let rig = try Rig()
    try await rig.peers.start()
    let writer = try TestWriter(rig)
    let agent = try TestAgent(rig) { _ in nil }
    let control = try rig.connect(.control)
    rig.peers.channelsComplete()
    try await writer.send(to: ["b@example.net"])
    try await eventually("in flight") { agent.requests.count == 1 }
    let status = try QueueStatus(decoding: try await ask(.status, control)[0])
    #expect(status.active == 1 && status.incoming == 0 && status.deferred == 0)
    #expect(status.processes.map(\.name.role) == [.control, .qmgr, .smtp, .smtpd])
    #expect(status.processes.map(\.deliveries) == [0, 0, 1, 0])
    #expect(status.processes[1].pid == ThisProcess.pid)
  }

  @Test @ReactorActor func aFlushTriesDeferredMailNow() async throws {
    let rig = try Rig()
    try await rig.peers.start()
    let writer = try TestWriter(rig)
    let agent = try TestAgent(rig) { request in
      TestAgent.verdicts(on: request, .deferred, EnhancedStatus(4, 2, 0), "451 not now")
    }
    let control = try rig.connect(.control)
    rig.peers.channelsComplete()
    let first = try await writer.send(to: ["b@example.net"])
    try await writer.send(to: ["c@example.net"])
    try await eventually("both wait") { rig.queue.scheduler.counts.deferred == 2 }
    agent.judge = TestAgent.deliverAll
    #expect(try await ask(.retry(first), control) == [[1]])
    try await eventually("one is gone") { rig.queue.scheduler.messageCount == 1 }
    #expect(agent.requests.last?.queueID == first)
    #expect(try await ask(.retry(first), control) == [[0]])
    #expect(try await ask(.flush, control) == [[]])
    try await eventually("both are gone") { rig.queue.scheduler.messageCount == 0 }
  }

  @Test @ReactorActor func aFullQueueIsToldToTheWriters() async throws {
    let rig = try Rig(settings: { $0.messageLimit = 3 })
    try await rig.peers.start()
    let writer = try TestWriter(rig)
    for _ in 0..<3 { try await writer.send(to: ["b@example.net"]) }
    try await eventually("refused") { writer.isRefused }
    let late = try TestWriter(rig, index: 1)
    try await eventually("a new one hears it too") { late.isRefused }
    let agent = try TestAgent(rig)
    rig.peers.channelsComplete()
    try await eventually("welcome again") { !writer.isRefused && !late.isRefused }
    try await eventually("gone") { agent.requests.count == 3 }
  }

  @Test @ReactorActor func aDiskWithoutRoomIsToldToTheWriters() async throws {
    let rig = try Rig(settings: { $0.freeBytesMin = 1 << 60 })
    try await rig.peers.start()
    let writer = try TestWriter(rig)
    try await eventually("refused") { writer.isRefused }
  }
}
