import Glibc
import LinuxSystem
import Primitives
import SystemPackage
import Testing

@testable import Reactor

@Suite struct HandoverTests {
  init() { Reactor.startThread() }

  @Test @ReactorActor func aMailboxKeepsOrderAndItsBound() async throws {
    let mailbox = Mailbox<Int>(capacity: 3)
    #expect([1, 2, 3, 4].map { mailbox.push($0) } == [true, true, true, false])
    #expect(mailbox.tryNext() == 1)
    #expect(try await mailbox.next() == 2)
    #expect(mailbox.push(5))
    mailbox.close()
    #expect(!mailbox.push(6))
    #expect(try await mailbox.next() == 3)
    #expect(try await mailbox.next() == 5)
    await #expect(throws: WaitError.closed) { try await mailbox.next() }
  }

  @Test @ReactorActor func eachElementGoesToOneOfSeveralTasks() async throws {
    let mailbox = Mailbox<Int>(capacity: 1000)
    var taken: [Int] = []
    let tasks = (0..<5).map { _ in
      reactorTask {
        do throws(WaitError) {
          while true { taken.append(try await mailbox.next()) }
        } catch {
          #expect(error == .closed)
        }
      }
    }
    for number in 0..<500 {
      #expect(mailbox.push(number))
      if number % 7 == 0 { await Reactor.shared.yieldTurn() }
    }
    mailbox.close()
    for task in tasks { await task.value }
    #expect(taken.sorted() == Array(0..<500))
  }

  @Test @ReactorActor func aPulseAtAnyMomentEndsAWaitWhoseConditionIsOver() async throws {
    for turns in 0..<6 {
      let gate = Gate()
      var isBusy = true
      reactorTask {
        for _ in 0..<turns { await Reactor.shared.yieldTurn() }
        isBusy = false
        gate.pulse()
      }
      try await gate.wait(deadline: Clocks.monotonicNow() + .seconds(20)) { isBusy }
      #expect(!isBusy)
    }
  }

  @Test @ReactorActor func aPulseFreesOnlyThoseWhoWait() async throws {
    let gate = Gate()
    var passed = 0
    let tasks = (0..<3).map { _ in
      Task { @ReactorActor in
        try await gate.wait()
        passed += 1
      }
    }
    while gate.waiting < 3 { await Reactor.shared.yieldTurn() }
    gate.pulse()
    for task in tasks { try await task.value }
    #expect(passed == 3)
    await #expect(throws: WaitError.timedOut) {
      try await gate.wait(deadline: Clocks.monotonicNow() + .milliseconds(3))
    }
  }

  @Test @ReactorActor func aHelperWorksInOrder() async throws {
    let helper = try HelperThread(name: "order")
    let order = Order()
    let tasks = (0..<2000).map { number in
      reactorTask {
        let got = await helper.perform { () -> Int in
          order.append(number)
          return number
        }
        #expect(got == number)
      }
    }
    for task in tasks { await task.value }
    #expect(order.numbers == Array(0..<2000))
    #expect(helper.depth == 0)
    await #expect(throws: Errno.noSpace) {
      try await helper.perform { () throws(Errno) -> Int in throw Errno.noSpace }
    }
    helper.submit { order.append(-1) }
    helper.stop()
    #expect(order.numbers.last == -1)
  }

  final class Order: @unchecked Sendable {
    private let latch = Latch()
    private var list: [Int] = []
    var numbers: [Int] { latch.withLock { list } }
    func append(_ number: Int) { latch.withLock { list.append(number) } }
  }

  @Test @ReactorActor func signalsArriveAsEvents() async throws {
    let source = try SignalSource([SIGUSR2])
    let task = Task { @ReactorActor in
      [try await source.next(), try await source.next()]
    }
    // To the reactor's own thread, since other threads of a test runner do not block it.
    #expect(pthread_kill(pthread_self(), SIGUSR2) == 0)
    for _ in 0..<5 { await Reactor.shared.yieldTurn() }
    #expect(pthread_kill(pthread_self(), SIGUSR2) == 0)
    #expect(try await task.value == [SIGUSR2, SIGUSR2])
    source.close()
  }
}
