import MailTypes
import Primitives
import QueueScheduler
import Reactor
import Routing
import ServiceKit
import Testing

@testable import QueueManager

/// The queue manager goes on with another configuration.
@Suite(.timeLimit(.minutes(1))) struct ReloadTests {
  private static let agents: Set = [ProcessName(role: .smtp, index: 0)]

  init() { Reactor.startThread() }

  private func router(relay: String) -> Router {
    var routing = RoutingSettings(resolver: AddressResolver(myhostname: "mx.test"))
    routing.relayhost = relay
    return Router(settings: routing, tables: RoutingTables { domain in domain == "mx.test" })
  }

  @Test @ReactorActor func mailThatNobodyHasInHandTakesTheNewRoute() async throws {
    let rig = try Rig()
    let (writer, agent) = try await rig.begin(capacity: 2) { _ in nil }
    for number in 0..<6 { try await writer.send(to: ["b\(number)@example.net"]) }
    try await eventually("two under way") { agent.requests.count == 2 }
    try await eventually("all active") { rig.queue.scheduler.counts.active == 6 }

    rig.queue.reconfigure(
      rig.queue.settings, router: router(relay: "[new.test]:2525"), rewriting: rig.queue.rewriting,
      services: [:], deliverers: Self.agents)
    agent.judge = TestAgent.deliverAll
    for request in agent.requests { agent.answer(request, TestAgent.deliverAll(request)) }
    try await eventually("gone") { rig.queue.scheduler.messageCount == 0 }
    #expect(agent.requests.count == 6)
    #expect(agent.requests.prefix(2).allSatisfy { $0.nextHop == "[sink.test]:25" })
    #expect(agent.requests.dropFirst(2).allSatisfy { $0.nextHop == "[new.test]:2525" })
  }

  @Test @ReactorActor func deferredMailTakesTheNewRouteAtItsNewTime() async throws {
    let rig = try Rig()
    try await rig.peers.start()
    let writer = try TestWriter(rig)
    let agent = try TestAgent(rig) { request in
      guard request.nextHop == "[new.test]:25" else {
        return TestAgent.verdicts(on: request, .deferred, EnhancedStatus(4, 4, 1), "450 later")
      }
      return TestAgent.deliverAll(request)
    }
    rig.peers.channelsComplete()
    try await writer.send(to: ["b@example.net"])
    try await eventually("deferred") { rig.queue.scheduler.counts.deferred == 1 }
    var settings = rig.queue.settings
    settings.scheduler.backoffMax = .milliseconds(20)
    settings.scheduler.backoffMin = .milliseconds(10)
    settings.scheduler.queueRunDelay = .milliseconds(10)
    rig.queue.reconfigure(
      settings, router: router(relay: "[new.test]:25"), rewriting: rig.queue.rewriting,
      services: [:], deliverers: Self.agents)
    // The shorter times hold for mail that is deferred already (spool rule R21).
    try await eventually("gone") { rig.queue.scheduler.messageCount == 0 }
    #expect(agent.requests.last?.nextHop == "[new.test]:25")
  }

  @Test @ReactorActor func aTransportThatBecomesAServiceIsDeliveredByItsAgents() async throws {
    let rig = try Rig(routes: { key in
      key.hasSuffix("example.net") ? "special:[sink.test]" : nil
    })
    let (writer, agent) = try await rig.begin()
    try await writer.send(to: ["b@example.net"])
    try await eventually("no such transport") { rig.queue.scheduler.counts.deferred == 1 }
    var tables = RoutingTables { domain in domain == "mx.test" }
    tables.transportMap = { _ in "special:[sink.test]" }
    let settings = RoutingSettings(resolver: AddressResolver(myhostname: "mx.test"))
    rig.queue.reconfigure(
      rig.queue.settings, router: Router(settings: settings, tables: tables),
      rewriting: rig.queue.rewriting,
      services: ["special": .smtp], deliverers: Self.agents)
    rig.queue.scheduler.flushAll()
    rig.queue.plan()
    try await eventually("gone") { rig.queue.scheduler.messageCount == 0 }
    #expect(agent.requests.map(\.transport) == ["special"])
  }

  @Test @ReactorActor func limitsHoldFromNowOn() async throws {
    let rig = try Rig()
    try await rig.peers.start()
    let writer = try TestWriter(rig)
    rig.peers.channelsComplete()
    for number in 0..<3 { try await writer.send(to: ["b\(number)@example.net"]) }
    try await eventually("all known") { rig.queue.scheduler.messageCount == 3 }
    var settings = rig.queue.settings
    settings.messageLimit = 2
    rig.queue.reconfigure(
      settings, router: router(relay: "[sink.test]:25"), rewriting: rig.queue.rewriting,
      services: [:], deliverers: Self.agents)
    try await eventually("refused") { writer.isRefused }
    settings.messageLimit = 100
    rig.queue.reconfigure(
      settings, router: router(relay: "[sink.test]:25"), rewriting: rig.queue.rewriting,
      services: [:], deliverers: Self.agents)
    try await eventually("welcome") { !writer.isRefused }
  }

  @Test @ReactorActor func anAgentThatLeavesIsAskedForNothingMoreAndEndsInPeace() async throws {
    let rig = try Rig()
    try await rig.peers.start()
    let writer = try TestWriter(rig)
    let old = try TestAgent(rig, index: 0) { _ in nil }
    rig.peers.channelsComplete()
    try await writer.send(to: ["b@example.net"])
    try await eventually("under way") { old.requests.count == 1 }
    let fresh = try TestAgent(rig, index: 1)
    old.channel.post(.agentLeaves)
    try await eventually("released") { old.isReleased }
    for number in 0..<10 { try await writer.send(to: ["b\(number)@example.net"]) }
    try await eventually("the others are done") { rig.queue.scheduler.messageCount == 1 }
    #expect(fresh.requests.count == 10 && old.requests.count == 1)
    old.answer(old.requests[0], TestAgent.deliverAll(old.requests[0]))
    try await eventually("gone") { rig.queue.scheduler.messageCount == 0 }
    old.channel.close()
    #expect(try !rig.log.contains { $0.contains("died") })
  }

  @Test @ReactorActor func onlyWhoHasTheConfigurationIsAskedByIt() async throws {
    let rig = try Rig()
    rig.queue.setDeliverers(Self.agents)
    try await rig.peers.start()
    let writer = try TestWriter(rig)
    let old = try TestAgent(rig, index: 0)
    let fresh = try TestAgent(rig, index: 1)
    rig.peers.channelsComplete()
    for number in 0..<5 { try await writer.send(to: ["b\(number)@example.net"]) }
    try await eventually("by the old one") { rig.queue.scheduler.messageCount == 0 }
    #expect(old.requests.count == 5 && fresh.requests.isEmpty)
    rig.queue.reconfigure(
      rig.queue.settings, router: router(relay: "[new.test]:25"), rewriting: rig.queue.rewriting,
      services: [:], deliverers: [ProcessName(role: .smtp, index: 1)])
    for number in 0..<5 { try await writer.send(to: ["b\(number)@example.net"]) }
    try await eventually("by the new one") { rig.queue.scheduler.messageCount == 0 }
    #expect(old.requests.count == 5 && fresh.requests.count == 5)
    #expect(fresh.requests.allSatisfy { $0.nextHop == "[new.test]:25" })
  }
}
