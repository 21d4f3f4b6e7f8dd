import MailTypes
import Primitives
import Testing

@testable import QueueScheduler

@Suite struct FairnessTests {
  @Test func aNewDestinationDoesNotWaitBehindAHundredThousandMessages() {
    var world = World(credit: 10_000)
    for _ in 0..<100_000 { world.add("busy.test") }
    world.drain()
    let before = world.scheduler.steps
    let id = world.add("other.test")
    #expect(world.drain(limit: 1).map(\.id) == [id])
    #expect(world.scheduler.steps - before < 20)
  }

  @Test func aNewDestinationDoesNotWaitBehindMailThatWasNeverRead() {
    var world = World(credit: 10_000)
    for _ in 0..<50_000 { world.restore(["busy.test"], nextAttempt: nil) }
    world.drain(limit: 5)
    let id = world.add("other.test")
    let before = world.scheduler.steps
    #expect(world.drain(limit: 1).map(\.id) == [id])
    #expect(world.scheduler.steps - before < 2000)
  }

  @Test func oneDestinationHoldsAtMostAQuarterOfTheWindow() {
    var settings = SchedulerSettings()
    settings.activeLimit = 1000
    var world = World(settings: settings, credit: 10_000)
    for _ in 0..<2000 { world.add("a.test") }
    world.drain()
    #expect(world.scheduler.active.inUse == 250)
    for name in 0..<20 { for _ in 0..<2000 { world.add("d\(name).test") } }
    world.drain()
    #expect(world.scheduler.active.inUse < 1000)
    let id = world.add("new.test")
    #expect(world.drain(limit: 1).map(\.id) == [id])
  }

  @Test func messagesToOneDestinationTakeTurnsHoweverManyRecipientsTheyHave() {
    var limits = TransportLimits()
    limits.recipientLimit = 1
    limits.concurrencyLimit = 1
    var world = World(limits: limits)
    let list = world.add(Array(repeating: "a.test", count: 1000))
    let single = world.add("a.test")
    var order: [QueueID] = []
    for _ in 0..<3 {
      order += world.drain().map(\.id)
      world.answer(0, .delivered)
    }
    #expect(order == [list, single, list])
  }

  @Test func newMailDoesNotOvertakeWhatWaitsForTheSamePlace() {
    var settings = SchedulerSettings()
    settings.activeLimit = 4
    var limits = TransportLimits()
    limits.concurrencyLimit = 1
    var world = World(settings: settings, limits: limits)
    var ids = (0..<10).map { _ in world.add("a.test") }
    var order = world.drain().map(\.id)
    while !world.inHand.isEmpty {
      world.answer(0, .delivered)
      if ids.count < 20 { ids.append(world.add("a.test")) }
      order += world.drain().map(\.id)
    }
    #expect(order == ids)
  }

  @Test func freshAndTriedMailEnterInTurns() {
    var settings = SchedulerSettings()
    settings.activeLimit = 4
    var limits = TransportLimits()
    limits.concurrencyLimit = 1
    var world = World(settings: settings, limits: limits)
    let first = world.add("a.test")
    let tried = (0..<20).map { _ in world.restore(["a.test"], nextAttempt: world.now) }
    world.drain(limit: 1)
    for _ in 0..<20 { world.add("a.test") }
    world.drain()
    var order: [QueueID] = []
    while !world.inHand.isEmpty {
      order.append(world.inHand[0].delivery.id)
      world.answer(0, .delivered)
      world.drain()
    }
    #expect(order.count == 41 && order.first == first)
    let triedOnes = Set(tried)
    let triedAtHalf = order[..<24].filter(triedOnes.contains).count
    #expect((8...16).contains(triedAtHalf))
  }

  @Test func transportsTakeTurns() {
    var world = World(credit: 1)
    let group = world.scheduler.makeAgentGroup()
    let other = world.scheduler.declareTransport(
      Array("lmtp".utf8), limits: TransportLimits(), agents: group)
    _ = world.scheduler.addProcess(to: group, credit: 1)
    for _ in 0..<10 { world.add("a.test") }
    let message = world.describe(["x"])
    let route = RoutedRecipient(
      index: 0, destination: world.scheduler.destination(transport: other, nextHop: [1]))
    #expect(world.scheduler.add(message, routed: [route], now: world.now) != nil)
    var ids: [QueueID] = []
    while let order = world.scheduler.nextOrder(now: world.now) {
      guard case .deliver(let delivery) = order else { continue }
      ids.append(delivery.id)
    }
    #expect(ids.count == 2 && ids.contains(message.id))
  }

  @Test func manyDestinationsShareAProcessEvenly() {
    var world = World(credit: 10)
    for name in 0..<10 { for _ in 0..<10 { world.add("d\(name).test") } }
    var given = world.drain()
    #expect(Set(given.map(\.destination)).count == 10)
    for _ in 0..<10 { world.answer(0, .delivered) }
    given = world.drain()
    #expect(Set(given.map(\.destination)).count == 10)
  }

  @Test func anEntryTakesSixtyFourBytes() {
    #expect(MemoryLayout<MessageEntry>.stride <= 64)
  }

  @Test func stepsDoNotGrowWithTheQueue() {
    func cost(_ backlog: Int) -> UInt64 {
      var world = World(credit: 10)
      for at in 0..<backlog {
        world.restore(["d\(at % 50).test"], nextAttempt: world.now + .seconds(1000))
      }
      world.drain()
      let before = world.scheduler.steps
      for _ in 0..<100 {
        world.add("a.test")
        world.drain()
        world.answer(0, .delivered)
      }
      return world.scheduler.steps - before
    }
    let small = cost(100)
    #expect(cost(20_000) <= small + 10)
    #expect(small < 1000)
  }
}
