import LinuxSystem
import Primitives
import Testing

@testable import Reactor

@Suite struct DeadlineTests {
  init() { Reactor.startThread() }

  final class Entry: DeadlineEntry {
    let number: Int
    init(_ number: Int) {
      self.number = number
      super.init()
    }
  }

  /// A small generator, so that a failure can be repeated.
  struct Generator: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state ^ state >> 29
    }
  }

  @Test(arguments: 1...20)
  @ReactorActor func theHeapAgreesWithAPlainList(seed: UInt64) {
    var random = Generator(state: seed)
    var heap = DeadlineHeap()
    let entries = (0..<60).map { Entry($0) }
    var expected: [Int: Int64] = [:]
    var now: Int64 = 0
    for _ in 0..<3000 {
      let entry = entries.randomElement(using: &random)!
      switch Int.random(in: 0..<10, using: &random) {
      case 0..<5:
        let time = now + Int64.random(in: 1..<1000, using: &random)
        heap.set(entry, to: time)
        expected[entry.number] = time
      case 5:
        #expect(heap.settledFirst() == expected.values.min())
      case 6:
        heap.drop(entry)
        expected[entry.number] = nil
      case 7:
        heap.remove(entry)
        expected[entry.number] = nil
      default:
        now += Int64.random(in: 0..<200, using: &random)
        var expired: Set<Int> = []
        while let due = heap.popDue(at: now) as? Entry { expired.insert(due.number) }
        let due = expected.filter { $0.value <= now }
        #expect(expired == Set(due.keys))
        for number in due.keys { expected[number] = nil }
      }
      if let first = heap.first, let least = expected.values.min() { #expect(first <= least) }
    }
    for entry in entries { heap.remove(entry) }
    #expect(heap.count == 0)
  }

  @Test @ReactorActor func alarmsRingInOrderAndOnlyIfTheyStand() async throws {
    var rung: [Int] = []
    let gate = Gate()
    let alarms = (0..<6).map { number in
      Alarm {
        rung.append(number)
        if number == 5 { gate.open() }
      }
    }
    let now = Clocks.monotonicNow()
    for (number, alarm) in alarms.enumerated() {
      alarm.schedule(at: now + .milliseconds(5 * (number + 1)))
    }
    alarms[0].schedule(at: now + .milliseconds(18))
    alarms[1].cancel()
    alarms[4].schedule(at: now + .milliseconds(1))
    #expect(!alarms[1].isScheduled)
    try await gate.wait(deadline: now + .seconds(60))
    #expect(rung == [4, 2, 0, 3, 5])
    #expect(alarms.allSatisfy { !$0.isScheduled })
  }

  @Test @ReactorActor func anAlarmThatIsLetGoDoesNotRing() async throws {
    var rung = false
    do {
      let alarm = Alarm { rung = true }
      alarm.schedule(at: Clocks.monotonicNow() + .milliseconds(2))
    }
    try await sleep(until: Clocks.monotonicNow() + .milliseconds(10))
    #expect(!rung)
  }

  @Test @ReactorActor func aPassedDeadlineEndsTheWaitAtOnce() async throws {
    let gate = Gate()
    await #expect(throws: WaitError.timedOut) {
      try await gate.wait(deadline: Reactor.shared.now)
    }
    #expect(gate.waiting == 0)
  }

  @Test @ReactorActor func endOfTurnActionsRunOnceAfterTheJobs() async throws {
    var order: [String] = []
    let gate = Gate()
    Reactor.shared.atEndOfTurn {
      order.append("end")
      reactorTask {
        order.append("job of the end")
        gate.open()
      }
    }
    reactorTask { order.append("job") }
    try await gate.wait()
    for _ in 0..<3 { await Reactor.shared.yieldTurn() }
    #expect(order == ["job", "end", "job of the end"])
  }
}
