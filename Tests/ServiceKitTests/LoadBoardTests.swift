import LinuxSystem
import Primitives
import Reactor
import ServiceKit
import SystemPackage
import Testing

@Suite struct LoadBoardTests {
  init() { Reactor.startThread() }

  /// A board of one process, and its words.
  @ReactorActor private func loneBoard() throws -> (LoadBoard, SharedWords) {
    let memory = try LoadBoard.make(processes: 1, services: 1)
    let board = try LoadBoard(memory.raw, processes: 1, services: 1, rank: 0)
    return (board, try SharedWords(memory.raw))
  }

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
    #expect(!boards[0].sessions(of: 0, process: 1).hasRoom)
    #expect(boards[0].sessions(of: 0, process: 0).hasRoom)
    // Of a process that has not begun there is nothing to be hoped for.
    #expect(!boards[0].sessions(of: 0, process: 2).hasRoom)
    boards[0].show(.init(count: 4, limit: 10, isOpen: false), of: 0)
    #expect(!boards[1].sessions(of: 0, process: 0).hasRoom)
    #expect(boards[1].sessions(of: 0) == .init(count: 14, limit: 20))
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
    let began = Reactor.shared.now
    // The helper answers as soon as it has seen the loop wait for it.
    let words = try SharedWords(memory.raw)
    let resting = words.count / 2 + ReactorLoad.restingWord
    let helper = try HelperThread(name: "watcher")
    let sawRest = await helper.perform {
      let end = Clocks.monotonicNow() + .seconds(20)
      while words[resting] == 0, Clocks.monotonicNow() < end {}
      return words[resting] != 0
    }
    #expect(sawRest)
    let after = board.paces(at: Clocks.monotonicNow())
    #expect(after[1].turn > before[1].turn)
    let rested = after[1].rested - before[1].rested
    #expect(rested > .zero)
    #expect(rested <= Clocks.monotonicNow().since(began) + .milliseconds(1))
    #expect(after[0] == before[0])
  }

  @Test @ReactorActor func aWaitThatGoesOnCounts() throws {
    let (board, words) = try loneBoard()
    words[ReactorLoad.restedWord] = 2_000_000_000
    words[ReactorLoad.restingWord] = 5_000_000_000
    let paces = board.paces(at: MonotonicTime(nanoseconds: 5_500_000_000))
    #expect(paces.first?.rested == .milliseconds(2500))
    #expect(board.paces(at: MonotonicTime(nanoseconds: 1)).first?.rested == .seconds(2))
  }

  @Test @ReactorActor func whatWasLeftHalfWrittenCountsInTheEnd() throws {
    let (board, words) = try loneBoard()
    words[ReactorLoad.turnWord] = 11
    words[ReactorLoad.restedWord] = 3_000_000_000
    // The writer may have died there.
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
    let words = try SharedWords(memory.raw)
    for word in [ReactorLoad.turnWord, ReactorLoad.restedWord, ReactorLoad.restingWord] {
      words[word] = 1
    }
    try LoadBoard.clear(memory.raw, rank: 0, services: 1)
    #expect(second.sessions(of: 0, process: 0) == .init(count: 0, limit: 0, isOpen: false))
    let now = MonotonicTime(nanoseconds: 1 << 40)
    #expect(second.paces(at: now)[0] == .init(turn: 0, rested: .zero))
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
      LoadBoard.services(of: ["smtp", "smtp", "submission", "smtp"]) == ["smtp", "submission"])
  }
}
