import LinuxSystem
import Primitives
import SystemPackage
import Testing

@Suite struct SocketTests {
  @Test(arguments: ["127.0.0.1", "::1"])
  func addressesSurviveTheKernel(text: String) throws {
    let address = try #require(IPAddress(text))
    let listener = try Sockets.listenTCP(address, port: 0, backlog: 5)
    let bound = try Sockets.localAddress(listener.raw)
    #expect(bound.ipAddress == address)
    let port = try #require(bound.port)
    #expect(port > 0)
    #expect(throws: Errno.addressInUse) {
      _ = try Sockets.listenTCP(address, port: port, backlog: 5)
    }
    #expect("\(bound)" == (text == "::1" ? "[::1]:\(port)" : "127.0.0.1:\(port)"))
  }

  @Test func credentialsOfAUnixPeerAreKnown() throws {
    let path = "/tmp/linux-system-socket-\(ThisProcess.pid)"
    let listener = try Sockets.listenUnix(path, mode: 0o600, backlog: 5)
    defer { #expect(throws: Never.self) { try Files.unlink(path) } }
    #expect(try Files.status(path).permissions == 0o600)
    let client = try Sockets.connectUnix(path)
    let accepted = try #require(try SharedDescriptor(accepting: listener.raw))
    let peer = try Sockets.peerCredentials(accepted.raw)
    #expect(peer.pid == ThisProcess.pid)
    #expect(peer.uid == Identity.uid)
    #expect(try Sockets.peerAddress(client.raw) == .path(path))
    #expect(throws: Errno.fileNameTooLong) {
      _ = try Sockets.connectUnix(String(repeating: "x", count: 200))
    }
  }

  @Test func onlyAPeerOverTCPIsAskedWhetherItLives() throws {
    let listener = try Sockets.listenTCP(
      try #require(IPAddress("127.0.0.1")), port: 0, backlog: 5)
    try Sockets.setKeepAlive(listener.raw, idle: .seconds(60), timeout: .seconds(30))
    var pair = try Sockets.streamPair()
    let end = SharedDescriptor(pair.takeFirst())
    #expect(throws: Errno.self) {
      try Sockets.setKeepAlive(end.raw, idle: .seconds(60), timeout: .seconds(30))
    }
  }

  @Test func transfersReportRoomEndAndBreakage() throws {
    var pair = try Sockets.streamPair()
    let a = pair.takeFirst()
    let b = pair.takeSecond()
    let (left, right) = (a.raw, b.raw)
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 8)
    defer { buffer.deallocate() }
    #expect(Sockets.receive(left, into: buffer) == .wouldBlock)
    var sent = 0
    while case .count(let count) = Sockets.send(left, UnsafeRawBufferPointer(buffer)) {
      sent += count
    }
    var received = 0
    while case .count(let count) = Sockets.receive(right, into: buffer) { received += count }
    #expect(sent == received && sent > 0)
    let parts = UnsafeRawBufferPointer(rebasing: buffer[..<3])
    #expect(Sockets.send(left, parts, parts) == .count(6))
    #expect(Sockets.peek(right, into: buffer) == .count(6))
    try Sockets.shutdown(left)
    #expect(Sockets.receive(right, into: buffer) == .count(6))
    #expect(Sockets.receive(right, into: buffer) == .ended)
    b.close()
    #expect(Sockets.send(left, parts) == .failed(.brokenPipe))
    a.close()
  }

  @Test func descriptorsThatDoNotFitAreReported() throws {
    var pair = try Sockets.packetPair()
    let a = pair.takeFirst()
    let b = pair.takeSecond()
    let (left, right) = (a.raw, b.raw)
    let many = [Int32](repeating: left, count: Sockets.packetDescriptorLimit)
    #expect([7].withUnsafeBytes { Sockets.sendPacket(left, $0, descriptors: many) } == .count(8))
    #expect(
      [7].withUnsafeBytes { Sockets.sendPacket(left, $0, descriptors: many + [0]) }
        == .failed(.invalidArgument))
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64, alignment: 8)
    defer { buffer.deallocate() }
    guard case .packet(8, let received, false) = Sockets.receivePacket(right, into: buffer) else {
      Issue.record("the packet did not arrive whole")
      return
    }
    #expect(received.count == many.count)
    #expect(Set(received.map(\.raw)).count == many.count)
    guard case .wouldBlock = Sockets.receivePacket(right, into: buffer) else {
      Issue.record("there is no second packet")
      return
    }
    a.close()
    b.close()
  }
}

extension SharedDescriptor {
  /// The next connection of a listener.
  convenience init?(accepting listener: Int32) throws {
    guard let accepted = try Sockets.accept(listener) else { return nil }
    self.init(accepted.take())
  }
}
