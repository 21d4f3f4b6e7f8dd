import LinuxSystem
import Primitives
import Reactor
import ServiceKit
import SystemPackage
import Testing

@Suite struct LoadBoardTests {
  init() { Reactor.startThread() }

  @Test @ReactorActor func sessionsOfAllProcessesAreSeenTogether() throws {
    let memory = try LoadBoard.make(processes: 3, services: 2)
    let boards = try (0..<3).map {
      try LoadBoard(memory.raw, processes: 3, services: 2, rank: $0)
    }
    boards[0].show(.init(count: 4, limit: 10), of: 0)
    boards[1].show(.init(count: 10, limit: 10), of: 0)
    boards[1].show(.init(count: 1, limit: 5), of: 1)
    #expect(boards[2].sessions(of: 0, process: 1) == .init(count: 10, limit: 10))
    #expect(boards[2].sessions(of: 0) == .init(count: 14, limit: 20))
    #expect(boards[0].sessions(of: 1) == .init(count: 1, limit: 5))
    #expect(boards[0].sessions(of: 0, process: 1).isFull)
    #expect(!boards[0].sessions(of: 0, process: 0).isFull)
    // Of a process that has not begun there is nothing to be hoped for.
    #expect(boards[0].sessions(of: 0, process: 2).isFull)
  }

  @Test @ReactorActor func aProcessThatBeginsAgainHasNoSessionsAnyMore() throws {
    let memory = try LoadBoard.make(processes: 2, services: 1)
    let first = try LoadBoard(memory.raw, processes: 2, services: 1, rank: 0)
    let second = try LoadBoard(memory.raw, processes: 2, services: 1, rank: 1)
    second.show(.init(count: 9, limit: 10), of: 0)
    _ = try LoadBoard(memory.raw, processes: 2, services: 1, rank: 1)
    #expect(first.sessions(of: 0) == .init(count: 0, limit: 0))
  }

  @Test @ReactorActor func theLoopShowsTurnsAndRest() async throws {
    let memory = try LoadBoard.make(processes: 2, services: 1)
    let board = try LoadBoard(memory.raw, processes: 2, services: 1, rank: 1)
    board.showLoop()
    await Reactor.shared.yieldTurn()
    let before = board.paces(at: Clocks.monotonicNow())
    let gate = Gate()
    let began = Reactor.shared.now
    do {
      try await gate.wait(deadline: began + .milliseconds(30))
      Issue.record("the gate was not opened by anybody")
    } catch { #expect(error == .timedOut) }
    let after = board.paces(at: Clocks.monotonicNow())
    #expect(after[1].turn > before[1].turn)
    let rested = after[1].rested - before[1].rested
    #expect(rested > .zero)
    #expect(rested <= Clocks.monotonicNow().since(began) + .milliseconds(1))
    #expect(after[0] == before[0])
  }

  @Test @ReactorActor func aWaitThatGoesOnCounts() throws {
    let memory = try LoadBoard.make(processes: 1, services: 1)
    let board = try LoadBoard(memory.raw, processes: 1, services: 1, rank: 0)
    let words = try SharedWords(memory.raw)
    words[ReactorLoad.restedWord] = 2_000_000_000
    words[ReactorLoad.restingWord] = 5_000_000_000
    let paces = board.paces(at: MonotonicTime(nanoseconds: 5_500_000_000))
    #expect(paces.first?.rested == .milliseconds(2500))
    #expect(board.paces(at: MonotonicTime(nanoseconds: 1)).first?.rested == .seconds(2))
  }

  @Test @ReactorActor func aWriterInTheMiddleIsWaitedForAWhile() throws {
    let memory = try LoadBoard.make(processes: 1, services: 1)
    let board = try LoadBoard(memory.raw, processes: 1, services: 1, rank: 0)
    let words = try SharedWords(memory.raw)
    words[ReactorLoad.turnWord] = 11
    words[ReactorLoad.restedWord] = 3_000_000_000
    // It may have died there: what is found counts in the end.
    let now = MonotonicTime(nanoseconds: 1)
    #expect(board.paces(at: now) == [.init(turn: 5, rested: .seconds(3))])
  }

  @Test @ReactorActor func whatNobodyCanMeanHurtsNobody() throws {
    let memory = try LoadBoard.make(processes: 2, services: 1)
    let board = try LoadBoard(memory.raw, processes: 2, services: 1, rank: 0)
    let words = try SharedWords(memory.raw)
    for word in 0..<words.count { words[word] = .max }
    let most = Int(Int32.max)
    #expect(board.sessions(of: 0) == .init(count: 2 * most, limit: 2 * most))
    #expect(board.paces(at: MonotonicTime(nanoseconds: 5)).count == 2)
  }

  @Test @ReactorActor func aProcessThatHasEndedShowsNothing() throws {
    let memory = try LoadBoard.make(processes: 2, services: 1)
    let first = try LoadBoard(memory.raw, processes: 2, services: 1, rank: 0)
    let second = try LoadBoard(memory.raw, processes: 2, services: 1, rank: 1)
    for board in [first, second] { board.show(.init(count: 3, limit: 9), of: 0) }
    try LoadBoard.clear(memory.raw, rank: 0, services: 1)
    #expect(second.sessions(of: 0, process: 0) == .init(count: 0, limit: 0))
    #expect(second.sessions(of: 0) == .init(count: 3, limit: 9))
  }

  @Test @ReactorActor func memoryThatIsTooSmallIsRefused() throws {
    let memory = try LoadBoard.make(processes: 1, services: 1)
    #expect(throws: Errno.invalidArgument) {
      try LoadBoard(memory.raw, processes: 2, services: 1, rank: 0)
    }
  }

  @Test func servicesAreCountedOnce() {
    #expect(
      ServiceNames.distinct(["smtp", "smtp", "submission", "smtp"]) == ["smtp", "submission"])
  }
}
