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

@Suite(.timeLimit(.minutes(1))) struct BounceTests {
  init() { Reactor.startThread() }

  @ReactorActor static func refuse(_ request: DeliveryRequest) -> [RecipientVerdict] {
    TestAgent.verdicts(
      on: request, .bounced, EnhancedStatus(5, 1, 1), "host sink.test said: 550 5.1.1 unknown")
  }

  @Test @ReactorActor func theSenderIsToldWhoWillNotGetIt() async throws {
    let rig = try Rig()
    try await rig.peers.start()
    let writer = try TestWriter(rig)
    let agent = try TestAgent(rig) { request in
      request.sender.isNull ? TestAgent.deliverAll(request) : Self.refuse(request)
    }
    rig.peers.channelsComplete()
    let id = try await writer.send(to: ["nobody@example.net"])
    try await eventually("the report is delivered") { agent.requests.count == 2 }
    let report = agent.requests[1]
    #expect(report.sender.isNull)
    #expect(report.recipients.map(\.address) == [MailAddress("a@example.org")])
    let lines = try rig.log
    #expect(
      lines.contains {
        $0.hasPrefix("bounce[")
          && $0.hasSuffix("\(id): sender non-delivery notification: \(report.queueID)")
      })
    try await eventually("both are gone") { rig.queue.scheduler.messageCount == 0 }
    try await eventually("acknowledged") { agent.acknowledged.count == 2 }
    #expect(try rig.log.count { $0.hasSuffix(": removed") } == 2)
  }

  @Test @ReactorActor func theSenderIsToldWhereItsAliasLeads() async throws {
    let rig = try Rig(aliases: "inline:{{ a@example.org = b@example.org, c@example.org }}")
    try await rig.peers.start()
    let writer = try TestWriter(rig)
    let agent = try TestAgent(rig) { request in
      request.sender.isNull ? TestAgent.deliverAll(request) : Self.refuse(request)
    }
    rig.peers.channelsComplete()
    try await writer.send(to: ["nobody@example.net"])
    try await eventually("all is gone") {
      agent.requests.count > 1 && rig.queue.scheduler.messageCount == 0
    }
    let told = agent.requests.dropFirst().flatMap(\.recipients)
    #expect(told.map(\.address.description).sorted() == ["b@example.org", "c@example.org"])
    #expect(told.allSatisfy { $0.original == Array("a@example.org".utf8) })
  }

  @Test @ReactorActor func aReportWaitsForTheTableThatNamesItsRecipient() async throws {
    let rig = try Rig(aliases: "fail:test")
    let (writer, agent) = try await rig.begin(judge: Self.refuse)
    let id = try await writer.send(to: ["nobody@example.net"])
    try await eventually("the report cannot be written") {
      try rig.log.contains {
        $0.hasPrefix("bounce[")
          && $0.contains("\(id): cannot write a report: virtual_alias_maps map lookup problem")
      }
    }
    // The recipient is open again: nothing was told, nothing is lost.
    #expect(rig.queue.scheduler.messageCount == 1)
    #expect(agent.requests.count == 1)
  }

  @Test @ReactorActor func whoHasTheMessageDoesNotGetItAgainWhenItsReportFails() async throws {
    let rig = try Rig(aliases: "fail:test")
    let (writer, _) = try await rig.begin { request in
      zip(request.recipients, zip(TestAgent.deliverAll(request), Self.refuse(request))).map {
        $0.address == MailAddress("nobody@example.net") ? $1.1 : $1.0
      }
    }
    let id = try await writer.send(to: ["somebody@example.net", "nobody@example.net"])
    try await eventually("the report cannot be written") {
      try rig.log.contains { $0.contains("\(id): cannot write a report: virtual_alias_maps") }
    }
    #expect(rig.queue.scheduler.messageCount == 1)
    #expect(Array(rig.queue.endedRecipients.values) == [[0]])
  }

  /// Waiting would mean to ask the recipient's host for ever.
  @Test(arguments: [
    ("inline:{a@example.org=b@example.org, b@example.org=a@example.org}", 0, "nesting"),
    ("fail:test", 7200, "lookup problem"),
  ])
  @ReactorActor func aReportThatWaitedLongEnoughGoesToTheAddressItself(
    aliases: String, age: Int, problem: String
  ) async throws {
    let rig = try Rig(aliases: aliases, settings: { $0.scheduler.lifetime = .seconds(3600) })
    try await rig.peers.start()
    let writer = try TestWriter(rig)
    let agent = try TestAgent(rig) { request in
      request.sender.isNull ? TestAgent.deliverAll(request) : Self.refuse(request)
    }
    rig.peers.channelsComplete()
    let arrival = WallTime(microseconds: writer.now.microseconds - Int64(age) * 1_000_000)
    let id = try await writer.send(to: ["nobody@example.net"], arrival: arrival)
    try await eventually("all is gone") {
      agent.requests.count > 1 && rig.queue.scheduler.messageCount == 0
    }
    #expect(agent.requests[1].recipients.map(\.address) == [MailAddress("a@example.org")])
    #expect(
      try rig.log.contains {
        $0.hasPrefix("bounce[") && $0.contains("warning: \(id): ") && $0.contains(problem)
          && $0.hasSuffix("the report goes to <a@example.org> itself")
      })
  }

  @Test @ReactorActor func aRefusalIsConfirmedOnlyWhenTheReportIsOnTheDisk() async throws {
    let rig = try Rig()
    let (writer, agent) = try await rig.begin(judge: Self.refuse)
    try await writer.send(to: ["nobody@example.net"])
    try await eventually("refused and confirmed") {
      agent.acknowledged.contains { $0 == agent.requests.first?.id }
    }
    let reports = try rig.files.filter { $0.hasSuffix(".qmgr.segment") }
    #expect(reports.count == 1)
  }

  @Test @ReactorActor func underSoftBounceARefusalIsTriedAgain() async throws {
    let rig = try Rig { $0.softBounce = true }
    let (writer, agent) = try await rig.begin(judge: Self.refuse)
    try await writer.send(to: ["nobody@example.net"])
    try await eventually("refused and written down") { agent.acknowledged.count == 1 }
    #expect(rig.queue.scheduler.counts.deferred == 1)
    #expect(try !rig.files.contains { $0.hasSuffix(".qmgr.segment") })
    rig.queue.scheduler.flushAll()
    rig.queue.plan()
    try await eventually("tried again") { agent.requests.count == 2 }
    #expect(agent.requests.allSatisfy { !$0.sender.isNull })
  }

  @Test @ReactorActor func nobodyIsToldOfALostReport() async throws {
    let rig = try Rig()
    let (writer, agent) = try await rig.begin(judge: Self.refuse)
    let id = try await writer.send(from: "", to: ["nobody@example.net"])
    try await eventually("gone") { try rig.log.contains { $0.hasSuffix("\(id): removed") } }
    #expect(agent.requests.count == 1)
    #expect(rig.queue.scheduler.messageCount == 0)
  }

  @Test @ReactorActor func severalFailuresOfARunAreOneReport() async throws {
    let rig = try Rig { _ in
    } routes: { key in
      key == "full.test" ? "error:5.2.2 mailbox full" : nil
    }
    try await rig.peers.start()
    let writer = try TestWriter(rig)
    let agent = try TestAgent(rig) { request in
      request.sender.isNull ? nil : Self.refuse(request)
    }
    rig.peers.channelsComplete()
    try await writer.send(to: ["a@full.test", "b@example.net", "c@full.test"])
    try await eventually("reported") { agent.requests.contains { $0.sender.isNull } }
    #expect(try rig.log.count { $0.contains("sender non-delivery notification") } == 1)
    try await eventually("only the report is left") { rig.queue.scheduler.messageCount == 1 }
  }

  @Test @ReactorActor func muchMailThatExpiresAtOnceDoesNotReadItsJournalForEach() async throws {
    let rig = try Rig {
      $0.scheduler.lifetime = .seconds(3600)
      $0.scheduler.activeLimit = 20
    } routes: {
      $0 == "example.org" ? "smtp:[home.test]:25" : nil
    }
    try await rig.peers.start()
    let writer = try TestWriter(rig)
    let agent = try TestAgent(rig)
    var reports: [String] = []
    agent.judge = { [unowned agent] request in
      guard request.sender.isNull else { return nil }
      let segment = agent.segments[request.nonce]
      let bytes = try? Files.read(segment?.raw ?? -1, count: 4096, at: Int64(request.offset))
      let words = String(decoding: bytes ?? [], as: UTF8.self).split(whereSeparator: \.isWhitespace)
      reports.append(words.joined(separator: " "))
      return TestAgent.deliverAll(request)
    }
    rig.peers.channelsComplete()
    let long = WallTime(microseconds: Int64(writer.now.microseconds) - 7200 * 1_000_000)
    for number in 0..<100 {
      try await writer.send(to: ["b\(number)@example.net"], arrival: long)
    }
    try await eventually("all are in the queue") { rig.queue.scheduler.messageCount == 100 }
    // The destination dies; what waits for it goes back without having been tried.
    var answered = 0
    try await eventually("all are returned") {
      for request in agent.requests[answered...] where !request.sender.isNull {
        let verdicts = TestAgent.verdicts(
          on: request, .deferred, EnhancedStatus(4, 4, 1), "refused")
        agent.answer(request, verdicts, connectionFailed: true)
      }
      answered = agent.requests.count
      return try rig.log.count { $0.contains("status=expired, returned to sender") } == 100
    }
    try await eventually("gone") { rig.queue.scheduler.messageCount == 0 }
    #expect((1...25).contains(rig.queue.reasonReadings))
    #expect(reports.count == 100)
    #expect(reports.count { $0.contains("delivery temporarily suspended: refused") } > 80)
  }

  @Test @ReactorActor func oldMailIsReturnedAfterAFailedAttempt() async throws {
    let rig = try Rig(settings: { $0.scheduler.lifetime = .seconds(3600) })
    try await rig.peers.start()
    let writer = try TestWriter(rig)
    let agent = try TestAgent(rig) { request in
      request.sender.isNull
        ? TestAgent.deliverAll(request)
        : TestAgent.verdicts(on: request, .deferred, EnhancedStatus(4, 2, 0), "451 not now")
    }
    rig.peers.channelsComplete()
    let long = WallTime(microseconds: Int64(writer.now.microseconds) - 7200 * 1_000_000)
    let id = try await writer.send(to: ["b@example.net"], arrival: long)
    try await eventually("returned") { agent.requests.contains { $0.sender.isNull } }
    #expect(
      try rig.log.contains {
        $0.hasSuffix("\(id): from=<a@example.org>, status=expired, returned to sender")
      })
    try await eventually("gone") { rig.queue.scheduler.messageCount == 0 }
  }
}
