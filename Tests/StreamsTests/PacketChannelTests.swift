import LinuxSystem
import Primitives
import Reactor
import Streams
import SystemPackage
import Testing

@Suite struct PacketChannelTests {
  init() { Reactor.startThread() }

  @ReactorActor func pair(backlogLimit: Int = 1024) throws -> (PacketChannel, PacketChannel) {
    var pair = try Sockets.packetPair()
    return (
      try PacketChannel(pair.takeFirst(), backlogLimit: backlogLimit),
      try PacketChannel(pair.takeSecond(), backlogLimit: backlogLimit)
    )
  }

  @Test @ReactorActor func packetsKeepTheirBordersAndDescriptors() async throws {
    let (a, b) = try pair()
    let file = try Files.sealedMemory("test", content: [7, 8, 9])
    try a.send([1, 2, 3])
    try a.send([4], descriptors: [file.raw, file.raw])
    let inode = try Files.status(of: file.raw).inode
    file.close()
    #expect(try await b.receive()?.bytes == [1, 2, 3])
    let second = try #require(try await b.receive())
    #expect(second.bytes == [4])
    #expect(!second.isTruncated)
    #expect(try second.descriptors.map { try Files.status(of: $0.raw).inode } == [inode, inode])
    a.close()
    #expect(try await b.receive() == nil)
  }

  @Test @ReactorActor func whatFindsNoRoomIsQueuedAndSentInOrder() async throws {
    let (a, b) = try pair()
    let file = try Files.sealedMemory("test", content: [7])
    for number in 0..<400 {
      let descriptors = number % 50 == 0 ? [file.raw] : []
      try a.send([UInt8](repeating: UInt8(number & 255), count: 4000), descriptors: descriptors)
    }
    file.close()
    #expect(a.backlog > 0)
    for number in 0..<400 {
      let packet = try #require(
        try await b.receive(deadline: Reactor.shared.now + .seconds(60)))
      #expect(packet.bytes.first == UInt8(number & 255))
      #expect(packet.descriptors.count == (number % 50 == 0 ? 1 : 0))
    }
    #expect(a.backlog == 0)
  }

  @Test @ReactorActor func theBacklogIsBounded() async throws {
    let (a, b) = try pair(backlogLimit: 10)
    let packet = [UInt8](repeating: 1, count: 60_000)
    #expect(throws: StreamError.backlogFull) {
      for _ in 0..<1000 { try a.send(packet) }
    }
    #expect(a.backlog == 10)
    b.close()
    _ = a
  }

  @Test @ReactorActor func aPeerThatHasGoneIsReported() async throws {
    let (a, b) = try pair()
    b.close()
    #expect(throws: StreamError.system(.brokenPipe)) { try a.send([1]) }
    #expect(try await a.receive() == nil)
  }

  @Test @ReactorActor func lostDescriptorsAreReported() async throws {
    let (a, b) = try pair()
    let descriptors = [Int32](repeating: a.raw, count: 3)
    try a.send([UInt8](repeating: 5, count: 100), descriptors: descriptors)
    let small = UnsafeMutableRawBufferPointer.allocate(byteCount: 10, alignment: 8)
    defer { small.deallocate() }
    guard case .packet(10, let received, true) = Sockets.receivePacket(b.raw, into: small) else {
      Issue.record("a packet that is too large must say so")
      return
    }
    #expect(received.count == 3)
  }
}
