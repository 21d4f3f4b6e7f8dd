import Configuration
import LinuxSystem
import MailTypes
import Primitives
import QueueFormat
import QueueScheduler
import Reactor
import ServiceKit
import Testing

@testable import QueueManager

/// What the postmaster hears of besides the senders (`notify_classes`), and that a delay is over.
@Suite(.timeLimit(.minutes(1))) struct NoticeTests {
  init() { Reactor.startThread() }

  private static let doubleBounce = "double-bounce@mx.test"

  private static func settings(_ settings: inout QueueSettings) {
    settings.doubleBounceSender = doubleBounce
    settings.notices.bounce = MailAddress("bounces@example.org")
    settings.notices.doubleBounce = MailAddress("double@example.org")
    settings.notices.delay = MailAddress("delays@example.org")
  }

  /// Refuses recipients called `bad`, puts off those called `late`, delivers to others.
  @ReactorActor private static func judge(_ request: DeliveryRequest) -> [RecipientVerdict] {
    request.recipients.map {
      let isBad = $0.address.localPart.starts(with: "bad".utf8)
      let isLate = $0.address.localPart.starts(with: "late".utf8)
      return RecipientVerdict(
        index: $0.index, outcome: isBad ? .bounced : isLate ? .deferred : .sent,
        handover: .relayedWithWishes,
        status: isBad
          ? EnhancedStatus(5, 1, 1) : isLate ? EnhancedStatus(4, 3, 2) : EnhancedStatus(2, 0, 0),
        text: Array("said so".utf8), relay: Array("sink.test[192.0.2.1]:25".utf8))
    }
  }

  /// Sends mail and gives what else goes out, by its recipient: who it is from, and its text.
  @ReactorActor
  private static func notices(
    from sender: String, to recipients: [EnvelopeRecipient], hoursOld: Int64 = 0, count: Int,
    _ change: @escaping (inout QueueSettings) -> Void = settings
  ) async throws -> (found: [String: (sender: String, text: String)], rig: Rig, id: QueueID) {
    let rig = try Rig(settings: change)
    try await rig.peers.start()
    let writer = try TestWriter(rig)
    let agent = try TestAgent(rig)
    var found: [String: (String, String)] = [:]
    let addressees = Set(recipients.map(\.address))
    agent.judge = { [unowned agent] request in
      let isOriginal = addressees.contains(request.recipients[0].address)
      if !isOriginal, let text = try? agent.text(of: request) {
        found["\(request.recipients[0].address)"] = ("\(request.sender)", text)
      }
      return judge(request)
    }
    rig.peers.channelsComplete()
    let arrival = Clocks.wallNow().microseconds - hoursOld * 3_600_000_000
    let id = try await writer.send(
      Envelope(
        sender: MailAddress(sender), recipients: recipients,
        arrival: WallTime(microseconds: arrival)))
    try await eventually("they are out") {
      found.count == count && rig.queue.scheduler.counts.active == 0
    }
    return (found, rig, id)
  }

  private static func recipient(
    _ address: String, _ notify: DeliveryNotify? = nil
  ) -> EnvelopeRecipient {
    EnvelopeRecipient(MailAddress(address), notify: notify)
  }

  @Test @ReactorActor func thePostmasterGetsACopyOfWhatASenderIsTold() async throws {
    let (found, rig, id) = try await Self.notices(
      from: "a@example.org", to: [Self.recipient("bad@example.net")], count: 2)
    let told = try #require(found["a@example.org"])
    #expect(
      told.sender == "" && told.text.contains("Subject: Undelivered Mail Returned to Sender\n"))
    let copy = try #require(found["bounces@example.org"])
    #expect(copy.sender == Self.doubleBounce)
    for part in [
      "\nSubject: Postmaster Copy: Undelivered Mail\nTo: bounces@example.org\n"
        + "Auto-Submitted: auto-generated\n",
      "\nX-Postfix-Sender: rfc822; a@example.org\n",
      "\nContent-Type: text/plain; charset=us-ascii\n\n\n<bad@example.net>: said so\n",
      "\nContent-Description: Undelivered Message Headers\nContent-Type: text/rfc822-headers\n",
      "\nSubject: test\n",
    ] {
      #expect(copy.text.contains(part), "\(part)")
    }
    #expect(!copy.text.contains("\nhello\n"))
    #expect(try rig.log.contains { $0.contains("\(id): postmaster non-delivery notification: ") })
  }

  @Test @ReactorActor func aSenderWhoWantsToHearNothingDoesNotSilenceTheCopy() async throws {
    let (found, _, _) = try await Self.notices(
      from: "a@example.org", to: [Self.recipient("bad@example.net", .never)], count: 1)
    #expect(found.keys.elementsEqual(["bounces@example.org"]))
    #expect(found["bounces@example.org"]?.text.contains("\nhello\n") == false)
  }

  @Test @ReactorActor func aReportThatCannotBeDeliveredGoesToThePostmasterWhole() async throws {
    let (found, rig, id) = try await Self.notices(
      from: "", to: [Self.recipient("bad@example.net")], count: 1)
    let notice = try #require(found["double@example.org"])
    #expect(notice.sender == Self.doubleBounce)
    let host = rig.queue.settings.hostname
    for part in [
      "\nSubject: Postmaster Copy: Undelivered Mail\nTo: double@example.org\n",
      "\nX-Postfix-Sender: rfc822; MAILER-DAEMON@\(host)\n",
      "\nReturn-Path: <MAILER-DAEMON@\(host)>\n", "\nhello\n",
    ] {
      #expect(notice.text.contains(part), "\(part)")
    }
    #expect(try rig.log.contains { $0.contains("\(id): postmaster non-delivery notification: ") })
  }

  @Test @ReactorActor func whatThePostmasterDoesNotGetGoesToNobody() async throws {
    let (_, rig, id) = try await Self.notices(
      from: Self.doubleBounce, to: [Self.recipient("bad@example.net")], count: 0)
    try await eventually("said") {
      try rig.log.contains {
        $0.hasSuffix("\(id): undeliverable postmaster notification discarded")
      }
    }
    try await eventually("gone") { rig.queue.scheduler.messageCount == 0 }
  }

  @Test @ReactorActor func delaysAreToldToThePostmasterToo() async throws {
    let (found, rig, id) = try await Self.notices(
      from: "a@example.org", to: [Self.recipient("late@example.net", .failure)], hoursOld: 2,
      count: 1
    ) {
      Self.settings(&$0)
      $0.scheduler.delayWarning = .seconds(3600)
    }
    let notice = try #require(found["delays@example.org"])
    #expect(notice.text.contains("\nSubject: Postmaster Warning: Delayed Mail\n"))
    #expect(notice.text.contains("\nAction: delayed\n"))
    #expect(try rig.log.contains { $0.contains("\(id): postmaster delay notification: ") })
    #expect(rig.queue.scheduler.counts.deferred == 1)
  }

  @Test(arguments: [true, false]) @ReactorActor
  func aDelayThatIsOverIsTold(_ isWanted: Bool) async throws {
    let rig = try Rig {
      $0.scheduler.delayWarning = .seconds(3600)
      $0.confirmsDelayCleared = isWanted
    }
    try await rig.peers.start()
    let writer = try TestWriter(rig)
    let agent = try TestAgent(rig, judge: Self.judge)
    rig.peers.channelsComplete()
    let arrival = Clocks.wallNow().microseconds - 7_200_000_000
    let id = try await writer.send(
      Envelope(
        sender: MailAddress("a@example.org"),
        recipients: [
          Self.recipient("late1@example.net"), Self.recipient("late2@example.net", .failure),
        ], arrival: WallTime(microseconds: arrival)))
    try await eventually("told") {
      try rig.log.contains { $0.contains("\(id): sender delay notification: ") }
        && rig.queue.scheduler.messageCount == 1
    }
    var reports: [String] = []
    agent.judge = { [unowned agent] request in
      if request.sender.isNull, let text = try? agent.text(of: request) { reports.append(text) }
      return TestAgent.deliverAll(request)
    }
    rig.queue.scheduler.flushAll()
    rig.queue.plan()
    try await eventually("gone") { rig.queue.scheduler.messageCount == 0 }
    // The word of the delay may have come to the queue last.
    let told = reports.filter { $0.contains("\nSubject: Successful Mail Delivery Report\n") }
    #expect(told.count == (isWanted ? 1 : 0))
    guard let report = told.first else { return }
    #expect(report.contains("late1@") && !report.contains("late2@"))
  }
}
