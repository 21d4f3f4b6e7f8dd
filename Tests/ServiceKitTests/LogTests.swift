import LinuxSystem
import Primitives
import Reactor
import Testing

@testable import ServiceKit

@Suite(.timeLimit(.minutes(1))) struct LogTests {
  init() { Reactor.startThread() }

  @Test @ReactorActor func whatASlowReaderLeavesWaitingIsWrittenEachTimeThatThereIsRoom()
    async throws
  {
    var pair = try Sockets.streamPair()
    let reader = pair.takeFirst()
    let log = Log(
      pair.takeSecond(), kind: .lines, capacity: 4 << 20, hostName: "mx", syslogName: "postfix",
      facility: 2)
    let text = String(repeating: "x", count: 1000)
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
    defer { buffer.deallocate() }
    for round in 1...3 {
      for _ in 0...300 { log.information("qmgr", text) }
      var lines = 0
      let end = Clocks.monotonicNow() + .seconds(10)
      while lines < 301 {
        await Reactor.shared.yieldTurn()
        try #require(Clocks.monotonicNow() < end, "the lines of round \(round) do not come")
        guard case .count(let count) = Sockets.receive(reader.raw, into: buffer) else { continue }
        lines += buffer[..<count].count { $0 == ASCII.lf }
      }
    }
  }
}
