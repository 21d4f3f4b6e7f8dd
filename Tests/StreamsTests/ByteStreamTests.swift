import LinuxSystem
import Primitives
import Reactor
import Streams
import SystemPackage
import Testing

@Suite struct ByteStreamTests {
  init() { Reactor.startThread() }

  @ReactorActor func pair() throws -> (ByteStream, ByteStream) {
    var pair = try Sockets.streamPair()
    return (try ByteStream(pair.takeFirst()), try ByteStream(pair.takeSecond()))
  }

  @Test @ReactorActor func whatIsWrittenIsReadUntilTheEnd() async throws {
    let (a, b) = try pair()
    try await a.write("hello, ", more: true)
    try await a.write(Array("world".utf8))
    try a.shutdownWrite()
    var read: [UInt8] = []
    while try await b.read({ read.append(contentsOf: $0) }) != nil {}
    #expect(String(decoding: read, as: UTF8.self) == "hello, world")
  }

  @Test @ReactorActor func aClosedStreamLeavesItsNumberToOthers() async throws {
    let (a, b) = try pair()
    let number = a.raw
    a.close()
    // The number is taken again at once, unless another test is quicker.
    let (c, d) = try pair()
    #expect(throws: Errno.badFileDescriptor) { try a.shutdownWrite() }
    #expect(throws: Errno.badFileDescriptor) { try a.localAddress }
    #expect(throws: Errno.badFileDescriptor) { try a.peerAddress }
    for stream in [c, d] where stream.raw == number {
      #expect(try stream.writeNow([1]) == 1)
    }
    b.close()
  }

  @Test @ReactorActor func whatIsThereIsReadWithoutWaiting() async throws {
    let (a, b) = try pair()
    var read: [UInt8] = []
    #expect(try b.readNow { read.append(contentsOf: $0) } == .nothing)
    #expect(try a.writeNow(Array("hello".utf8)) == 5)
    try await b.readable(deadline: Reactor.shared.now + .seconds(5))
    #expect(try b.readNow { read.append(contentsOf: $0) } == .bytes)
    #expect(try b.readNow { read.append(contentsOf: $0) } == .nothing)
    a.close()
    try await b.readable(deadline: Reactor.shared.now + .seconds(5))
    #expect(try b.readNow { read.append(contentsOf: $0) } == .ended)
    #expect(read == Array("hello".utf8))
    await #expect(throws: StreamError.timedOut) {
      let (c, d) = try pair()
      defer { d.close() }
      try await c.readable(deadline: Reactor.shared.now + .milliseconds(5))
    }
    b.close()
    #expect(throws: StreamError.closed) { try b.readNow { read.append(contentsOf: $0) } }
    #expect(throws: StreamError.closed) { try b.writeNow([1]) }
  }

  @Test @ReactorActor func aWriteStopsWhereTheSocketIsFull() async throws {
    let (a, b) = try pair()
    let bytes = [UInt8](repeating: 7, count: 1 << 20)
    let sent = try a.writeNow(bytes)
    #expect(sent > 0 && sent < bytes.count)
    #expect(try a.writeNow(bytes) == 0)
    b.close()
  }

  @Test @ReactorActor func oneStreamDoesNotTakeTheWholeTurn() async throws {
    let (a, b) = try pair()
    let piece = [UInt8](repeating: 1, count: 65536)
    while try a.writeNow(piece) == piece.count {}
    try await b.readable(deadline: Reactor.shared.now + .seconds(5))
    var reads = 0
    while try b.readNow({ _ in reads += 1 }) == .bytes, reads < 100 { _ = try a.writeNow(piece) }
    #expect(reads > 0 && reads < 100)
    #expect(try b.readNow { _ in } == .shareUsed)
    await Reactor.shared.yieldTurn()
    #expect(try b.readNow { _ in } == .bytes)
  }

  @Test @ReactorActor func anEndThatComesWithTheLastBytesIsSeen() async throws {
    let (a, b) = try pair()
    try await a.write("last words")
    a.close()
    await Reactor.shared.yieldTurn()
    let first = try await b.read(deadline: Reactor.shared.now + .seconds(60)) { $0.count }
    #expect(first == 10)
    let second = try await b.read(deadline: Reactor.shared.now + .seconds(60)) { $0.count }
    #expect(second == nil)
  }

  @Test @ReactorActor func aLargeWriteWaitsForTheReader() async throws {
    let (a, b) = try pair()
    let bytes = (0..<5_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
    let writer = reactorTask {
      do throws(StreamError) {
        try await a.write(bytes)
        try await a.sendsEnd()
      } catch {
        Issue.record(error)
      }
    }
    var read: [UInt8] = []
    while try await b.read({ read.append(contentsOf: $0) }) != nil {}
    #expect(read == bytes)
    await writer.value
  }

  @Test @ReactorActor func aReadAndAWriteEndAtTheirDeadlines() async throws {
    let (a, b) = try pair()
    let soon = Clocks.monotonicNow() + .milliseconds(15)
    await #expect(throws: StreamError.timedOut) { try await a.read(deadline: soon) { $0.count } }
    await #expect(throws: StreamError.timedOut) {
      try await a.write(
        [UInt8](repeating: 1, count: 10_000_000),
        deadline: Clocks.monotonicNow() + .milliseconds(15))
    }
    b.close()
    await #expect(throws: StreamError.system(.brokenPipe)) { try await a.write("x") }
  }

  @Test @ReactorActor func closingEndsAWaitingRead() async throws {
    let (a, b) = try pair()
    let task = Task { @ReactorActor () -> StreamError? in
      do throws(StreamError) {
        _ = try await a.read { $0.count }
        return nil
      } catch {
        return error
      }
    }
    for _ in 0..<4 { await Reactor.shared.yieldTurn() }
    a.close()
    #expect(await task.value == .closed)
    _ = b
  }

  @Test @ReactorActor func aFileIsSentAndAShortOneIsNoticed() async throws {
    let content = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 % 251) }
    let file = try Files.sealedMemory("test", content: content)
    let (a, b) = try pair()
    let raw = file.raw
    let task = reactorTask {
      do throws(StreamError) {
        try await a.sendFile(raw, offset: 100, count: 299_900)
      } catch {
        Issue.record(error)
      }
      await #expect(throws: StreamError.shortFile) {
        try await a.sendFile(raw, offset: 299_000, count: 2000)
      }
      a.close()
    }
    var read: [UInt8] = []
    while try await b.read({ read.append(contentsOf: $0) }) != nil {}
    await task.value
    #expect(read == Array(content[100...]) + Array(content[299_000...]))
    file.close()
  }

  @Test @ReactorActor func aRefusedConnectionIsReported() async throws {
    let loopback = IPAddress("127.0.0.1")!
    let deadline = Reactor.shared.now + .seconds(60)
    let listener = try Watched(
      Sockets.listenTCP(loopback, port: 0, backlog: 10), as: .sharedListener)
    let port = try #require(try Sockets.localAddress(listener.raw).port)
    let client = try await ByteStream.connect(
      to: loopback, port: port, from: IPAddress("127.0.0.2"), deadline: deadline)
    try await listener.readable(deadline: deadline)
    let accepted = try #require(try Sockets.accept(listener.raw)?.peer)
    #expect(accepted.ipAddress == IPAddress("127.0.0.2"))
    #expect(try client.peerAddress.description == "127.0.0.1:\(port)")
    #expect(try client.localAddress == accepted)
    #expect(try Sockets.accept(listener.raw) == nil)
    listener.close()
    await #expect(throws: StreamError.system(.connectionRefused)) {
      try await ByteStream.connect(to: loopback, port: port, deadline: deadline)
    }
  }
}

extension ByteStream {
  /// Ends the stream, with the error of a stream.
  func sendsEnd() async throws(StreamError) {
    do throws(Errno) {
      try shutdownWrite()
    } catch {
      throw .system(error)
    }
  }
}
