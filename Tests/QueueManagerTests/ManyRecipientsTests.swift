import MailTypes
import Primitives
import QueueScheduler
import Reactor
import ServiceKit
import Testing

@testable import QueueManager

/// Deliveries that would not fit into a packet travel in as many as it takes (spool rule R27).
@Suite(.timeLimit(.minutes(1))) struct ManyRecipientsTests {
  init() { Reactor.startThread() }

  @Test @ReactorActor func thousandsOfLongRecipientsAndRepliesFitIntoPackets() async throws {
    let rig = try Rig { settings in
      settings.limits = { _ in
        var limits = TransportLimits()
        limits.recipientLimit = 0
        return limits
      }
    }
    try await rig.peers.start()
    let writer = try TestWriter(rig)
    var texts: [[UInt8]] = []
    let agent = try TestAgent(rig) { request in
      let verdicts = request.recipients.map { recipient in
        RecipientVerdict(
          index: recipient.index, outcome: .sent, status: EnhancedStatus(2, 1, 5),
          text: Array("250 2.1.5 \(recipient.index) ".utf8) + [UInt8](repeating: 65, count: 1014),
          relay: Array("sink.test[192.0.2.1]:25".utf8))
      }
      texts += verdicts.map(\.text)
      return verdicts
    }
    rig.peers.channelsComplete()
    let local = String(repeating: "l", count: 60)
    let domain = String(repeating: "d", count: 60)
    let recipients = (0..<5000).map { "\(local)\($0)@\(domain).\(domain).\(domain).test" }
    let id = try await writer.send(to: recipients)
    try await eventually("all is done", within: .seconds(40)) {
      try rig.log.contains { $0.hasSuffix("\(id): removed") }
    }
    #expect(agent.requests.count > 20)
    #expect(Set(agent.requests.map(\.queueID)) == [id])
    let indices = agent.requests.flatMap(\.recipients).map(\.index)
    #expect(indices.count == 5000)
    #expect(Set(indices).count == 5000)
    for request in agent.requests {
      var packet = WireEncoder()
      InternalMessage.deliver(request).encode(into: &packet)
      #expect(packet.bytes.count <= MessageChannel.messageLengthMax)
      let result = DeliveryResult(
        answering: request, connectionFailed: false, verdicts: try #require(agent.judge(request)))
      packet.removeAll()
      InternalMessage.result(result).encode(into: &packet)
      #expect(packet.bytes.count <= MessageChannel.messageLengthMax)
      // What is left of each reply still says what it was.
      #expect(result.verdicts.map(\.text.count).min() ?? 0 >= 100)
    }
    #expect(texts.map(\.count).max() == RecipientVerdict.textLengthMax)
    #expect(try !rig.log.contains { $0.contains("died while it had") })
  }
}
