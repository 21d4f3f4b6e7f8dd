import MailTypes
import Primitives
import QueueScheduler
import Reactor
import ServiceKit
import Testing

@testable import QueueManager

/// What is in memory while more senders are to be told than the disk takes reports.
@Suite(.timeLimit(.minutes(1))) struct ManyReportsTests {
  init() { Reactor.startThread() }

  private static let messages = 700

  /// Lets whatever reads records one by one read many.
  @ReactorActor private func readOn(_ queue: MailQueue) async {
    for _ in 0..<300 { await queue.reader.perform {} }
  }

  @Test @ReactorActor func muchMailThatExpiresAtOnceIsNotLoadedAtOnce() async throws {
    let rig = try Rig {
      $0.scheduler.lifetime = .seconds(3600)
      // Of one destination a quarter is in the window; the others expire outside of it.
      $0.scheduler.activeLimit = 1000
    } routes: {
      $0 == "example.org" ? "smtp:[home.test]:25" : nil
    }
    try await rig.peers.start()
    let writer = try TestWriter(rig)
    let agent = try TestAgent(rig) { request in
      request.sender.isNull ? TestAgent.deliverAll(request) : nil
    }
    rig.peers.channelsComplete()
    let long = WallTime(microseconds: Int64(writer.now.microseconds) - 7200 * 1_000_000)
    for number in 0..<1500 {
      try await writer.send(to: ["b\(number)@example.net"], arrival: long)
    }
    try await eventually("all are in the queue") {
      rig.queue.scheduler.messageCount == 1500
    }
    let hold = try await Hold.take(rig.queue.reportHelper)
    var answered = 0
    func refuse() {
      for request in agent.requests[answered...] where !request.sender.isNull {
        agent.answer(
          request, TestAgent.verdicts(on: request, .deferred, EnhancedStatus(4, 4, 1), "refused"),
          connectionFailed: true)
      }
      answered = agent.requests.count
    }
    // As many as are written at once, and as many as wait for that.
    try await eventually("no more are begun") {
      refuse()
      return try rig.log.count { $0.contains("status=expired, returned to sender") } >= 512
    }
    try await eventually("all are over") { rig.queue.scheduler.counts.active == 1500 }
    await readOn(rig.queue)
    #expect(rig.queue.bouncer.backlog < 600)
    hold.letGo()
    try await eventually("gone", within: .seconds(30)) {
      refuse()
      return rig.queue.scheduler.messageCount == 0
    }
    #expect(
      try rig.log.count { $0.contains("status=expired, returned to sender") } == 1500)
  }

  @Test @ReactorActor func muchMailThatFailsAtOnceWaitsForReportsOfWhatFailedBefore() async throws {
    let rig = try Rig {
      $0.scheduler.activeLimit = 20
    } routes: {
      $0 == "gone.test" ? "error:gone" : nil
    }
    try await rig.peers.start()
    let writer = try TestWriter(rig)
    _ = try TestAgent(rig)
    let hold = try await Hold.take(rig.queue.reportHelper)
    rig.peers.channelsComplete()
    for number in 0..<Self.messages { try await writer.send(to: ["b\(number)@gone.test"]) }
    try await eventually("reports wait") { rig.queue.bouncer.isBehind }
    await readOn(rig.queue)
    #expect(rig.queue.bouncer.backlog <= 40)
    #expect(rig.queue.messages.count <= 20)
    hold.letGo()
    try await eventually("gone", within: .seconds(30)) { rig.queue.scheduler.messageCount == 0 }
    #expect(
      try rig.log.count { $0.contains("sender non-delivery notification") } == Self.messages)
  }
}
