import LinuxSystem
import MailTypes
import Primitives
import Reactor
import Streams
import Testing

@testable import ServiceKit

@Suite struct MessageChannelTests {
  init() { Reactor.startThread() }

  @ReactorActor func pair() throws -> (MessageChannel, MessageChannel) {
    var pair = try Sockets.packetPair()
    return (
      MessageChannel(try PacketChannel(pair.takeFirst())),
      MessageChannel(try PacketChannel(pair.takeSecond()))
    )
  }

  @ReactorActor func receive(
    _ count: Int, from channel: MessageChannel
  ) async throws -> (messages: [InternalMessage], descriptors: [SharedDescriptor]) {
    var messages: [InternalMessage] = []
    var descriptors: [SharedDescriptor] = []
    while messages.count < count {
      let delivery = try #require(
        try await channel.receive(deadline: Clocks.monotonicNow() + .seconds(10)))
      messages += delivery.messages
      descriptors += delivery.descriptors
    }
    return (messages, descriptors)
  }

  @Test @ReactorActor func messagesOfATurnTravelInFewPackets() async throws {
    let (near, far) = try pair()
    let messages = (0..<1000).map { InternalMessage.acknowledge([UInt64($0)]) }
    for message in messages { near.post(message) }
    let first = try #require(try await far.receive())
    #expect(first.messages == messages)
  }

  @Test @ReactorActor func aMessageOfAnySizeArrivesInItsPlace() async throws {
    let (near, far) = try pair()
    for size in [59_000, 61_000, 65_000, 70_000, 130_000, 1_000_000] {
      let large = InternalMessage.queueAnswer(
        id: 1, part: (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 7) }, last: true)
      let messages: [InternalMessage] = [.ready, large, .drain]
      for message in messages { near.post(message) }
      #expect(try await receive(3, from: far).messages == messages)
    }
  }

  @Test @ReactorActor func descriptorsStayWithTheirMessages() async throws {
    let (near, far) = try pair()
    let files = try (0..<40).map {
      SharedDescriptor(try Files.sealedMemory("file", content: [UInt8($0)]))
    }
    var posted: [InternalMessage] = []
    for (number, file) in files.enumerated() {
      let message = InternalMessage.segment(Nonce(high: 1, low: UInt64(number)))
      posted.append(message)
      near.post(message, descriptors: [file.raw])
      if number % 10 == 5 {
        let large = InternalMessage.queueAnswer(
          id: 1, part: [UInt8](repeating: 1, count: 100_000), last: false)
        posted.append(large)
        near.post(large)
      }
    }
    let received = try await receive(posted.count, from: far)
    #expect(received.messages == posted)
    let contents = try received.descriptors.map {
      try Files.read($0.raw, count: 1, at: 0)
    }
    #expect(contents == (0..<40).map { [UInt8($0)] })
  }

  @Test @ReactorActor func aPeerThatSpeaksOtherwiseIsTheEnd() async throws {
    var ends = try Sockets.packetPair()
    let raw = try PacketChannel(ends.takeFirst())
    let channel = MessageChannel(try PacketChannel(ends.takeSecond()))
    try raw.send([77, 1, 2, 3])
    let received = try await channel.receive()
    #expect(received == nil)
  }

  @Test(arguments: [false, true]) @ReactorActor
  func whatAPeerHadSaidBeforeItDiedIsRead(speaksFirst: Bool) async throws {
    let (near, far) = try pair()
    // What the dead one has not read makes its end a reset.
    far.post(.drain)
    far.flush()
    near.post(.acknowledge([1]))
    near.flush()
    near.post(.acknowledge([2]))
    near.flush()
    near.close()
    if speaksFirst {
      far.post(.drain)
      far.flush()
    }
    #expect(try await receive(2, from: far).messages == [.acknowledge([1]), .acknowledge([2])])
    let end = try await far.receive()
    #expect(end == nil)
  }
}
