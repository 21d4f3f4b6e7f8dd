import LinuxSystem
import Primitives
import Reactor
import ServiceKit
import Testing

@testable import SMTPReceiver

@Suite struct ReserveTests {
  init() { Reactor.startThread() }

  /// The second of two processes, the first of which rests, turns when it is told to, and has room.
  @ReactorActor private func reserve(
    delay: Duration = .seconds(60)
  ) throws -> (Reserve, SharedWords) {
    let memory = try LoadBoard.make(processes: 2, services: 1)
    let first = try LoadBoard(memory.raw, processes: 2, services: 1, rank: 0)
    first.show(.init(count: 0, limit: 10), of: 0)
    let words = try SharedWords(memory.raw)
    // Both seem to wait since the clock began.
    for row in [0, words.count / 2] { words[row + ReactorLoad.restingWord] = 1 }
    let reserve = Reserve(
      try LoadBoard(memory.raw, processes: 2, services: 1, rank: 1), service: 0,
      rule: ReserveRule(base: 1, rank: 1, load: 95),
      times: .init(delay: delay, call: .seconds(1)))
    return (reserve, words)
  }

  @Test @ReactorActor func aConnectionThatIsTakenCallsNobody() throws {
    let (reserve, _) = try reserve()
    _ = reserve.noteConnection()
    #expect(!reserve.ask(isLate: true))
    #expect(!reserve.ask(isLate: false))
    #expect(!reserve.ask(isLate: true))
    #expect(reserve.calledUntil == nil)
  }

  @Test @ReactorActor func whatWaitsNowAndAgainMuchLaterIsNotTakenForOneThing() throws {
    let (reserve, words) = try reserve(delay: .zero)
    for _ in 0..<3 {
      words.add(2, at: ReactorLoad.turnWord)
      _ = reserve.noteConnection()
      #expect(!reserve.ask(isLate: true))
    }
  }

  @Test @ReactorActor func whoDoesNotTurnWhileConnectionsWaitIsReplaced() throws {
    let (reserve, words) = try reserve()
    _ = reserve.noteConnection()
    #expect(!reserve.ask(isLate: true))
    #expect(reserve.ask(isLate: true))
    #expect(reserve.calledUntil != nil)
    // It is looked after until it turns.
    #expect(reserve.ask(isLate: false))
    words.add(2, at: ReactorLoad.turnWord)
    #expect(!reserve.ask(isLate: false))
    #expect(reserve.calledUntil == nil)
  }

  @Test @ReactorActor func whatWaitsForNoReasonIsTakenAllTheSame() throws {
    let (reserve, words) = try reserve()
    _ = reserve.noteConnection()
    for isTaken in [false, true, false, true] {
      words.add(2, at: ReactorLoad.turnWord)
      #expect(reserve.ask(isLate: true) == isTaken)
      #expect(reserve.calledUntil == nil)
    }
  }

  @Test @ReactorActor func whoHasNoRoomIsReplacedAtOnce() throws {
    let (reserve, words) = try reserve()
    words[ReactorLoad.firstFreeWord] = 10  // sessions, as many as it may have
    let begin = Clocks.monotonicNow()
    #expect(reserve.noteConnection() <= Clocks.monotonicNow())
    #expect(reserve.calledUntil.map { $0 >= begin + .seconds(1) } == true)
  }
}
