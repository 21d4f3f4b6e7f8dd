import Glibc
import LinuxSystem
import Primitives
import Reactor
import SystemPackage
import TestSupport
import Testing

@testable import ServiceKit

/// Readers of the log that do not read, or that go and come back.
@Suite(.timeLimit(.minutes(1))) struct StuckLogTests {
  init() { Reactor.startThread() }

  enum Stream: CaseIterable, Sendable { case pipe, socket }

  @ReactorActor private func log(
    _ descriptor: consuming OwnedDescriptor, kind: LogKind = .lines, logger: String = ""
  ) -> Log {
    Log(
      descriptor, kind: kind, capacity: 64 << 10, hostName: "mx", syslogName: "postfix",
      facility: 2, systemLogger: logger)
  }

  /// Two ends; writing to the second would block.
  private func ends(_ stream: Stream) throws -> (SharedDescriptor, SharedDescriptor) {
    switch stream {
    case .pipe:
      var pipe = try Files.pipe()
      return (SharedDescriptor(pipe.takeReading()), SharedDescriptor(pipe.takeWriting()))
    case .socket:
      var pair = try Sockets.streamPair()
      let writing = SharedDescriptor(pair.takeSecond())
      try #require(fcntl(writing.raw, F_SETFL, 0) == 0)
      return (SharedDescriptor(pair.takeFirst()), writing)
    }
  }

  @Test(arguments: Stream.allCases)
  @ReactorActor func whatAStuckReaderLosesIsCountedWhenItReadsAgain(stream: Stream) async throws {
    let (reading, shared) = try ends(stream)
    let flags = fcntl(reading.raw, F_GETFL)
    try #require(fcntl(reading.raw, F_SETFL, flags | O_NONBLOCK) == 0)
    // As `master` opens its standard output.
    let writing =
      stream == .socket
      ? try shared.duplicate()
      : try Files.open("/proc/self/fd/\(shared.raw)", [.write, .nonblocking])
    let log = log(writing)
    let text = String(repeating: "x", count: 1000)
    let logged = 2000
    for _ in 0..<logged {
      log.information("qmgr", text)
      await Reactor.shared.yieldTurn()
    }
    let reader = try Watched(try reading.duplicate())
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
    defer { buffer.deallocate() }
    var received: [UInt8] = []
    let mark = Array(" log lines were dropped".utf8)
    let end = Clocks.monotonicNow() + .seconds(20)
    while received.firstRange(of: mark) == nil || received.last != ASCII.lf {
      guard case .count(let count) = Files.readSome(reader.raw, into: buffer) else {
        reader.readBlocked()
        try await reader.readable(deadline: end)
        continue
      }
      received += buffer[..<count]
    }
    let lines = String(decoding: received, as: UTF8.self).split(separator: "\n")
    let notice = try #require(lines.last)
    #expect(notice.contains("postfix/qmgr["))
    let words = notice.split(separator: " ")
    let place = try #require(words.firstIndex(of: "warning:"))
    #expect(lines.count - 1 + (Int(words[place + 1]) ?? 0) == logged)
    reader.close()
  }

  /// The next datagram; waits for it without holding the loop.
  @ReactorActor private func next(_ logger: DatagramSocket?) async throws -> String {
    let logger = try #require(logger)
    let watched = try Watched(OwnedDescriptor.duplicate(of: logger.descriptor))
    defer { _ = watched.release() }
    try await watched.readable(deadline: Reactor.shared.now + .seconds(20))
    return try #require(logger.receive(now: true))
  }

  @Test @ReactorActor func theSystemLoggerGetsADatagramForEachLineAlsoAfterItWasStartedAgain()
    async throws
  {
    let folder = try TemporaryDirectory()
    let path = folder.path("log")
    var logger = DatagramSocket(path)
    let log = log(try Sockets.connectDatagrams(path), kind: .syslog, logger: path)
    log.information("smtpd", "one")
    log.warning("smtpd", "two")
    let first = try await next(logger)
    #expect(first.hasPrefix("<22>") && first.hasSuffix("]: one"))
    let second = try await next(logger)
    #expect(second.hasPrefix("<20>") && second.hasSuffix("]: warning: two"))
    logger = nil
    log.information("smtpd", "three")
    log.flush()
    log.information("smtpd", "four")
    logger = DatagramSocket(path)
    #expect(try await next(logger).hasSuffix("three"))
    #expect(try await next(logger).hasSuffix("four"))
  }

  @Test @ReactorActor func aRelayPassesEverythingOnAndEndsWhenItIsDone() async throws {
    var pipe = try Files.pipe()
    let reading = pipe.takeReading()
    let (relay, writing) = try LogRelay.start(to: pipe.takeWriting())
    let log = log(try writing.duplicate())
    for number in 0..<50 { log.information("qmgr", "line \(number)") }
    log.flush()
    await relay.finish(deadline: Reactor.shared.now + .seconds(20))
    var received: [UInt8] = []
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
    defer { buffer.deallocate() }
    while case .count(let count) = Files.readSome(reading.raw, into: buffer) {
      received += buffer[..<count]
      if received.firstRange(of: Array("line 49\n".utf8)) != nil { break }
    }
    #expect(received.count { $0 == ASCII.lf } == 50)
  }

  @Test @ReactorActor func aRelayWithAStuckReaderHoldsNobody() async throws {
    var pipe = try Files.pipe()
    let reading = pipe.takeReading()
    let (relay, writing) = try LogRelay.start(to: pipe.takeWriting())
    let log = log(try writing.duplicate())
    for _ in 0..<2000 { log.information("qmgr", String(repeating: "x", count: 1000)) }
    log.flush()
    let begin = Clocks.monotonicNow()
    await relay.finish(deadline: begin + .milliseconds(50))
    #expect(Clocks.monotonicNow().since(begin) < .seconds(10))
    // Its thread ends with the reader.
    reading.close()
  }
}
