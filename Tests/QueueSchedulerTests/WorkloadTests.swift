import MailTypes
import Primitives
import Testing

@testable import QueueScheduler

/// Random workloads against the checks of `World`: nothing is delivered twice or for the wrong
/// destination, no limit is exceeded; and once the trouble ends, nothing is left over.
@Suite struct WorkloadTests {
  @Test(arguments: 1...60)
  func nothingIsLostAndNoLimitExceeded(seed: Int) {
    var run = Workload(seed: UInt64(seed))
    run.trouble(steps: 1500)
    run.calm()
    #expect(run.world.messages.isEmpty)
    #expect(run.world.scheduler.messageCount == 0)
    #expect(run.world.scheduler.counts == QueueCounts())
    #expect(run.world.scheduler.active.inUse == 0)
    #expect(run.world.scheduler.parcels.inUse == 0)
    #expect(run.world.scheduler.flights.inUse == 0)
    let destinations = run.world.scheduler.destinations
    #expect(destinations.indices.allSatisfy { destinations[$0].users == 0 })
    #expect(destinations.indices.allSatisfy { destinations[$0].busy == 0 })
    #expect(destinations.indices.allSatisfy { destinations[$0].inWindow == 0 })
    #expect(destinations.indices.allSatisfy { destinations[$0].homeBusy == 0 })
  }
}

private struct Workload {
  var random: Seeded
  var world: World
  var known: [QueueID] = []

  init(seed: UInt64) {
    random = Seeded(state: seed)
    var settings = SchedulerSettings()
    settings.activeLimit = [4, 20, 100][Int(seed % 3)]
    settings.loadsLimit = [1, 4, 50][Int(seed / 3 % 3)]
    settings.queueRunDelay = .seconds([1, 100, 300][Int(seed / 9 % 3)])
    settings.lifetime = .seconds(86_400)
    settings.idleDestinationsMax = 3
    var limits = TransportLimits()
    limits.recipientLimit = [1, 2, 50][Int(seed / 2 % 3)]
    limits.concurrencyLimit = [1, 3, 20][Int(seed / 5 % 3)]
    world = World(
      settings: settings, limits: limits, processes: Int(seed % 4) + 1, credit: Int(seed % 7) + 2)
  }

  private mutating func pick(_ count: Int) -> Int { Int.random(in: 0..<count, using: &random) }

  /// Destinations 0 to 9: the first three die often, the next three defer.
  private mutating func fate(of destination: String) -> World.Fate {
    let dice = pick(10)
    switch destination.utf8.last.map({ Int($0) - 48 }) ?? 0 {
    case 0...2: return dice < 8 ? .unreachable : .delivered
    case 3...5: return dice < 4 ? .deferred : dice == 9 ? .failed : .delivered
    default: return dice == 0 ? .returned : .delivered
    }
  }

  mutating func trouble(steps: Int) {
    for _ in 0..<steps {
      switch pick(100) {
      case 0..<25: arrive()
      case 25..<30: known.append(world.restore(recipients(), nextAttempt: time()))
      case 30..<65: answer()
      case 65..<80: if !world.loading.isEmpty { world.answerLoad(pick(world.loading.count)) }
      case 80..<83: world.now = world.now + .milliseconds(pick(2_000_000))
      case 83..<84: _ = world.sleepUntilWake()
      case 84..<86: kill()
      case 86..<94: order()
      case 94: reload()
      default: break
      }
      world.drain(holdsLoads: true, limit: pick(20))
    }
  }

  private mutating func recipients() -> [String] {
    (0...(pick(4) == 0 ? pick(12) : 0)).map { _ in "d\(pick(10))" }
  }

  private mutating func time() -> MonotonicTime? {
    pick(2) == 0 ? nil : world.now + .seconds(pick(3000))
  }

  private mutating func arrive() {
    known.append(world.add(recipients(), age: .seconds(pick(20) == 0 ? 100_000 : 0)))
  }

  private mutating func answer() {
    guard !world.inHand.isEmpty else { return }
    let at = pick(world.inHand.count)
    world.answer(at, fate(of: world.name(world.inHand[at].delivery.destination)))
  }

  private mutating func kill() {
    let all = world.processes.keys.sorted { $0.value < $1.value }
    guard !all.isEmpty else { return }
    let process = all[pick(all.count)]
    let credit = world.processes[process] ?? 1
    world.kill(process)
    world.addProcess(credit: credit)
  }

  /// Another configuration: processes leave and come, and mail is routed anew.
  private mutating func reload() {
    for process in world.processes.keys.sorted(by: { $0.value < $1.value }) {
      world.setLeaving(pick(2) == 0, process)
    }
    world.scheduler.apply(world.scheduler.settings, now: world.now)
    for run in world.scheduler.reroute(now: world.now) { world.settle(run.message, run.end) }
  }

  private mutating func order() {
    guard !known.isEmpty else { return }
    let id = known[pick(known.count)]
    var answer = OrderAnswer.unchanged
    switch pick(7) {
    case 0: answer = world.scheduler.hold(id, now: world.now)
    case 1: answer = pick(4) == 0 ? world.scheduler.delete(id, now: world.now) : .unchanged
    case 2, 3: answer = world.scheduler.release(id)
    case 4:
      answer =
        pick(8) == 0
        ? world.scheduler.requeue(id, now: world.now) : world.scheduler.flush(id)
    case 5: answer = pick(4) == 0 ? world.scheduler.expire(id) : .unchanged
    default:
      if pick(4) == 0 {
        world.scheduler.flushAll()
      } else {
        let wanted = world.destination("d\(pick(10))")
        world.scheduler.flush { $0 == wanted }
      }
    }
    if case .done(let ref, let end) = answer, [.deleted, .finished, .replacing].contains(end) {
      world.settle(ref, end)
    }
  }

  /// No more trouble: everything must go out.
  mutating func calm() {
    for process in world.processes.keys { world.setLeaving(false, process) }
    for _ in 0..<2000 {
      for id in world.messages.keys { _ = world.scheduler.release(id) }
      world.drain(holdsLoads: true)
      while !world.loading.isEmpty || !world.inHand.isEmpty {
        if !world.loading.isEmpty { world.answerLoad(0) }
        if !world.inHand.isEmpty { world.answer(0, .delivered) }
        world.drain(holdsLoads: true)
      }
      if world.messages.isEmpty { break }
      guard world.sleepUntilWake() else { continue }
    }
  }
}
