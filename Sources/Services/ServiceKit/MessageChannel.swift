package import LinuxSystem
package import Primitives
package import Reactor
package import Streams
import SystemPackage

/// A channel between two processes of Martinet that carries `InternalMessage`s.
///
/// Messages of one turn of the loop travel in as few packets as they fit, and one that is too large
/// for a packet in several; descriptors travel in the packet in which the message that they belong
/// to ends, in the order of the messages.
@ReactorActor
package final class MessageChannel {
  /// The largest packet in bytes (spool rule R27).
  package nonisolated static let packetLengthMax = 60 * 1024
  /// What one message may take of a packet, in bytes; its sender splits what is larger.
  package nonisolated static let messageLengthMax = 48 * 1024
  /// The most descriptors in a packet.
  package nonisolated static let descriptorsPerPacketMax = Sockets.packetDescriptorLimit

  private let channel: PacketChannel
  private var encoder = WireEncoder()
  private var descriptors: [Int32] = []
  private var flushIsPlanned = false
  /// What has come of messages that the next packet goes on with.
  private var pieces: [UInt8] = []

  /// The first byte of a packet that the next one goes on with; never a version.
  private static let pieceMark: UInt8 = 0
  /// More than any peer has to say at once, in bytes.
  private static let piecesLengthMax = 64 << 20

  /// Takes over a packet channel.
  package init(_ channel: PacketChannel) {
    self.channel = channel
  }

  /// Packets that the peer has not taken yet.
  package var backlog: Int { channel.backlog }

  /// Queues a message for the end of this turn. The descriptors stay the caller's and must stay
  /// open until then.
  package func post(_ message: InternalMessage, descriptors passed: [Int32] = []) {
    if descriptors.count + passed.count > Self.descriptorsPerPacketMax { flush() }
    let before = encoder.bytes.count
    if before == 0 { encoder.put(InternalMessage.protocolVersion) }
    message.encode(into: &encoder)
    if encoder.bytes.count > Self.packetLengthMax, before > 0 {
      let tail = Array(encoder.bytes[before...])
      let head = Array(encoder.bytes[..<before])
      send(head)
      descriptors.removeAll()
      encoder.removeAll()
      encoder.put(InternalMessage.protocolVersion)
      encoder.append(raw: tail)
    }
    descriptors.append(contentsOf: passed)
    guard !flushIsPlanned else { return }
    flushIsPlanned = true
    Reactor.shared.atEndOfTurn { self.flush() }
  }

  /// Sends what was posted.
  package func flush() {
    flushIsPlanned = false
    guard !encoder.bytes.isEmpty else { return }
    send(encoder.bytes)
    encoder.removeAll()
    descriptors.removeAll(keepingCapacity: true)
  }

  /// A peer that does not read is cut off: this end's reader sees the channel closed, and what
  /// matters is said again over the channel that comes after it (spool rule R13). What a peer that
  /// is gone had sent is still read to its end, since it may be the results of deliveries.
  private func send(_ packet: [UInt8]) {
    do throws(StreamError) {
      guard packet.count > Self.packetLengthMax else {
        return try channel.send(packet, descriptors: descriptors)
      }
      var rest = packet.dropFirst()
      while rest.count >= Self.packetLengthMax {
        try channel.send([Self.pieceMark] + rest.prefix(Self.packetLengthMax - 1))
        rest = rest.dropFirst(Self.packetLengthMax - 1)
      }
      try channel.send([packet[0]] + rest, descriptors: descriptors)
    } catch {
      switch error {
      case .system(.brokenPipe), .system(.connectionReset): return
      default: channel.close()
      }
    }
  }

  /// What arrived together.
  package struct Delivery {
    /// The messages in the order in which they were posted.
    package var messages: [InternalMessage]
    /// Their descriptors, in the order of the messages that carry them.
    package var descriptors: [SharedDescriptor]
  }

  /// Waits for the next packet; `nil` at the end of the stream.
  ///
  /// - Throws: `StreamError` of the channel; a packet that does not decode counts as the end, for a
  ///   peer that speaks otherwise is another program.
  package func receive(deadline: MonotonicTime? = nil) async throws(StreamError) -> Delivery? {
    while true {
      let received = try await channel.receive(deadline: deadline) {
        self.understand($0, $1, isTruncated: $2)
      }
      switch received {
      case .whole(let delivery)?: return delivery
      case .piece?: continue
      case .nonsense?, nil: return nil
      }
    }
  }

  private enum Arrival {
    case whole(Delivery)
    case piece
    case nonsense
  }

  private func understand(
    _ bytes: UnsafeRawBufferPointer, _ descriptors: [SharedDescriptor], isTruncated: Bool
  ) -> Arrival {
    guard !isTruncated, let first = bytes.first else { return .nonsense }
    if first == Self.pieceMark {
      pieces.append(contentsOf: bytes.dropFirst())
      return pieces.count <= Self.piecesLengthMax ? .piece : .nonsense
    }
    var messages: [InternalMessage] = []
    do {
      if pieces.isEmpty {
        try InternalMessage.decode(packet: bytes) { messages.append($0) }
      } else {
        let whole = [first] + pieces + bytes.dropFirst()
        pieces = []
        try whole.withUnsafeBytes { whole in
          try InternalMessage.decode(packet: whole) { messages.append($0) }
        }
      }
    } catch {
      return .nonsense
    }
    return .whole(Delivery(messages: messages, descriptors: descriptors))
  }

  /// Ends the channel; a waiting `receive` returns.
  package func close() { channel.close() }
}
