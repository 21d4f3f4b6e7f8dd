import MailTypes
import Primitives
import Testing

@testable import QueueScheduler

/// Messages whose records are copied to another place.
@Suite struct MoveTests {
  private let elsewhere = MessagePlace(segment: 9, offset: 6400)

  /// A scheduler with one deferred message that is being moved.
  private func moving(_ world: inout World) throws -> (QueueID, MessageRef) {
    let id = world.restore(["a.test"], nextAttempt: world.now + .seconds(400))
    return (id, try begin(id, &world))
  }

  private func begin(_ id: QueueID, _ world: inout World) throws -> MessageRef {
    let ref = try #require(world.scheduler.find(id))
    let place = try #require(world.scheduler.summary(of: ref)?.place)
    let answer1 = world.scheduler.beginMove(ref, from: place)
    #expect(answer1)
    let answer2 = world.scheduler.beginMove(ref, from: place)
    #expect(!answer2)
    return ref
  }

  @Test func aMessageIsNotTriedWhileItIsMovedAndKeepsItsTime() throws {
    var world = World()
    let (id, ref) = try moving(&world)
    #expect(world.scheduler.counts.deferred == 1)
    world.now = world.now + .seconds(100)
    let answer3 = world.scheduler.endMove(ref, to: elsewhere, now: world.now)
    #expect(answer3 == nil)
    #expect(world.scheduler.summary(of: ref)?.place == elsewhere)
    #expect(world.drain().isEmpty)
    let again = try begin(id, &world)
    world.now = world.now + .seconds(10_000)
    #expect(world.drain().isEmpty)
    let answer4 = world.scheduler.endMove(again, to: nil, now: world.now)
    #expect(answer4 == nil)
    #expect(world.scheduler.summary(of: ref)?.place == elsewhere)
    #expect(world.drain().map(\.id) == [id])
  }

  @Test func mailInFlightIsNotMoved() throws {
    var world = World()
    let id = world.add("a.test")
    #expect(world.drain().count == 1)
    let ref = try #require(world.scheduler.find(id))
    let place = try #require(world.scheduler.summary(of: ref)?.place)
    let answer5 = world.scheduler.beginMove(ref, from: place)
    #expect(!answer5)
  }

  @Test func aMessageThatIsElsewhereOrGoneIsNotMoved() throws {
    var world = World()
    let id = world.restore(["a.test"], nextAttempt: world.now + .seconds(400))
    let ref = try #require(world.scheduler.find(id))
    let place = try #require(world.scheduler.summary(of: ref)?.place)
    let answer6 = world.scheduler.beginMove(ref, from: elsewhere)
    #expect(!answer6)
    guard case .done(ref, .deleted) = world.scheduler.delete(id, now: world.now) else {
      Issue.record("it was not in flight")
      return
    }
    let answer7 = world.scheduler.beginMove(ref, from: place)
    #expect(!answer7)
    world.scheduler.forget(ref)
    let answer8 = world.scheduler.beginMove(ref, from: place)
    #expect(!answer8)
  }

  @Test func ordersComeTrueWhenTheMoveIsOver() throws {
    var world = World()
    let (deleted, first) = try moving(&world)
    let answer9 = world.scheduler.delete(deleted, now: world.now)
    #expect(answer9 == .pending(first, inFlight: 0))
    let answer10 = world.scheduler.endMove(first, to: elsewhere, now: world.now)
    #expect(answer10 == .deleted)
    let (held, second) = try moving(&world)
    let answer11 = world.scheduler.hold(held, now: world.now)
    #expect(answer11 == .pending(second, inFlight: 0))
    let answer12 = world.scheduler.hold(held, now: world.now)
    #expect(answer12 == .unchanged)
    let answer13 = world.scheduler.endMove(second, to: elsewhere, now: world.now)
    #expect(answer13 == nil)
    #expect(world.scheduler.counts.hold == 1)
    let again = try begin(held, &world)
    #expect(world.scheduler.counts.hold == 0)
    let answer14 = world.scheduler.release(held)
    #expect(answer14 == .done(again, .requeued))
    let answer15 = world.scheduler.endMove(again, to: nil, now: world.now)
    #expect(answer15 == nil)
    #expect(world.drain().map(\.id) == [held])
  }

  @Test func aFlushReachesMailThatIsMoved() throws {
    var world = World()
    let (one, first) = try moving(&world)
    let (other, second) = try moving(&world)
    let answer16 = world.scheduler.flush(one)
    #expect(answer16 == .done(first, .requeued))
    let answer17 = world.scheduler.endMove(first, to: elsewhere, now: world.now)
    #expect(answer17 == nil)
    #expect(world.drain().map(\.id) == [one])
    world.scheduler.flushAll()
    let answer18 = world.scheduler.endMove(second, to: elsewhere, now: world.now)
    #expect(answer18 == nil)
    #expect(world.drain().map(\.id) == [other])
  }
}
