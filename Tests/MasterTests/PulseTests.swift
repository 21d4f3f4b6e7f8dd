import Testing

@testable import Master

@Suite struct PulseTests {
  @Test func aProcessThatTurnsIsAlive() {
    var pulse = Pulse()
    for turn in 1...100 as ClosedRange<UInt64> { #expect(pulse.look(turn) == .alive) }
  }

  @Test func aSilentProcessIsAskedOnceAndGivenTime() {
    var pulse = Pulse()
    _ = pulse.look(7)
    #expect((0..<5).map { _ in pulse.look(7) } == [.ask, .wait, .wait, .wait, .stuck])
  }

  @Test func anIdleProcessThatAnswersIsNeverTakenForDead() {
    var pulse = Pulse()
    var turns: UInt64 = 1
    _ = pulse.look(turns)
    for silence in 0..<100 {
      #expect(pulse.look(turns) == .ask)
      for _ in 0..<silence % Pulse.looksMax { #expect(pulse.look(turns) == .wait) }
      turns += 1
      #expect(pulse.look(turns) == .alive)
    }
  }

  @Test func aProcessThatNeverTurnedIsStuckToo() {
    var pulse = Pulse()
    let verdicts = (0...Pulse.looksMax).map { _ in pulse.look(0) }
    #expect(verdicts.first == .ask && verdicts.last == .stuck)
  }
}
