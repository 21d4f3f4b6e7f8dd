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
    #expect(slept < .milliseconds(500))
  }

  @Test @ReactorActor func readableComesWhenBytesDo() async throws {
    let pair = try Sockets.streamPair()
    let (reader, peer) = try pair.split { first, second throws in
      (try Watched(first), try Watched(second))
    }
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
    let reader = try Sockets.streamPair().split { first, second throws in
      (try Watched(first), try Watched(second))
    }
    let begin = Clocks.monotonicNow()
    await #expect(throws: WaitError.timedOut) {
      try await reader.0.readable(deadline: begin + .milliseconds(10))
    }
    #expect(Clocks.monotonicNow().since(begin) >= .milliseconds(10))
  }

  @Test @ReactorActor func cancellationEndsEveryWait() async throws {
    let pair = try Sockets.streamPair().split { first, second throws in
      (try Watched(first), try Watched(second))
    }
    let mailbox = Mailbox<Int>(capacity: 1)
    let gate = Gate()
    let far = Reactor.shared.now + .seconds(3600)
    pair.0.writeBlocked()
    try Sockets.setBufferSizes(pair.0.raw, sending: 4096)
    let filler = [UInt8](repeating: 0, count: 65536)
    while case .count = filler.withUnsafeBytes({ Sockets.send(pair.0.raw, $0) }) {}
    let waits: [@Sendable @ReactorActor () async throws(WaitError) -> Void] = [
      { () throws(WaitError) in try await pair.0.readable(deadline: far) },
      { () throws(WaitError) in try await pair.0.writable() },
      { () throws(WaitError) in try await sleep(until: far) },
      { () throws(WaitError) in _ = try await mailbox.next() },
      { () throws(WaitError) in try await gate.wait(deadline: far) },
    ]
    for (index, wait) in waits.enumerated() {
      for early in [true, false] {
        let task = Task { @ReactorActor () -> WaitError? in
          do throws(WaitError) {
            try await wait()
            return nil
          } catch {
            return error
          }
        }
        if !early { await Reactor.shared.yieldTurn() }
        task.cancel()
        #expect(await task.value == .cancelled, "wait \(index), early \(early)")
      }
    }
    #expect(gate.waiting == 0)
  }
}
