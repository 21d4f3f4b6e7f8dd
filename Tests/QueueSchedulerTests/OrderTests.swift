import MailTypes
import Primitives
import Testing

@testable import QueueScheduler

@Suite struct OrderTests {
  private let nobody = QueueID(microseconds: 99, sequence: 99)

  @Test func ordersOnUnknownMessagesSaySo() {
    var world = World()
    let answers = [
      world.scheduler.hold(nobody, now: world.now), world.scheduler.delete(nobody, now: world.now),
      world.scheduler.release(nobody), world.scheduler.flush(nobody),
      world.scheduler.expire(nobody),
    ]
    #expect(answers.allSatisfy { $0 == .unknown })
  }

  @Test func aHeldMessageGoesNowhereUntilItIsReleased() {
    var world = World()
    let id = world.restore(["a.test"], nextAttempt: world.now + .seconds(400))
    guard case .done(_, .held(afterDeaths: false)) = world.scheduler.hold(id, now: world.now) else {
      Issue.record("it was not in flight")
      return
    }
    #expect(world.scheduler.hold(id, now: world.now) == .unchanged)
    world.now = world.now + .seconds(10_000)
    #expect(world.drain().isEmpty)
    #expect(world.scheduler.counts.hold == 1)
    _ = world.scheduler.release(id)
    #expect(world.drain().map(\.id) == [id])
  }

  @Test func holdingMailInFlightWaitsForItsResults() {
    var limits = TransportLimits()
    limits.recipientLimit = 1
    limits.initialConcurrency = 1
    var world = World(limits: limits)
    let id = world.add("a.test", "a.test")
    #expect(world.drain().count == 1)
    guard case .pending(_, inFlight: 1) = world.scheduler.hold(id, now: world.now) else {
      Issue.record("one delivery is in flight")
      return
    }
    #expect(world.drain().isEmpty)
    world.answer(0, .delivered)
    #expect(world.ended[id] == .held(afterDeaths: false))
    _ = world.scheduler.release(id)
    #expect(world.drain().map { world.indices($0) } == [[1]])
  }

  @Test func aHoldThatHasNotComeTrueCanBeTakenBack() {
    var world = World()
    let id = world.add("a.test", "b.test")
    world.drain(limit: 1)
    _ = world.scheduler.hold(id, now: world.now)
    guard case .pending = world.scheduler.release(id) else {
      Issue.record("the hold waits for a result")
      return
    }
    world.answer(0, .delivered)
    #expect(world.ended[id] == .requeued)
    #expect(world.drain().count == 1)
  }

  @Test func deletedMailIsGone() {
    var world = World()
    let waiting = world.restore(["a.test"], nextAttempt: world.now + .seconds(400))
    let flying = world.add("a.test")
    world.drain()
    guard case .done(let ref, .deleted) = world.scheduler.delete(waiting, now: world.now) else {
      Issue.record("it was waiting")
      return
    }
    #expect(world.scheduler.delete(waiting, now: world.now) == .tooLate)
    world.settle(ref, .deleted)
    _ = world.scheduler.delete(flying, now: world.now)
    world.answer(0, .deferred)
    #expect(world.ended[flying] == .deleted)
    #expect(world.scheduler.messageCount == 0)
  }

  @Test func deletingMailThatIsBeingReadWaitsForTheRecord() {
    var world = World()
    let id = world.restore(["a.test"], nextAttempt: nil)
    world.drain(holdsLoads: true)
    guard case .pending(_, inFlight: 0) = world.scheduler.delete(id, now: world.now) else {
      Issue.record("its record is being read")
      return
    }
    world.answerLoad(0)
    #expect(world.ended[id] == .deleted)
  }

  @Test func aRecordThatCannotBeReadIsReadAgainLater() {
    var world = World()
    let id = world.restore(["a.test"], nextAttempt: nil)
    world.drain(holdsLoads: true)
    let ref = world.loading.removeFirst()
    guard case .deferred = world.scheduler.loadFailed(ref, now: world.now) else {
      Issue.record("it should wait")
      return
    }
    let hasWake = world.sleepUntilWake()
    #expect(hasWake)
    #expect(world.drain().map(\.id) == [id])
  }

  @Test func flushingOneMessageTriesItNowThoughItsDestinationIsDead() {
    var world = World()
    for _ in 0..<4 { world.add("dead.test") }
    world.drain()
    for _ in 0..<4 { world.answer(0, .unreachable) }
    let id = world.add("dead.test")
    #expect(world.drain().isEmpty)
    _ = world.scheduler.flush(id)
    #expect(world.drain().map(\.id) == [id])
  }

  @Test func flushingAllTriesEachDeferredMessageOnce() {
    var world = World(credit: 10_000)
    for at in 0..<1000 {
      world.restore(["d\(at).test"], nextAttempt: world.now + .seconds(1 + at * 4))
    }
    world.scheduler.flushAll()
    while world.drain().count + world.inHand.count > 0 { world.answer(0, .deferred) }
    #expect(world.deliveries == 1000)
    #expect(world.scheduler.counts.deferred == 1000)
  }

  @Test func flushingASiteTriesOnlyWhatMayBeForIt() {
    var world = World()
    let wanted = world.add("a.test")
    world.add("b.test")
    let several = world.add("b.test", "c.test")
    world.drain()
    while !world.inHand.isEmpty { world.answer(0, .deferred) }
    let name = Array("a.test".utf8)
    let hop = world.destination("a.test")
    #expect(world.scheduler.nextHop(of: hop) == name)
    world.scheduler.flush { $0 == hop }
    #expect(Set(world.drain().map(\.id)) == [wanted, several])
  }

  @Test func forcedExpiryReturnsMailWithoutAnAttempt() {
    var world = World()
    let id = world.restore(["a.test"], nextAttempt: world.now + .seconds(400))
    let held = world.restore(["a.test"], nextAttempt: nil, isHeld: true)
    _ = world.scheduler.expire(id)
    guard case .done(let ref, .held) = world.scheduler.expire(held) else {
      Issue.record("it is on hold")
      return
    }
    #expect(world.scheduler.expire(held) == .unchanged)
    #expect(world.scheduler.summary(of: ref)?.isToExpire == true)
    #expect(world.drain().isEmpty)
    #expect(world.ended[id] == .expired)
    #expect(world.ended[held] == nil)
    _ = world.scheduler.release(held)
    world.drain()
    #expect(world.ended[held] == .expired)
  }

  @Test func forcedExpiryOfMailInFlightLetsASuccessStand() {
    var world = World()
    let good = world.add("a.test")
    let bad = world.add("b.test")
    world.drain()
    _ = world.scheduler.expire(good)
    _ = world.scheduler.expire(bad)
    world.answer(0, .delivered)
    world.answer(0, .deferred)
    #expect(world.ended[good] == .finished)
    #expect(world.ended[bad] == .expired)
  }

  @Test func requeuingTakesMailFromWhereverItIs() {
    var world = World()
    let waiting = world.restore(["a.test"], nextAttempt: world.now + .seconds(400))
    let held = world.restore(["a.test"], nextAttempt: nil, isHeld: true)
    let flying = world.add("a.test")
    world.drain()
    for id in [waiting, held] {
      guard case .done(let ref, .replacing) = world.scheduler.requeue(id, now: world.now) else {
        Issue.record("nothing of it is in flight")
        return
      }
      world.settle(ref, .replacing)
    }
    guard case .pending(_, inFlight: 1) = world.scheduler.requeue(flying, now: world.now) else {
      Issue.record("it is in flight")
      return
    }
    #expect(world.scheduler.requeue(flying, now: world.now) == .unchanged)
    world.answer(0, .deferred)
    #expect(world.ended[flying] == .replacing)
    #expect(world.scheduler.messageCount == 0)
  }

  @Test func aRequeueThatCouldNotBeWrittenComesAgain() {
    var world = World()
    let id = world.restore(["a.test"], nextAttempt: world.now + .seconds(400))
    guard case .done(let ref, .replacing) = world.scheduler.requeue(id, now: world.now) else {
      Issue.record("nothing of it is in flight")
      return
    }
    _ = world.scheduler.putBack(ref, recipients: 0, now: world.now)
    #expect(world.drain().isEmpty)
    let hasWake = world.sleepUntilWake()
    #expect(hasWake)
    #expect(world.drain().isEmpty)
    #expect(world.ended[id] == .replacing)
  }

  @Test func ordersOfAnEarlierRunComeTrue() {
    var world = World()
    let later = world.now + .seconds(4000)
    let expiring = world.restore(["a.test"], nextAttempt: later, orders: .expire)
    let requeued = world.restore(["a.test"], nextAttempt: later, isHeld: true, orders: .requeue)
    let heldExpiring = world.restore(
      ["a.test"], nextAttempt: later, isHeld: true, orders: .expire)
    #expect(world.drain().isEmpty)
    #expect(world.ended[expiring] == .expired)
    #expect(world.ended[requeued] == .replacing)
    #expect(world.ended[heldExpiring] == nil)
    #expect(world.scheduler.counts.hold == 1)
  }

  @Test func newSettingsReachMailThatWaits() {
    var world = World()
    let id = world.restore(["a.test"], nextAttempt: world.now + .seconds(3000))
    var settings = SchedulerSettings()
    settings.backoffMax = .seconds(600)
    settings.queueRunDelay = .seconds(1)
    world.scheduler.apply(settings, now: world.now)
    world.now = world.now + .seconds(601)
    #expect(world.drain().map(\.id) == [id])
  }

  @Test func newLimitsBendTheConcurrency() {
    var world = World()
    for _ in 0..<20 { world.add("a.test") }
    #expect(world.drain().count == 5)
    var limits = TransportLimits()
    limits.concurrencyLimit = 2
    _ = world.scheduler.declareTransport(
      Array("smtp".utf8), limits: limits, agents: world.agents)
    for _ in 0..<4 { world.answer(0, .deferred) }
    #expect(world.drain().count == 1)
  }

  @Test func theListingShowsEveryMessageOnceInSlices() {
    var world = World(credit: 1)
    var ids: Set<QueueID> = []
    for at in 0..<10 { ids.insert(world.add("d\(at).test")) }
    for _ in 0..<10 { ids.insert(world.restore(["x"], nextAttempt: world.now + .seconds(9))) }
    ids.insert(world.restore(["x"], nextAttempt: nil, isHeld: true))
    var seen: [MessageSummary] = []
    var cursor: UInt32? = 0
    while let at = cursor { cursor = world.scheduler.list(from: at, limit: 4, into: &seen) }
    #expect(seen.count == 21 && Set(seen.map(\.id)) == ids)
    #expect(seen.filter { $0.queue == .hold }.count == 1)
    #expect(seen.filter { $0.queue == .deferred && $0.nextAttempt != nil }.count == 10)
    let counts = world.scheduler.counts
    #expect(counts == QueueCounts(incoming: 0, active: 10, deferred: 10, hold: 1))
  }
}
