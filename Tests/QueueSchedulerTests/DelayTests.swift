import Primitives
import Testing

@testable import QueueScheduler

/// Whose senders are to be told of a delay, and when.
@Suite struct DelayTests {
  private func world() -> World {
    var settings = SchedulerSettings()
    settings.delayWarning = .seconds(3600)
    return World(settings: settings)
  }

  /// One attempt at all mail, which is put off.
  private func attempt(_ world: inout World, _ fate: World.Fate = .deferred) {
    world.scheduler.flushAll()
    while world.drain().count + world.inHand.count > 0 { world.answer(0, fate) }
  }

  @Test func delayedMailIsNamedOnce() {
    var world = world()
    let id = world.add("slow.test", age: .seconds(3599))
    attempt(&world)
    #expect(!world.scheduler.hasDelayed)
    world.now = world.now + .seconds(1)
    attempt(&world)
    #expect(world.scheduler.takeDelayed(limit: 10).map { world.id($0) } == [id])
    #expect(!world.scheduler.hasDelayed)
    world.now = world.now + .seconds(3600)
    attempt(&world)
    #expect(!world.scheduler.hasDelayed)
  }

  @Test func withoutATimeNothingIsNamed() {
    var world = World()
    world.add("slow.test", age: .seconds(86_400))
    attempt(&world)
    #expect(!world.scheduler.hasDelayed)
  }

  @Test func whatWaitsForADeadDestinationIsNamedToo() {
    var world = world()
    for _ in 0..<10 { world.add("dead.test") }
    world.drain()
    while !world.inHand.isEmpty {
      world.answer(0, .unreachable)
      world.drain()
    }
    #expect(!world.scheduler.hasDelayed)
    let attempts = world.deliveries
    let old = (0..<20).map { _ in world.add("dead.test", age: .seconds(7200)) }
    world.drain()
    #expect(world.deliveries == attempts)
    #expect(Set(world.scheduler.takeDelayed(limit: 15).map { world.id($0) }).count == 15)
    #expect(world.scheduler.takeDelayed(limit: 15).count == old.count - 15)
  }

  @Test func whatCouldNotBeToldIsNamedAgain() throws {
    var world = world()
    world.add("slow.test", age: .seconds(3600))
    attempt(&world)
    let ref = try #require(world.scheduler.takeDelayed(limit: 1).first)
    world.scheduler.delayReportFailed(ref)
    #expect(!world.scheduler.hasDelayed)
    world.now = world.now + .seconds(300)
    attempt(&world)
    #expect(world.scheduler.takeDelayed(limit: 1) == [ref])
  }

  @Test func restoredMailIsNamedUnlessItWasBefore() {
    var world = world()
    let new = world.restore(["slow.test"], age: .seconds(7200), nextAttempt: world.now)
    world.restore(
      ["slow.test"], age: .seconds(7200), nextAttempt: world.now, isDelayReported: true)
    world.restore(["slow.test"], age: .seconds(7200), nextAttempt: world.now, isNull: true)
    attempt(&world)
    #expect(world.scheduler.counts.deferred == 3)
    #expect(world.scheduler.takeDelayed(limit: 10).map { world.id($0) } == [new])
  }

  @Test func afterAJumpOfTheClockNothingIsNamed() {
    var world = world()
    world.scheduler.expirySuspendedUntil = world.now + .seconds(3600)
    world.add("slow.test", age: .seconds(7200))
    attempt(&world)
    #expect(!world.scheduler.hasDelayed)
    world.now = world.now + .seconds(3600)
    attempt(&world)
    #expect(world.scheduler.hasDelayed)
  }

  @Test func aMessageThatEndedCannotFailToBeTold() throws {
    var world = world()
    world.add("slow.test", age: .seconds(3600))
    attempt(&world)
    let ref = try #require(world.scheduler.takeDelayed(limit: 1).first)
    attempt(&world, .delivered)
    #expect(world.scheduler.messageCount == 0)
    world.scheduler.delayReportFailed(ref)
    world.add("slow.test", age: .seconds(3600))
    attempt(&world)
    #expect(world.scheduler.takeDelayed(limit: 10).count == 1)
  }
}
