import MailTypes
import Primitives
import Testing

@testable import QueueScheduler

@Suite struct ProcessTests {
  @Test func aProcessGetsNoMoreThanItsCredit() {
    var world = World(credit: 3)
    for name in 0..<10 { world.add("d\(name).test") }
    #expect(world.drain().count == 3)
    world.answer(0, .delivered)
    #expect(world.drain().count == 1)
  }

  @Test func nothingIsLostWithoutAProcess() {
    var world = World(processes: 0)
    let id = world.add("a.test")
    #expect(world.drain().isEmpty)
    world.addProcess()
    #expect(world.drain().map(\.id) == [id])
  }

  @Test func aDestinationSticksToOneProcessUntilItIsBusyThere() {
    var limits = TransportLimits()
    limits.initialConcurrency = 30
    limits.concurrencyLimit = 30
    var world = World(limits: limits, processes: 3)
    for _ in 0..<30 { world.add("a.test") }
    let given = world.drain()
    let home = given[0].process
    #expect(given[..<20].allSatisfy { $0.process == home })
    #expect(given[20...].allSatisfy { $0.process != home })
  }

  @Test func destinationsSpreadOverProcesses() {
    var world = World(processes: 2)
    for name in 0..<10 { world.add("d\(name).test") }
    let given = world.drain()
    #expect(Set(given.map(\.process)).count == 2)
  }

  @Test func aLeavingProcessGetsNothingMore() {
    var world = World(processes: 2, credit: 50)
    for name in 0..<10 { world.add("d\(name).test") }
    let leaving = world.drain()[0].process
    world.scheduler.setCredit(0, of: leaving)
    for name in 0..<20 { world.add("e\(name).test") }
    #expect(world.drain().allSatisfy { $0.process != leaving })
  }

  @Test func whatADeadProcessHadComesBackLaterAndAlone() {
    var world = World(processes: 2)
    let ids = (0..<4).map { _ in world.add("a.test") }
    let process = world.drain()[0].process
    let start = world.now
    world.kill(process)
    for id in ids {
      guard case .deferred(let until) = world.ended[id] else {
        Issue.record("it should wait")
        return
      }
      #expect(until >= start + .seconds(300))
    }
    world.addProcess()
    #expect(world.drain().isEmpty)
    world.now = start + .seconds(600)
    // Alone: one suspect at a time, while other mail flows in the other process.
    #expect(world.drain().count == 1)
    let other = world.add("b.test")
    #expect(world.drain().map(\.id) == [other])
    while !world.inHand.isEmpty {
      world.answer(0, .delivered)
      world.drain()
    }
    #expect(world.delivered == 5)
  }

  @Test(arguments: [true, false])
  func aLeavingProcessGetsNoFurtherSuspect(landsBefore: Bool) {
    var world = World(processes: 2)
    for _ in 0..<2 { world.add("a.test") }
    world.kill(world.drain()[0].process)
    world.addProcess()
    world.now = world.now + .seconds(600)
    let first = world.drain()
    #expect(first.count == 1)
    let leaving = first[0].process
    if landsBefore {
      // The next one is ordered, and the process leaves in the very moment.
      world.answer(0, .returned)
      world.setLeaving(true, leaving)
    } else {
      world.setLeaving(true, leaving)
      #expect(world.drain().isEmpty)
      world.answer(0, .delivered)
    }
    var given = world.drain()
    while !world.inHand.isEmpty {
      world.answer(0, .delivered)
      given += world.drain()
    }
    #expect(!given.isEmpty && given.allSatisfy { $0.process != leaving })
    #expect(world.delivered == 2 && world.scheduler.messageCount == 0)
  }

  @Test func suspectsWaitWhenEveryProcessLeaves() {
    var world = World()
    for _ in 0..<3 { world.add("a.test") }
    world.kill(world.drain()[0].process)
    world.addProcess()
    world.now = world.now + .seconds(600)
    let first = world.drain()
    #expect(first.count == 1)
    world.setLeaving(true, first[0].process)
    world.answer(0, .delivered)
    #expect(world.drain().isEmpty)
    world.addProcess()
    var given = world.drain()
    while !world.inHand.isEmpty {
      world.answer(0, .delivered)
      given += world.drain()
    }
    #expect(given.count == 2 && given.allSatisfy { $0.process != first[0].process })
  }

  @Test func afterThreeDeathsAMessageIsHeld() {
    var world = World()
    let id = world.add("a.test")
    for death in 1...3 {
      let given = world.drain()
      #expect(given.map(\.id) == [id])
      world.kill(given[0].process)
      world.addProcess()
      let hasWake = world.sleepUntilWake()
      #expect(hasWake == (death < 3))
    }
    #expect(world.ended[id] == .held(afterDeaths: true))
    #expect(world.scheduler.counts.hold == 1)
  }

  @Test func aResultClearsTheSuspicion() {
    var world = World()
    let id = world.add("a.test")
    for _ in 1...4 {
      let process = world.drain()[0].process
      world.kill(process)
      world.addProcess()
      while world.inHand.isEmpty, world.sleepUntilWake() { world.drain() }
      world.answer(0, .deferred)
      while world.inHand.isEmpty, world.sleepUntilWake() { world.drain(limit: 1) }
      world.answer(0, .returned)
    }
    #expect(world.ended[id] == .requeued)
  }

  @Test func theOnlyProcessIsEmptiedForASuspect() {
    var world = World()
    world.add("a.test")
    let process = world.drain()[0].process
    world.kill(process)
    world.addProcess()
    world.now = world.now + .seconds(600)
    for _ in 0..<5 { world.add("b.test") }
    // The suspect's turn comes when the process has nothing else.
    world.drain()
    var deliveriesAfter = 0
    while !world.inHand.isEmpty {
      world.answer(0, .delivered)
      world.drain()
      deliveriesAfter += 1
    }
    #expect(deliveriesAfter == 6 && world.delivered == 6)
  }

  @Test func transportsShareTheirProcessesWithinTheirOwnLimits() {
    var world = World(credit: 10)
    var limits = TransportLimits()
    limits.deliveriesMax = 2
    let relay = world.scheduler.declareTransport(
      Array("relay".utf8), limits: limits, agents: world.agents)
    for at in UInt8(0)..<20 {
      let message = world.describe(["x"])
      let hop = world.scheduler.destination(transport: relay, nextHop: [at])
      _ = world.scheduler.add(
        message, routed: [RoutedRecipient(index: 0, destination: hop)], now: world.now)
    }
    for name in 0..<20 { world.add("d\(name).test") }
    var relayed = 0
    var others = 0
    while let order = world.scheduler.nextOrder(now: world.now) {
      guard case .deliver(let delivery) = order else { continue }
      if world.scheduler.transport(of: delivery.destination) == relay {
        relayed += 1
      } else {
        others += 1
      }
    }
    #expect(relayed == 2 && others == 8)
  }

  @Test func aProcessThatRunsDryIsNobodysHomeAnyMore() {
    var world = World(processes: 2)
    for _ in 0..<4 { world.add("b.test") }
    world.drain()
    let home = world.inHand[0].delivery.process
    #expect(world.inHand.allSatisfy { $0.delivery.process == home })
    world.scheduler.setCredit(0, of: home)
    for _ in 0..<2 { world.add("b.test") }
    while !world.inHand.isEmpty {
      world.answer(0, .delivered)
      world.drain()
    }
    #expect(world.delivered == 6)
    world.add("b.test")
    world.drain()
    let next = world.inHand[0].delivery.process
    #expect(next != home)
    world.answer(0, .delivered)
  }

  @Test func whatNoProcessHasIsRoutedAnewAndDeathsAreForgotten() {
    var limits = TransportLimits()
    limits.initialConcurrency = 2
    limits.concurrencyLimit = 2
    var world = World(limits: limits)
    for _ in 0..<6 { world.add("b.test") }
    world.drain()
    #expect(world.inHand.count == 2)
    let ended = world.scheduler.reroute(now: world.now)
    #expect(ended.count == 4 && ended.allSatisfy { $0.end == .requeued })
    for run in ended { world.settle(run.message, run.end) }
    world.drain()
    while !world.inHand.isEmpty {
      world.answer(0, .delivered)
      world.drain()
    }
    #expect(world.delivered == 6 && world.scheduler.messageCount == 0)
  }

  @Test func deliveriesInHandAreAdoptedAfterARestart() {
    var world = World()
    let id = world.restore(["a.test", "a.test"], nextAttempt: nil)
    guard let ref = world.scheduler.find(id), let process = world.processes.keys.first else {
      Issue.record("the message is not known")
      return
    }
    let destination = world.destination("a.test")
    let number = world.scheduler.adopt(
      ref, process: process, destination: destination, recipients: 1)
    #expect(world.drain().isEmpty)
    world.messages[id]?.open[0] = nil
    let result = world.scheduler.report(
      number, DeliveryTally(delivered: 1), connectionFailed: false, now: world.now)
    #expect(result?.end == .requeued)
    #expect(world.drain().map { world.indices($0) } == [[1]])
  }

  @Test func aHoldOutlivesTheAdoptionOfADelivery() {
    var world = World()
    let id = world.restore(["a.test", "a.test"], nextAttempt: nil, isHeld: true)
    guard let ref = world.scheduler.find(id), let process = world.processes.keys.first else {
      Issue.record("the message is not known")
      return
    }
    let number = world.scheduler.adopt(
      ref, process: process, destination: world.destination("a.test"), recipients: 1)
    let result = world.scheduler.report(
      number, DeliveryTally(deferred: 1), connectionFailed: false, now: world.now)
    #expect(result?.end == .held(afterDeaths: false))
    #expect(world.scheduler.counts.hold == 1)
  }

  @Test func aDeliveryWhoseResultIsKnownOutlivesItsProcess() {
    var world = World()
    let ids = [world.add("a.test"), world.add("a.test")]
    let given = world.drain()
    guard given.count == 2 else {
      Issue.record("two deliveries are asked for")
      return
    }
    let ended = world.scheduler.addProcess(to: world.scheduler.makeAgentGroup(), credit: 0)
    world.scheduler.transfer(given[0].number, to: ended)
    let runs = world.scheduler.removeProcess(given[0].process, now: world.now)
    #expect(runs.count == 1)
    let result = world.scheduler.report(
      given[0].number, DeliveryTally(delivered: 1), connectionFailed: false, now: world.now)
    #expect(result?.end == .finished)
    #expect(
      world.scheduler.report(
        given[1].number, DeliveryTally(delivered: 1), connectionFailed: false, now: world.now)
        == nil)
    #expect(world.scheduler.deliveriesInFlight == 0)
    #expect(given.map(\.id) == ids)
  }

  @Test func deliveryNumbersOfALaterSchedulerAreOthers() {
    var first = QueueScheduler(
      settings: SchedulerSettings(), now: MonotonicTime(nanoseconds: 0), deliverySeed: 1)
    var second = QueueScheduler(
      settings: SchedulerSettings(), now: MonotonicTime(nanoseconds: 0), deliverySeed: 1000)
    let a = first.makeFlight(Flight())
    let b = second.makeFlight(Flight())
    #expect(first.flights[a].number != second.flights[b].number)
  }
}
