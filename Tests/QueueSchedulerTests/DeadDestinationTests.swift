import Primitives
import Testing

@testable import QueueScheduler

@Suite struct DeadDestinationTests {
  /// A world in which a destination has just died of four failed connections.
  private func deadWorld(mail: Int = 10) -> World {
    var world = World()
    for _ in 0..<mail { world.add("dead.test") }
    world.drain()
    for _ in 0..<4 { world.answer(0, .unreachable) }
    return world
  }

  @Test func theReportSaysThatADestinationDiedAndUntilWhen() {
    var world = World()
    for _ in 0..<5 { world.add("dead.test") }
    world.drain()
    for _ in 0..<3 { #expect(world.answer(0, .unreachable)?.change == nil) }
    let until = world.now + .seconds(300)
    #expect(world.answer(0, .unreachable)?.change == .died(until: until))
    let destination = world.destination("dead.test")
    #expect(world.scheduler.deathEnd(of: destination) == until)
  }

  @Test func mailForADeadDestinationLeavesTheWindow() {
    var world = deadWorld()
    #expect(world.drain().isEmpty)
    #expect(world.scheduler.active.inUse == 1)
    world.answer(0, .unreachable)
    #expect(world.scheduler.active.inUse == 0)
    #expect(world.scheduler.counts.deferred == 10)
  }

  @Test func newMailForADeadDestinationNeverEntersTheWindow() {
    var world = deadWorld(mail: 5)
    world.drain()
    let id = world.add("dead.test")
    guard case .deferred(let until) = world.ended[id] else {
      Issue.record("it should wait")
      return
    }
    #expect(until >= world.now + .seconds(300))
  }

  @Test func mailThatWaitedOutsideTheWindowIsPutAwayToo() {
    var settings = SchedulerSettings()
    settings.activeLimit = 8
    var world = World(settings: settings)
    for _ in 0..<100 { world.add("dead.test") }
    world.drain()
    var answers = 0
    while !world.inHand.isEmpty {
      world.answer(0, .unreachable)
      answers += 1
      world.drain()
    }
    #expect(answers < 10)
    #expect(world.scheduler.counts.deferred == 100)
  }

  @Test func mailFlowsAgainAfterTheBackOff() {
    var world = deadWorld()
    world.answer(0, .unreachable)
    world.drain()
    while world.scheduler.messageCount > 0, world.sleepUntilWake() {
      world.drain()
      while !world.inHand.isEmpty {
        world.answer(0, .delivered)
        world.drain()
      }
    }
    #expect(world.delivered == 10)
  }

  @Test func aSuccessThatWasUnderWayEndsADeathAtOnce() {
    var world = deadWorld()
    let result = world.answer(0, .delivered)
    #expect(result?.change == .revived)
    #expect(world.scheduler.deathEnd(of: world.destination("dead.test")) == nil)
    let id = world.add("dead.test")
    #expect(world.ended[id] == nil)
    #expect(world.drain().count == 5)
  }

  @Test func otherRecipientsOfAMessageDoNotWait() {
    var world = deadWorld(mail: 5)
    world.answer(0, .unreachable)
    let id = world.add("alive.test", "dead.test")
    #expect(world.drain().map { world.indices($0) } == [[0]])
    world.answer(0, .delivered)
    guard case .deferred = world.ended[id] else {
      Issue.record("the second recipient should wait")
      return
    }
  }

  @Test func attemptsThatKilledADestinationCountForAllItsMail() {
    var settings = SchedulerSettings()
    settings.lifetime = .seconds(1000)
    var world = World(settings: settings)
    let old = (0..<50).map { _ in
      world.restore(["dead.test"], age: .seconds(2000), nextAttempt: world.now)
    }
    while world.drain().count + world.inHand.count > 0 { world.answer(0, .unreachable) }
    #expect(old.allSatisfy { world.ended[$0] == .expired })
  }

  @Test func mailThatWasNotPutAwayYetFlowsOnAfterASuccess() {
    var settings = SchedulerSettings()
    settings.activeLimit = 20
    var world = World(settings: settings)
    for _ in 0..<2000 { world.add("dead.test") }
    world.drain()
    for _ in 0..<4 { world.answer(0, .unreachable) }
    for _ in 0..<3 {
      guard case .ended(let run) = world.scheduler.nextOrder(now: world.now) else { break }
      world.settle(run.message, run.end)
    }
    #expect(world.answer(0, .delivered)?.change == .revived)
    world.drain()
    while !world.inHand.isEmpty {
      world.answer(0, .delivered)
      world.drain()
    }
    #expect(world.delivered > 1500)
    #expect(world.delivered + world.scheduler.counts.deferred == 2000)
  }

  @Test func puttingAwayIsDoneInSlices() {
    var world = deadWorld(mail: 5000)
    let before = world.scheduler.steps
    let order = world.scheduler.nextOrder(now: world.now)
    if case .ended(let run) = order { world.settle(run.message, run.end) }
    #expect(world.scheduler.steps - before < 600)
    #expect(world.scheduler.nextWake(now: world.now) == world.now)
    world.drain()
    #expect(world.scheduler.nextWake(now: world.now) != world.now)
  }

  @Test func deadDestinationsKeepTheirNumbers() {
    var settings = SchedulerSettings()
    settings.idleDestinationsMax = 2
    var world = World(settings: settings)
    for name in 0..<100 {
      world.add("d\(name).test")
      world.drain()
      world.answer(0, .delivered)
    }
    world.drain()
    #expect(world.scheduler.destinations.namedCount <= 4)
  }
}
