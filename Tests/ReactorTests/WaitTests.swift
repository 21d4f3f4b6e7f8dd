import LinuxSystem
import Primitives
import Testing

@testable import Reactor

@Suite struct WaitTests {
  init() { Reactor.startThread() }

  @Test @ReactorActor func sleepEndsAtItsTime() async throws {
    let begin = Clocks.monotonicNow()
    try await sleep(until: begin + .milliseconds(20))
    let slept = Clocks.monotonicNow().since(begin)
    #expect(slept >= .milliseconds(20))
  }

  @Test @ReactorActor func readableComesWhenBytesDo() async throws {
    var pair = try Sockets.streamPair()
    let reader = try Watched(pair.takeFirst())
    let peer = try Watched(pair.takeSecond())
    let task = Task { @ReactorActor in
      try await reader.readable()
      return true
    }
    await Reactor.shared.yieldTurn()
    #expect([1, 2, 3].withUnsafeBytes { Sockets.send(peer.raw, $0) } == .count(24))
    #expect(try await task.value)
    reader.close()
    peer.close()
  }

  @Test @ReactorActor func aDeadlineEndsAWaitForReading() async throws {
    var pair = try Sockets.streamPair()
    let reader = try Watched(pair.takeFirst())
    let begin = Clocks.monotonicNow()
    await #expect(throws: WaitError.timedOut) {
      try await reader.readable(deadline: begin + .milliseconds(10))
    }
    #expect(Clocks.monotonicNow().since(begin) >= .milliseconds(10))
  }

  enum Wait: CaseIterable, Sendable { case reading, writing, sleeping, mailbox, gate }

  @Test(arguments: Wait.allCases, [true, false])
  @ReactorActor func cancellationEnds(_ wait: Wait, early: Bool) async throws {
    var pair = try Sockets.streamPair()
    let watched = try Watched(pair.takeFirst())
    let peer = pair.takeSecond()
    try Sockets.setBufferSizes(watched.raw, sending: 4096)
    let filler = [UInt8](repeating: 0, count: 65536)
    while case .count = filler.withUnsafeBytes({ Sockets.send(watched.raw, $0) }) {}
    watched.writeBlocked()
    let mailbox = Mailbox<Int>(capacity: 1)
    let gate = Gate()
    let task = Task { @ReactorActor () -> WaitError? in
      let far = Reactor.shared.now + .seconds(3600)
      do throws(WaitError) {
        switch wait {
        case .reading: try await watched.readable(deadline: far)
        case .writing: try await watched.writable()
        case .sleeping: try await sleep(until: far)
        case .mailbox: _ = try await mailbox.next()
        case .gate: try await gate.wait(deadline: far)
        }
        return nil
      } catch {
        return error
      }
    }
    if !early {
      for _ in 0..<4 { await Reactor.shared.yieldTurn() }
    }
    task.cancel()
    #expect(await task.value == .cancelled)
    #expect(gate.waiting == 0)
    peer.close()
  }
}
