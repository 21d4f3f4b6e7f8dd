import MailTypes
import Primitives
import Testing

@testable import QueueScheduler

/// Messages whose records are copied to another place.
@Suite struct MoveTests {
  private let elsewhere = MessagePlace(segment: 9, offset: 6400)

  /// Whether a message that is where it was is taken out.
  private func begin(_ ref: MessageRef, _ world: inout World) -> Bool {
    guard let place = world.scheduler.summary(of: ref)?.place else { return false }
    return world.scheduler.beginMove(ref, from: place)
  }

  /// A deferred message that is being moved.
  private func moving(_ world: inout World) throws -> (QueueID, MessageRef) {
    let id = world.restore(["a.test"], nextAttempt: world.now + .seconds(400))
    let ref = try #require(world.scheduler.find(id))
    let began = begin(ref, &world)
    #expect(began)
    return (id, ref)
  }

  /// Ends a move.
  private func end(_ ref: MessageRef, at place: MessagePlace?, _ world: inout World) {
    world.scheduler.endMove(ref, to: place, now: world.now)
  }

  @Test func aMessageIsNotTriedWhileItIsMovedAndKeepsItsTime() throws {
    var world = World()
    let (id, ref) = try moving(&world)
    #expect(world.scheduler.counts.deferred == 1)
    let beganTwice = begin(ref, &world)
    #expect(!beganTwice)
    world.now = world.now + .seconds(100)
    end(ref, at: elsewhere, &world)
    #expect(world.scheduler.summary(of: ref)?.place == elsewhere)
    #expect(world.drain().isEmpty)
    let beganAgain = begin(ref, &world)
    #expect(beganAgain)
    world.now = world.now + .seconds(10_000)
    #expect(world.drain().isEmpty)
    end(ref, at: nil, &world)
    #expect(world.scheduler.summary(of: ref)?.place == elsewhere)
    #expect(world.drain().map(\.id) == [id])
  }

  @Test func mailInFlightIsNotMoved() throws {
    var world = World()
    let id = world.add("a.test")
    #expect(world.drain().count == 1)
    let began = begin(try #require(world.scheduler.find(id)), &world)
    #expect(!began)
  }

  @Test func aMessageThatIsElsewhereOrGoneIsNotMoved() throws {
    var world = World()
    let id = world.restore(["a.test"], nextAttempt: world.now + .seconds(400))
    let ref = try #require(world.scheduler.find(id))
    let place = try #require(world.scheduler.summary(of: ref)?.place)
    let beganElsewhere = world.scheduler.beginMove(ref, from: elsewhere)
    #expect(!beganElsewhere)
    guard case .done(ref, .deleted) = world.scheduler.delete(id, now: world.now) else {
      Issue.record("it was not in flight")
      return
    }
    let beganAtItsEnd = begin(ref, &world)
    #expect(!beganAtItsEnd)
    world.scheduler.forget(ref)
    let beganBehindItsEnd = world.scheduler.beginMove(ref, from: place)
    #expect(!beganBehindItsEnd)
  }

  @Test func ordersWaitUntilAMessageHasBeenMoved() throws {
    var world = World()
    let (id, ref) = try moving(&world)
    #expect(world.scheduler.isMoving(id))
    let early = [
      world.scheduler.delete(id, now: world.now), world.scheduler.hold(id, now: world.now),
      world.scheduler.requeue(id, now: world.now), world.scheduler.expire(id),
    ]
    #expect(early.allSatisfy { $0 == .tooLate })
    end(ref, at: elsewhere, &world)
    #expect(!world.scheduler.isMoving(id))
    let held = world.scheduler.hold(id, now: world.now)
    #expect(held == .done(ref, .held(afterDeaths: false)))
  }

  @Test func heldMailStaysHeldWhenItIsMoved() throws {
    var world = World()
    let (id, ref) = try moving(&world)
    end(ref, at: nil, &world)
    _ = world.scheduler.hold(id, now: world.now)
    let began = begin(ref, &world)
    #expect(began)
    let released = world.scheduler.release(id)
    #expect(released == .unchanged)
    end(ref, at: elsewhere, &world)
    #expect(world.scheduler.counts.hold == 1)
    let releasedNow = world.scheduler.release(id)
    #expect(releasedNow == .done(ref, .requeued))
    #expect(world.drain().map(\.id) == [id])
  }

  @Test func aFlushReachesMailThatIsMoved() throws {
    var world = World()
    let (one, first) = try moving(&world)
    let (other, second) = try moving(&world)
    let answer = world.scheduler.flush(one)
    #expect(answer == .done(first, .requeued))
    end(first, at: elsewhere, &world)
    #expect(world.drain().map(\.id) == [one])
    world.scheduler.flushAll()
    end(second, at: elsewhere, &world)
    #expect(world.drain().map(\.id) == [other])
  }
}
