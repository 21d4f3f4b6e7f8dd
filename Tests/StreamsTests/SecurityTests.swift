import LinuxSystem
import Primitives
import Reactor
import Streams
import SystemPackage
import TLSEngine
import TestSupport
import Testing

/// Runs the other side of a conversation on the reactor.
@ReactorActor private func beside<Value: Sendable>(
  _ body: @escaping @Sendable @ReactorActor () async throws -> Value
) -> Task<Value, any Error> {
  Task(executorPreference: Reactor.shared) { try await body() }
}

@Suite struct SecurityTests {
  init() {
    ThisProcess.ignoreBrokenPipes()
    Reactor.startThread()
  }

  private static let server = Result { try context([]) }

  private static func context(_ options: TLSOptions) throws -> TLSContext {
    let pair = try TestCertificates.ecdsa.get()
    var settings = TLSServerSettings(
      name: "test",
      credentials: [
        .pair(
          chain: PEMFile(name: "cert", bytes: pair.certificate),
          key: PEMFile(name: "key", bytes: pair.key))
      ])
    settings.options.formUnion(options)
    settings.ticketSecret = TicketSecret(bytes: [UInt8](repeating: 1, count: 32), madeAt: 0)
    return try TLSContext(server: settings)
  }

  @ReactorActor private func pair() throws -> (ByteStream, ByteStream) {
    var pair = try Sockets.streamPair()
    return (try ByteStream(pair.takeFirst()), try ByteStream(pair.takeSecond()))
  }

  @ReactorActor private var soon: MonotonicTime { Reactor.shared.now + .seconds(120) }

  @ReactorActor private func securePair(
    options: TLSOptions = []
  ) async throws -> (server: ByteStream, client: ByteStream) {
    let (server, client) = try pair()
    let deadline = soon
    let context = try TLSContext.unverifiedClient()
    let other = beside { try await client.secure(asClient: context, deadline: deadline) }
    let facts = try await server.secure(
      asServer: options.isEmpty ? Self.server.get() : Self.context(options), deadline: deadline)
    _ = try await other.value
    #expect(facts.protocolName == "TLSv1.3")
    #expect(server.isSecure && client.isSecure)
    return (server, client)
  }

  @ReactorActor private func readAll(_ stream: ByteStream) async throws -> [UInt8] {
    var bytes: [UInt8] = []
    let deadline = soon
    while try await stream.read(deadline: deadline, { bytes.append(contentsOf: $0) }) != nil {}
    return bytes
  }

  @Test @ReactorActor func whatIsWrittenIsReadUntilTheEnd() async throws {
    let (server, client) = try await securePair()
    try await client.write("hello, ", more: true)
    try await client.write(Array("world".utf8))
    client.close()
    #expect(try await readAll(server) == Array("hello, world".utf8))
  }

  /// What comes together with the end of the handshake is there without a further event.
  @Test @ReactorActor func wordsThatFollowTheHandshakeAtOnceAreHeard() async throws {
    let context = try TLSContext.unverifiedClient()
    for _ in 0..<100 {
      let (server, client) = try pair()
      let deadline = soon
      let other = beside {
        _ = try await client.secure(asClient: context, deadline: deadline)
        try await client.write("EHLO", deadline: deadline)
        return try await client.read(deadline: deadline) { $0.count }
      }
      _ = try await server.secure(asServer: Self.server.get(), deadline: deadline)
      #expect(try await server.read(deadline: deadline) { $0.count } == 4)
      try await server.write("250", deadline: deadline)
      #expect(try await other.value == 3)
      server.close()
      client.close()
    }
  }

  @Test @ReactorActor func readingAndWritingNow() async throws {
    let (server, client) = try await securePair()
    var read: [UInt8] = []
    #expect(try server.readNow { read.append(contentsOf: $0) } == .nothing)
    #expect(try client.writeNow(Array("hello".utf8)) == 5)
    try await server.readable(deadline: soon)
    #expect(try server.readNow { read.append(contentsOf: $0) } == .bytes)
    #expect(try server.readNow { read.append(contentsOf: $0) } == .nothing)
    #expect(read == Array("hello".utf8))
    server.close()
    #expect(throws: StreamError.closed) { try server.readNow { _ in } }
    #expect(throws: StreamError.closed) { try server.writeNow([1]) }
  }

  /// A record from the session's own buffer says nothing of what has come to the socket since.
  @Test @ReactorActor func whatComesBesideABufferedRecordIsFound() async throws {
    let (server, client) = try await securePair()
    var read: [UInt8] = []
    _ = try client.writeNow(Array("a".utf8))
    _ = try client.writeNow(Array("b".utf8))
    try await server.readable(deadline: soon)
    #expect(try server.readNow { read.append(contentsOf: $0) } == .bytes)
    #expect(read == Array("a".utf8) && !server.isDrained)
    _ = try client.writeNow(Array("c".utf8))
    // The loop has heard of the third record when it has heard of what came behind it.
    let (other, peer) = try pair()
    _ = try peer.writeNow([0])
    try await other.readable(deadline: soon)
    #expect(try server.readNow { read.append(contentsOf: $0) } == .bytes)
    try await server.readable(deadline: soon)
    #expect(try server.readNow { read.append(contentsOf: $0) } == .bytes)
    #expect(read == Array("abc".utf8) && server.isDrained)
  }

  @Test @ReactorActor func aReaderThatIsSlowGetsEveryByte() async throws {
    let (server, client) = try await securePair()
    let bytes = (0..<(3 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 7) }
    let deadline = soon
    let writer = beside {
      let sent = try server.writeNow(bytes)
      #expect(sent > 0 && sent < bytes.count)
      try await server.write(Array(bytes[sent...]), deadline: deadline)
      server.close()
    }
    #expect(try await readAll(client) == bytes)
    try await writer.value
  }

  /// A pair over TCP, which is what a kernel may encrypt.
  @ReactorActor private func tcpPair() async throws -> (ByteStream, ByteStream) {
    let loopback = IPAddress("127.0.0.1")!
    let listener = try Watched(
      Sockets.listenTCP(loopback, port: 0, backlog: 10), as: .sharedListener)
    defer { listener.close() }
    let port = try #require(try Sockets.localAddress(listener.raw).port)
    let client = try await ByteStream.connect(to: loopback, port: port, deadline: soon)
    try await listener.readable(deadline: soon)
    let accepted = try Sockets.accept(listener.raw)
    guard let socket = accepted?.take() else { throw StreamError.closed }
    return (try ByteStream(socket), client)
  }

  /// Sends a file and lines both ways with the option for it; whether the kernel encrypted.
  @ReactorActor private func talkByKernel(
    _ client: TLSContext
  ) async throws -> Bool {
    let (server, other) = try await tcpPair()
    let deadline = soon
    let handshake = beside { try await other.secure(asClient: client, deadline: deadline) }
    _ = try await server.secure(asServer: Self.context([.kernelTLS]), deadline: deadline)
    _ = try await handshake.value
    try await other.write("MAIL\r\n")
    var line: [UInt8] = []
    while line.count < 6, try await server.read(deadline: deadline, { line += $0 }) != nil {}
    #expect(line == Array("MAIL\r\n".utf8))
    let isByKernel = server.isEncryptedByKernel
    let bytes = (0..<100_001).map { UInt8(truncatingIfNeeded: $0 &* 7 >> 3) }
    let file = try Files.sealedMemory("content", content: bytes)
    let raw = file.raw
    let writer = beside {
      try await server.write("250 ")
      try await server.sendFile(raw, offset: 1, count: 100_000, deadline: deadline)
      server.close()
    }
    #expect(try await readAll(other) == Array("250 ".utf8) + bytes.dropFirst())
    try await writer.value
    return isByKernel
  }

  @Test(arguments: [0x0303, 0x0304] as [UInt16]) @ReactorActor
  func aSessionWorksWhetherOrNotTheKernelEncrypts(version: UInt16) async throws {
    let client = try TLSContext.unverifiedClient(versions: TLSVersions(highest: version))
    #expect(try await talkByKernel(client) == KernelTLS.isThere)
  }

  /// With the option for it the kernel encrypts where it can; elsewhere nothing changes.
  @Test(arguments: [false, true]) @ReactorActor func filesGoThroughRecords(
    byKernel: Bool
  ) async throws {
    let (server, client) = try await securePair(options: byKernel ? [.kernelTLS] : [])
    let bytes = (0..<1_000_001).map { UInt8(truncatingIfNeeded: $0 &* 7 >> 3) }
    let file = try Files.sealedMemory("content", content: bytes)
    let deadline = soon
    let raw = file.raw
    let writer = beside {
      try await server.sendFile(raw, offset: 10, count: 1_000_000 - 10, deadline: deadline)
      #expect(server.fileBytesDue == 0)
      await #expect(throws: StreamError.shortFile) {
        try await server.sendFile(raw, offset: 1_000_000, count: 2, deadline: deadline)
      }
      server.close()
    }
    #expect(try await readAll(client) == Array(bytes[10..<1_000_000]))
    try await writer.value
  }

  @Test @ReactorActor func whoGivesUpInARecordEndsTheSession() async throws {
    let (server, client) = try await securePair()
    let bytes = [UInt8](repeating: 1, count: 1 << 20)
    await #expect(throws: StreamError.timedOut) {
      try await server.write(bytes, deadline: Reactor.shared.now + .milliseconds(20))
    }
    #expect(throws: StreamError.closed) { try server.writeNow([1, 2, 3]) }
    server.close()
    client.close()
  }

  @Test @ReactorActor func aWriteBeforeTheHandshakeWaitsForIt() async throws {
    let (server, client) = try pair()
    let deadline = soon
    let context = try TLSContext.unverifiedClient()
    // The first write of the server meets a session that has still to read the client's part.
    let session = beside {
      try await server.secure(
        asServer: Self.server.get(), deadline: Reactor.shared.now + .milliseconds(5))
    }
    await #expect(throws: StreamError.timedOut) { try await session.value }
    let writer = beside {
      #expect(try server.writeNow(Array("220 ".utf8)) == 0)
      try await server.write(Array("220 ready".utf8), deadline: deadline)
      server.close()
    }
    _ = try await client.secure(asClient: context, deadline: deadline)
    #expect(try await readAll(client) == Array("220 ready".utf8))
    try await writer.value
  }

  @Test @ReactorActor func aPeerThatLeavesWithoutAWordHasEnded() async throws {
    let (server, client) = try await securePair()
    try await client.write("QUIT\r\n")
    let socket = try OwnedDescriptor.duplicate(of: client.raw)
    // The other end of the connection closes below TLS.
    try Sockets.shutdown(socket.raw)
    #expect(try await readAll(server) == Array("QUIT\r\n".utf8))
    server.close()
    client.close()
  }

  @Test @ReactorActor func aPeerThatLeavesInTheHandshakeIsGone() async throws {
    let (server, client) = try pair()
    client.close()
    await #expect(throws: StreamError.closed) {
      try await server.secure(asServer: Self.server.get(), deadline: soon)
    }
  }

  @Test @ReactorActor func garbageIsNoHandshake() async throws {
    let (server, client) = try pair()
    try await client.write("EHLO garbage.test\r\nMAIL FROM:<>\r\n")
    let error = await #expect(throws: StreamError.self) {
      try await server.secure(asServer: Self.server.get(), deadline: soon)
    }
    guard case .security(let failure)? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(failure.reasons.first?.hasPrefix("error:0A00010B:SSL routines::wrong version") == true)
    #expect(throws: StreamError.self) { try server.writeNow(Array("250 plain\r\n".utf8)) }
    server.close()
  }

  @Test @ReactorActor func aSilentPeerIsNotWaitedForLonger() async throws {
    let (server, client) = try pair()
    await #expect(throws: StreamError.timedOut) {
      try await server.secure(
        asServer: Self.server.get(), deadline: Reactor.shared.now + .milliseconds(10))
    }
    client.close()
  }

  @Test @ReactorActor func aHandshakeMayComeByteByByte() async throws {
    let (server, client) = try pair()
    let (middle, near) = try pair()
    let deadline = soon
    let context = try TLSContext.unverifiedClient()
    let handshake = beside {
      try await server.secure(asServer: Self.server.get(), deadline: deadline)
    }
    let asking = beside {
      try await near.secure(
        asClient: context, name: String(repeating: "a", count: 250), deadline: deadline)
    }
    let forth = beside {
      while let bytes = try await middle.read(deadline: deadline, { Array($0) }) {
        for byte in bytes { try await client.write([byte], deadline: deadline) }
      }
    }
    let back = beside {
      while let bytes = try await client.read(deadline: deadline, { Array($0) }) {
        try await middle.write(bytes, deadline: deadline)
      }
    }
    #expect(try await handshake.value.protocolName == "TLSv1.3")
    _ = try await asking.value
    for stream in [server, client, middle, near] { stream.close() }
    _ = await (forth.result, back.result)
  }

  /// A hello of TLS 1.2 (RFC 5246 7.4.1.2) that is padded (RFC 7685) to a size.
  private static func hello(size: Int) -> [UInt8] {
    func counted(_ bytes: [UInt8], _ width: Int) -> [UInt8] {
      (0..<width).reversed().map { UInt8(truncatingIfNeeded: bytes.count >> (8 * $0)) } + bytes
    }
    let groups: [UInt8] = [0, 10] + counted(counted([0, 29, 0, 23], 2), 2)
    let signatures: [UInt8] = [0, 13] + counted(counted([4, 3, 4, 1], 2), 2)
    let padding: [UInt8] = [0, 21] + counted([UInt8](repeating: 0, count: size - 82), 2)
    let random = [UInt8](repeating: 5, count: 32)
    let body =
      [3, 3] + random + [0] + counted([0xc0, 0x2b, 0xc0, 0x2f], 2) + [1, 0]
      + counted(groups + signatures + padding, 2)
    return [22, 3, 1] + counted([1] + counted(body, 3), 2)
  }

  @Test @ReactorActor func aHelloOfEightKilobytesMayComeByteByByte() async throws {
    let (server, client) = try pair()
    let deadline = soon
    let handshake = beside {
      try await server.secure(asServer: Self.server.get(), deadline: deadline)
    }
    let hello = Self.hello(size: 8192)
    #expect(hello.count > 8100)
    for byte in hello { try await client.write([byte], deadline: deadline) }
    var answer: [UInt8] = []
    while answer.count < 6 {
      guard try await client.read(deadline: deadline, { answer.append(contentsOf: $0) }) != nil
      else { break }
    }
    // A handshake record that holds a ServerHello.
    #expect(answer.starts(with: [22, 3, 3]) && answer[5] == 2, "\(answer.prefix(8))")
    client.close()
    await #expect(throws: StreamError.closed) { try await handshake.value }
  }
}
