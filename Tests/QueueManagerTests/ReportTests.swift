import LinuxSystem
import MailTypes
import Primitives
import QueueFormat
import QueueScheduler
import Reactor
import ServiceKit
import Testing

@testable import QueueManager

/// What senders want to hear (RFC 3461), and what they get.
@Suite(.timeLimit(.minutes(1))) struct ReportTests {
  init() { Reactor.startThread() }

  private static let refusal =
    "host sink.test[192.0.2.1] said: 550 5.1.1 no (in reply to RCPT TO command)"

  /// A queue manager whose agent refuses recipients called `bad`, and notes reports.
  @ReactorActor
  private final class Scene {
    let rig: Rig
    let writer: TestWriter
    let agent: TestAgent
    var handover = Handover.relayed

    init(settings: (inout QueueSettings) -> Void = { _ in }) async throws {
      rig = try Rig(settings: settings)
      try await rig.peers.start()
      writer = try TestWriter(rig)
      agent = try TestAgent(rig)
      agent.judge = { [unowned self] request in
        request.recipients.map {
          let isBad = $0.address.localPart.starts(with: "bad".utf8)
          return RecipientVerdict(
            index: $0.index, outcome: isBad ? .bounced : .sent, handover: self.handover,
            status: isBad ? EnhancedStatus(5, 1, 1) : EnhancedStatus(2, 0, 0),
            text: Array((isBad ? ReportTests.refusal : "250 2.0.0 Ok").utf8),
            relay: Array("sink.test[192.0.2.1]:25".utf8))
        }
      }
      rig.peers.channelsComplete()
    }

    func send(
      _ recipients: [EnvelopeRecipient], from sender: String = "a@example.org",
      _ change: (inout Envelope) -> Void = { _ in }, body: String = "hello\r\n",
      flags: RecordFlags = []
    ) async throws -> QueueID {
      var envelope = Envelope(
        sender: MailAddress(sender), recipients: recipients, arrival: Clocks.wallNow())
      change(&envelope)
      let id = try await writer.send(envelope, body: body, flags: flags)
      try await eventually("all is over") { [rig] in
        try rig.log.contains { $0.hasSuffix("\(id): removed") }
          && rig.queue.scheduler.messageCount == 0
      }
      return id
    }

    /// The reports that went out.
    var reports: [(request: DeliveryRequest, text: String)] {
      get throws {
        try agent.requests.filter(\.sender.isNull).map { ($0, try agent.text(of: $0)) }
      }
    }
  }

  private static func recipient(
    _ address: String, _ notify: DeliveryNotify? = nil, orcpt: String = ""
  ) -> EnvelopeRecipient {
    EnvelopeRecipient(MailAddress(address), notify: notify, dsnOriginal: Array(orcpt.utf8))
  }

  @Test(arguments: [.never, .success, .delay] as [DeliveryNotify]) @ReactorActor
  func whoWantsToHearOfNoFailureHearsOfNone(_ notify: DeliveryNotify) async throws {
    let scene = try await Scene()
    let id = try await scene.send([Self.recipient("bad@example.net", notify)])
    #expect(try scene.reports.isEmpty)
    #expect(try !scene.rig.log.contains { $0.hasPrefix("bounce") })
    try await eventually("the agent may forget it") {
      scene.agent.acknowledged == [scene.agent.requests[0].id]
    }
    #expect(try scene.rig.log.contains { $0.hasSuffix("\(id): removed") })
  }

  @Test @ReactorActor func aReportTellsOnlyOfThoseForWhomItIsWanted() async throws {
    let scene = try await Scene()
    _ = try await scene.send([
      Self.recipient("bad1@example.net", .never),
      Self.recipient("bad2@example.net", .failure, orcpt: "rfc822;or+2Big@example.org"),
      Self.recipient("bad3@example.net"), Self.recipient("good@example.net", .failure),
    ]) { $0.envelopeID = Array("QQ+2B1".utf8) }
    let report = try #require(try scene.reports.first).text
    #expect(try scene.reports.count == 1)
    #expect(!report.contains("bad1@") && !report.contains("good@"))
    for part in [
      "\nOriginal-Envelope-Id: QQ+1\n",
      "\nFinal-Recipient: rfc822; bad2@example.net\nOriginal-Recipient: rfc822;or+ig@example.org\n"
        + "Action: failed\nStatus: 5.1.1\nRemote-MTA: dns; sink.test\n"
        + "Diagnostic-Code: smtp; 550 5.1.1 no\n",
      "\nFinal-Recipient: rfc822; bad3@example.net\nOriginal-Recipient: rfc822;bad3@example.net\n",
    ] {
      #expect(report.contains(part), "\(part)")
    }
  }

  @Test(
    arguments: [
      (nil, 50_000, true), (.full, 50_000, true), (.headers, 50_000, false), (.full, 30, false),
    ] as [(ReturnContent?, Int, Bool)]) @ReactorActor
  func theMessageIsReturnedAsFarAsWanted(
    _ wanted: ReturnContent?, _ limit: Int, _ isWhole: Bool
  ) async throws {
    let scene = try await Scene { $0.returnedSizeLimit = limit }
    _ = try await scene.send([Self.recipient("bad@example.net")]) { $0.returnContent = wanted }
    let report = try #require(try scene.reports.first).text
    #expect(report.contains("\nSubject: test\n\nhello\n") == isWhole)
    #expect(
      report.contains(isWhole ? "Type: message/rfc822\n" : "Type: text/rfc822-headers\n"))
    #expect(report.contains("Return-Path: <a@example.org>\nFrom: <a@example.org>\n"))
  }

  @Test(
    arguments: [
      (Handover.delivered, "delivered"), (.relayed, "relayed"), (.relayedWithWishes, nil),
    ] as [(Handover, String?)]) @ReactorActor
  func aDeliveryIsReportedByTheLastHostThatCan(
    _ handover: Handover, _ action: String?
  ) async throws {
    let scene = try await Scene()
    scene.handover = handover
    let id = try await scene.send(
      [
        Self.recipient("good@example.net", [.success, .failure]),
        Self.recipient("other@example.net"), Self.recipient("third@example.net", .failure),
      ], { $0.returnContent = .full })
    guard let action else { return #expect(try scene.reports.isEmpty) }
    try await eventually("told") { try !scene.reports.isEmpty }
    let report = try #require(try scene.reports.first)
    #expect(try scene.reports.count == 1)
    #expect(report.text.contains("\nSubject: Successful Mail Delivery Report\n"))
    #expect(report.text.contains("\nAction: \(action)\nStatus: 2.0.0\n"))
    #expect(!report.text.contains("other@") && !report.text.contains("third@"))
    #expect(!report.text.contains("hello"))
    let line = "\(id): sender delivery status notification: \(report.request.queueID)"
    #expect(try scene.rig.log.contains { $0.hasPrefix("bounce[") && $0.hasSuffix(line) })
  }

  @Test @ReactorActor func failuresAndDeliveriesAreToldApart() async throws {
    let scene = try await Scene()
    let id = try await scene.send([
      Self.recipient("good@example.net", .success), Self.recipient("bad@example.net", .failure),
    ])
    let reports = try scene.reports.map(\.text)
    #expect(reports.count == 2)
    #expect(reports.count { $0.contains("\nAction: failed\n") } == 1)
    #expect(reports.count { $0.contains("\nAction: relayed\n") } == 1)
    #expect(try scene.rig.log.count { $0.hasSuffix("\(id): removed") } == 1)
  }

  @Test(
    arguments: [
      ("", "good", "not sending trace/success notification for single-bounce message"),
      ("", "bad", nil),
      (
        "double-bounce@mx.test", "good",
        "not sending trace/success notification for double-bounce message"
      ),
      ("Double-Bounce@mx.test", "bad", "undeliverable postmaster notification discarded"),
    ] as [(String, String, String?)]) @ReactorActor
  func nobodyHearsOfReports(_ sender: String, _ name: String, _ line: String?) async throws {
    let scene = try await Scene { $0.doubleBounceSender = "double-bounce@mx.test" }
    let id = try await scene.send(
      [Self.recipient("\(name)@example.net", [.success, .failure])], from: sender)
    #expect(scene.agent.requests.count == 1)
    let lines = try scene.rig.log.filter { $0.hasPrefix("bounce[") }
    #expect(lines.count == (line == nil ? 0 : 1))
    if let line { #expect(lines.first?.hasSuffix("\(id): \(line)") == true) }
  }

  @Test @ReactorActor func aReportIsMarkedByWhatIsInIt() async throws {
    let scene = try await Scene()
    let long = String(repeating: "\u{fc}", count: 600)
    _ = try await scene.send(
      [Self.recipient("bad@example.net")], body: "\(long)\r\n..dot\r\n",
      flags: [.body8Bit, .needsSMTPUTF8])
    let report = try #require(try scene.reports.first)
    let file = try #require(scene.agent.segments[report.request.nonce])
    let bytes = try Files.read(
      file.raw, count: RecordLead.size, at: Int64(report.request.offset))
    let lead = try bytes.withUnsafeBytes {
      try RecordLead($0, nonce: report.request.nonce, offset: report.request.offset)
    }
    #expect(
      lead.flags == [.body8Bit, .needsSMTPUTF8, .longLine, .hasStuffedLines, .scanForDots])
    #expect(lead.contentSize + 1 == lead.header.length + lead.body.length)
    #expect(report.text.contains("Content-Type: message/global\n"))
  }

  @Test @ReactorActor func manyReportsAtOnceAreAllWritten() async throws {
    let scene = try await Scene { $0.returnedSizeLimit = 1 << 20 }
    for _ in 0..<60 { try await scene.writer.send(to: ["bad@example.net"]) }
    try await eventually("all are told") { try scene.reports.count == 60 }
    try await eventually("all is over") { scene.rig.queue.scheduler.messageCount == 0 }
  }

  @Test @ReactorActor func wishesGoToTheAgents() async throws {
    let scene = try await Scene()
    _ = try await scene.send(
      [Self.recipient("x@example.net", .never, orcpt: "rfc822;y@example.net")]
    ) {
      $0.envelopeID = Array("E".utf8)
      $0.returnContent = .full
    }
    let request = scene.agent.requests[0]
    #expect(request.envelopeID == Array("E".utf8))
    #expect(request.returnContent == .full)
    #expect(request.recipients.map(\.notify) == [.never])
    #expect(request.recipients.map(\.dsnOriginal) == [Array("rfc822;y@example.net".utf8)])
  }

  @Test @ReactorActor func manyRecipientsWithLongWishesFitTheirPackets() async throws {
    let scene = try await Scene()
    let orcpt = "rfc822;" + String(repeating: "o", count: 990)
    _ = try await scene.send(
      (0..<200).map { Self.recipient("r\($0)@example.net", .failure, orcpt: orcpt) }
    ) { $0.envelopeID = Array(repeating: 65, count: 1000) }
    #expect(scene.agent.requests.count > 2)
    #expect(scene.agent.requests.reduce(0) { $0 + $1.recipients.count } == 200)
  }
}
