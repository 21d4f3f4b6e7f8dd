import Primitives
import Testing

@testable import QueueScheduler

@Suite struct DeliveryTests {
  @Test func aMessageGoesOutAtOnceAndIsForgottenWhenItIsDelivered() {
    var world = World()
    let id = world.add("a.test")
    let given = world.drain()
    #expect(given.map(\.id) == [id])
    world.answer(0, .delivered)
    #expect(world.ended[id] == .finished)
    #expect(world.scheduler.messageCount == 0)
    #expect(world.scheduler.nextWake(now: world.now) == nil)
  }

  @Test func recipientsOfADestinationTravelTogetherUpToTheLimit() {
    var limits = TransportLimits()
    limits.recipientLimit = 2
    var world = World(limits: limits)
    world.add("a.test", "b.test", "a.test", "b.test", "a.test")
    let sets = world.drain().map { world.indices($0) }
    #expect(Set(sets) == [[0, 2], [4], [1, 3]])
  }

  @Test(arguments: [0, 50]) func recipientsOfADeliveryFitARequest(limit: Int) {
    var limits = TransportLimits()
    limits.recipientLimit = limit
    limits.initialConcurrency = 20
    var settings = SchedulerSettings()
    settings.deliverySizeMax = 10_000
    settings.deliveryRecipientsMax = 30
    for (size, expected) in [(100, 30), (1000, 10), (3000, 3), (20_000, 1)] {
      var world = World(settings: settings, limits: limits)
      let message = world.describe(Array(repeating: "a.test", count: 60))
      var routed = world.routes(message.id)
      // One long address is enough: the limit is the message's.
      routed[30].size = UInt32(size)
      _ = world.scheduler.add(message, routed: routed, now: world.now)
      guard case .deliver(let delivery)? = world.scheduler.nextOrder(now: world.now) else {
        Issue.record("nothing is delivered")
        return
      }
      #expect(delivery.recipients.count == expected)
    }
  }

  @Test func aDestinationNeverHasMoreDeliveriesThanItsConcurrency() {
    var world = World()
    for _ in 0..<100 { world.add("a.test") }
    #expect(world.drain().count == 5)
    world.answer(0, .delivered)
    // One place is free and the concurrency has grown by one.
    #expect(world.drain().count == 2)
    for _ in 0..<60 {
      world.answer(0, .delivered)
      world.drain()
    }
    #expect(world.inHand.count == 20)
  }

  @Test func deferredMailIsTriedAgainWhenItIsAsOldAgain() {
    var settings = SchedulerSettings()
    settings.queueRunDelay = .seconds(1)
    var world = World(settings: settings)
    let id = world.add(["a.test"], age: .seconds(1000))
    let start = world.now
    world.drain()
    world.answer(0, .deferred)
    #expect(world.ended[id] == .deferred(until: start + .seconds(1000)))
    #expect(world.scheduler.nextWake(now: world.now) == start + .seconds(1000))
    #expect(world.drain().isEmpty)
    world.now = start + .seconds(1000)
    #expect(world.drain().map(\.id) == [id])
  }

  @Test(arguments: [(10, 300), (300, 300), (2000, 2000), (9000, 4000)])
  func backOffIsTheAgeWithinBounds(age: Int, delay: Int) {
    let now = MonotonicTime(nanoseconds: 0)
    let arrival = now + .seconds(-age)
    let next = SchedulerSettings().nextAttempt(arrival: arrival, now: now)
    #expect(next == now + .seconds(delay))
  }

  @Test func retriesWaitForTheNextQueueRun() {
    var world = World()
    let start = world.now
    world.now = start + .seconds(10)
    let id = world.add("a.test")
    world.drain()
    world.answer(0, .deferred)
    // Due after 310 s; runs are each 300 s.
    #expect(world.ended[id] == .deferred(until: start + .seconds(600)))
  }

  @Test func aMessageExpiresOnlyAfterAFailedAttempt() {
    var world = World()
    let id = world.restore(["a.test"], age: .seconds(6 * 86_400), nextAttempt: world.now)
    #expect(world.drain().map(\.id) == [id])
    world.answer(0, .deferred)
    #expect(world.ended[id] == .expired)
    #expect(world.scheduler.messageCount == 0)
  }

  @Test func noMailExpiresWhileExpiryIsSuspended() {
    var world = World()
    world.scheduler.expirySuspendedUntil = world.now + .seconds(3600)
    let id = world.restore(["a.test"], age: .seconds(6 * 86_400), nextAttempt: world.now)
    world.drain()
    world.answer(0, .deferred)
    #expect(world.ended[id] != .expired)
  }

  @Test func bouncesHaveTheirOwnLifetime() {
    var settings = SchedulerSettings()
    settings.bounceLifetime = .seconds(100)
    let now = MonotonicTime(nanoseconds: 0)
    let arrival = now + .seconds(-100)
    #expect(settings.isOverdue(arrival: arrival, fromNullSender: true, now: now))
    #expect(!settings.isOverdue(arrival: arrival, fromNullSender: false, now: now))
  }

  @Test func storedTimesAreBroughtIntoTheRangeOfThisRun() {
    var world = World()
    let far = world.restore(["a.test"], nextAttempt: world.now + .seconds(1_000_000))
    let past = world.restore(["b.test"], nextAttempt: world.now + .seconds(-1_000_000))
    #expect(world.drain().map(\.id) == [past])
    world.answer(0, .delivered)
    world.now = world.now + .seconds(4200)
    #expect(world.drain().map(\.id) == [far])
  }

  @Test func whatNobodyTriedGoesOutAgainAtOnce() {
    var world = World()
    let id = world.add("a.test")
    world.drain()
    world.answer(0, .returned)
    #expect(world.ended[id] == .requeued)
    #expect(world.drain().map(\.id) == [id])
  }

  @Test func aReportOfAnUnknownDeliveryIsIgnored() {
    var world = World()
    world.add("a.test")
    let number = world.drain()[0].number
    world.answer(0, .delivered)
    let again = world.scheduler.report(
      number, DeliveryTally(delivered: 1), connectionFailed: false, now: world.now)
    #expect(again == nil)
  }

  @Test func recipientsThatAReportLeavesOutAreDeferred() {
    var world = World()
    let id = world.add("a.test", "a.test", "a.test")
    let number = world.drain()[0].number
    let result = world.scheduler.report(
      number, DeliveryTally(delivered: 1, failed: 1), connectionFailed: false, now: world.now)
    guard case .deferred = result?.end else {
      Issue.record("\(id) should wait for its third recipient")
      return
    }
    #expect(world.scheduler.find(id).map { world.scheduler.summary(of: $0)?.recipientsLeft } == 1)
  }

  @Test func whatCouldNotBeWrittenDownIsPutBack() {
    var world = World()
    world.add("a.test")
    let delivery = world.drain()[0]
    let result = world.scheduler.report(
      delivery.number, DeliveryTally(failed: 1), connectionFailed: false, now: world.now)
    #expect(result?.end == .finished)
    let until = world.scheduler.putBack(delivery.message, recipients: 1, now: world.now)
    #expect(until != nil)
    if let until { world.now = until }
    world.messages[delivery.id]?.inFlight = []
    #expect(world.drain().map(\.id) == [delivery.id])
  }

  @Test func aKnownIDIsRefused() {
    var world = World()
    let message = world.describe(["a.test"])
    #expect(
      world.scheduler.restore(message, nextAttempt: nil, isHeld: false, now: world.now) != nil)
    #expect(
      world.scheduler.restore(message, nextAttempt: nil, isHeld: false, now: world.now) == nil)
  }
}
