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

/// What senders of delayed mail are told, and that they are told once.
@Suite(.timeLimit(.minutes(1))) struct DelayTests {
  init() { Reactor.startThread() }

  private static let words =
    "host sink.test[192.0.2.1] said: 451 4.3.2 later (in reply to RCPT TO command)"

  private static func warning(_ settings: inout QueueSettings) {
    settings.scheduler.delayWarning = .seconds(3600)
  }

  /// Delivers reports, and what is for nobody who is late.
  @ReactorActor private static func judge(_ request: DeliveryRequest) -> [RecipientVerdict] {
    request.recipients.map {
      let isLate = !request.sender.isNull && $0.address.localPart.starts(with: "late".utf8)
      return RecipientVerdict(
        index: $0.index, outcome: isLate ? .deferred : .sent,
        status: isLate ? EnhancedStatus(4, 3, 2) : EnhancedStatus(2, 0, 0),
        text: Array((isLate ? Self.words : "250 2.0.0 Ok").utf8),
        relay: Array("sink.test[192.0.2.1]:25".utf8))
    }
  }

  /// Mail of two hours ago.
  private static func old(
    from sender: String = "a@example.org", to recipients: [EnvelopeRecipient]
  ) -> Envelope {
    let now = Clocks.wallNow()
    return Envelope(
      sender: MailAddress(sender), recipients: recipients,
      arrival: WallTime(microseconds: now.microseconds - 7200 * 1_000_000))
  }

  private static func late(
    _ number: Int = 0, _ notify: DeliveryNotify? = nil
  ) -> EnvelopeRecipient {
    EnvelopeRecipient(MailAddress("late\(number)@example.net"), notify: notify)
  }

  private static let notice = ": sender delay notification: "

  @Test @ReactorActor func theSenderIsToldOfThoseWhoHaveNotGotItYet() async throws {
    let rig = try Rig(settings: Self.warning)
    try await rig.peers.start()
    let writer = try TestWriter(rig)
    let agent = try TestAgent(rig)
    var reports: [String] = []
    agent.judge = { [unowned agent] request in
      if request.sender.isNull, let text = try? agent.text(of: request) { reports.append(text) }
      return Self.judge(request)
    }
    rig.peers.channelsComplete()
    let id = try await writer.send(
      Self.old(to: [
        Self.late(1), Self.late(2, .delay), Self.late(3, .failure), Self.late(4, .never),
        EnvelopeRecipient(MailAddress("b@example.net")),
      ]))
    try await eventually("the sender is told") {
      reports.count == 1 && rig.queue.scheduler.messageCount == 1
    }
    let report = reports[0]
    for part in [
      "\nSubject: Delayed Mail (still being retried)\n",
      "\nFinal-Recipient: rfc822; late1@example.net\nOriginal-Recipient: rfc822;late1@example.net\n"
        + "Action: delayed\nStatus: 4.3.2\nRemote-MTA: dns; sink.test\n"
        + "Diagnostic-Code: smtp; 451 4.3.2 later\nWill-Retry-Until: ",
      "\nFinal-Recipient: rfc822; late2@example.net\n", "\nSubject: test\n",
    ] {
      #expect(report.contains(part), "\(part)")
    }
    for absent in ["late3@", "late4@", "b@example.net", "\nhello\n"] {
      #expect(!report.contains(absent), "\(absent)")
    }
    #expect(try rig.log.contains { $0.hasPrefix("bounce[") && $0.contains("\(id)\(Self.notice)") })
    #expect(rig.queue.scheduler.counts.deferred == 1)
    // The message goes on, and ends as any other.
    agent.judge = TestAgent.deliverAll
    rig.queue.scheduler.flushAll()
    rig.queue.plan()
    try await eventually("gone") { rig.queue.scheduler.messageCount == 0 }
    #expect(agent.requests.last?.recipients.count == 4)
    #expect(try rig.log.count { $0.contains(Self.notice) } == 1)
  }

  @Test @ReactorActor func itIsToldOnceAndARestartDoesNotRepeatIt() async throws {
    let first = try Rig(settings: Self.warning)
    let (writer, agent) = try await first.begin(judge: Self.judge)
    let id = try await writer.send(Self.old(to: [Self.late()]))
    try await eventually("told") {
      agent.requests.contains { $0.sender.isNull } && first.queue.scheduler.messageCount == 1
    }
    first.queue.scheduler.flushAll()
    first.queue.plan()
    try await eventually("tried again") {
      agent.requests.count == 3 && first.queue.scheduler.counts.deferred == 1
    }
    await writer.spool.drain()
    await first.drain()
    #expect(try first.log.count { $0.contains(Self.notice) } == 1)
    first.peers.lock = nil

    let second = try Rig(directory: first.directory, settings: Self.warning)
    try await second.peers.start()
    try await eventually("found") { second.queue.scheduler.counts.deferred == 1 }
    let other = try TestAgent(second, judge: Self.judge)
    second.peers.channelsComplete()
    second.queue.scheduler.flushAll()
    second.queue.plan()
    try await eventually("tried") {
      other.requests.map(\.queueID) == [id] && second.queue.scheduler.counts.deferred == 1
    }
    // Reports are made in the order in which mail is put away: one of `id` would come before.
    let next = try await TestWriter(second, index: 1).send(Self.old(to: [Self.late(2)]))
    try await eventually("the next sender is told") {
      try second.log.contains { $0.contains("\(next)\(Self.notice)") }
    }
    #expect(try second.log.count { $0.contains(Self.notice) } == 2)
  }

  @Test @ReactorActor func nobodyIsToldOfTheDelayOfAReportOrAgainstItsWill() async throws {
    let rig = try Rig(settings: Self.warning)
    try await rig.peers.start()
    let writer = try TestWriter(rig)
    let agent = try TestAgent(rig) { request in
      TestAgent.verdicts(on: request, .deferred, EnhancedStatus(4, 3, 2), Self.words)
    }
    rig.peers.channelsComplete()
    try await writer.send(Self.old(from: "", to: [Self.late()]))
    try await writer.send(Self.old(from: "double-bounce@localhost", to: [Self.late()]))
    try await writer.send(Self.old(to: [Self.late(1, .failure), Self.late(2, .never)]))
    let young = try await writer.send(to: ["late@example.net"])
    let told = try await writer.send(Self.old(to: [Self.late()]))
    try await eventually("who wants it is told") {
      try rig.log.contains { $0.contains("\(told)\(Self.notice)") }
        && rig.queue.scheduler.counts.deferred == 6
    }
    #expect(try rig.log.count { $0.contains(Self.notice) } == 1)
    #expect(agent.requests.contains { $0.queueID == young })
  }

  @Test @ReactorActor func whoCouldNotBeToldIsWhenTheMessageIsPutAwayAgain() async throws {
    let rig = try Rig(aliases: "fail:test", settings: Self.warning)
    let (writer, agent) = try await rig.begin(judge: Self.judge)
    let id = try await writer.send(Self.old(to: [Self.late()]))
    for count in 1...2 {
      try await eventually("it cannot be written") {
        try rig.log.count { $0.contains("\(id): cannot write a report: ") } == count
      }
      #expect(rig.queue.scheduler.counts.deferred == 1)
      rig.queue.scheduler.flushAll()
      rig.queue.plan()
    }
    #expect(agent.requests.allSatisfy { !$0.sender.isNull })
  }
}
