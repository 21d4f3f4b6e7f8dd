import LinuxSystem
import Primitives
import Testing

@testable import Reactor

@Suite struct LagTests {
  init() { Reactor.startThread() }

  @Test @ReactorActor func eachTurnShowsInTheSharedPageAndTheLoopTakesTheWorkBack() async throws {
    let (page, descriptor) = try SharedPage.make("test")
    let theirs = try SharedPage(descriptor.raw)
    Reactor.shared.showTurns(in: page)
    await Reactor.shared.yieldTurn()
    let first = theirs.load(ReactorPage.turnWord)
    page.store(4, at: ReactorPage.workWord)
    #expect(theirs.load(ReactorPage.workWord) == 4)
    await Reactor.shared.yieldTurn()
    #expect(theirs.load(ReactorPage.turnWord) > first)
    #expect(theirs.load(ReactorPage.workWord) == 0)
  }

  @Test @ReactorActor func aTurnThatTakesTooLongIsReported() async throws {
    var reported: [Duration] = []
    Reactor.shared.watchLag(over: .milliseconds(30)) { reported.append($0) }
    defer { Reactor.shared.watchLag(over: .seconds(3600)) { _ in } }
    let end = Clocks.monotonicNow() + .milliseconds(40)
    while Clocks.monotonicNow() < end {}
    await Reactor.shared.yieldTurn()
    #expect(reported.contains { $0 >= .milliseconds(40) })
    #expect(Reactor.shared.metrics.longestTurn >= .milliseconds(40))
  }
}
