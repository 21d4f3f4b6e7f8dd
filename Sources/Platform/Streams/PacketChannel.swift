package import LinuxSystem
package import Primitives
package import Reactor
package import SystemPackage

/// One packet of a channel.
package struct Packet: Sendable {
  /// Its bytes.
  package let bytes: [UInt8]
  /// The descriptors that came with it.
  package let descriptors: [SharedDescriptor]
  /// Whether bytes or descriptors were lost on the way in: it was too large, or this process may
  /// open no more descriptors.
  package let isTruncated: Bool
}

/// A `SOCK_SEQPACKET` channel between two processes: whole packets of up to 64 KiB, in order, with
/// up to `Sockets.packetDescriptorLimit` descriptors each.
@ReactorActor
package final class PacketChannel {
  private struct Outgoing {
    let bytes: [UInt8]
    let descriptors: [SharedDescriptor]
  }

  private let watched: Watched
  private var queue: [Outgoing] = []
  private var failure: Errno?
  /// The most packets that wait for the peer to read.
  package let backlogLimit: Int

  /// The time after which packets with descriptors are tried again while too many are under way.
  private static let descriptorPause = Duration.milliseconds(10)

  /// Takes over one end of a packet socket.
  package init(
    _ socket: consuming OwnedDescriptor, backlogLimit: Int = 1024
  ) throws(Errno) {
    watched = try Watched(socket)
    self.backlogLimit = backlogLimit
  }

  /// The packets that wait until the peer has read others.
  package var backlog: Int { queue.count }

  /// The socket's number, for calls that look at it.
  package var raw: Int32 { watched.raw }

  /// Whether this end is open.
  package var isOpen: Bool { watched.isOpen }

  /// Sends a packet, or queues it when there is no room; never waits. Copies of the descriptors
  /// travel: the caller may close its own at once.
  ///
  /// Throws `backlogFull` when `backlogLimit` packets wait, and what broke the channel, also when
  /// that was noticed while a packet that had been queued was sent.
  package func send(
    _ bytes: [UInt8], descriptors: [Int32] = []
  ) throws(StreamError) {
    precondition(bytes.count <= ReadBuffer.size, "a packet is too large")
    guard watched.isOpen else { throw .closed }
    if let failure { throw .system(failure) }
    if queue.isEmpty {
      let outcome = bytes.withUnsafeBytes {
        Sockets.sendPacket(watched.raw, $0, descriptors: descriptors)
      }
      if try isSent(outcome) { return }
    }
    try append(bytes, descriptors)
  }

  /// The next packet, copied; `nil` when the peer has closed its end.
  package func receive(deadline: MonotonicTime? = nil) async throws(StreamError) -> Packet? {
    try await receive(deadline: deadline) { bytes, descriptors, isTruncated in
      Packet(bytes: [UInt8](bytes), descriptors: descriptors, isTruncated: isTruncated)
    }
  }

  /// Shows the next packet to `body`: its bytes, valid only there, its descriptors, and whether
  /// something of it was lost. `nil` when the peer has closed its end and everything that it sent
  /// has been seen: a peer that leaves packets unread resets the channel, which is reported once,
  /// before what it had sent itself.
  package func receive<Result>(
    deadline: MonotonicTime? = nil,
    _ body: (UnsafeRawBufferPointer, [SharedDescriptor], Bool) -> Result
  ) async throws(StreamError) -> Result? {
    var wasReset = false
    while true {
      if watched.mayRead {
        if watched.shareIsUsed() { await Reactor.shared.yieldTurn() }
        guard watched.isOpen else { throw .closed }
        switch Sockets.receivePacket(watched.raw, into: ReadBuffer.shared) {
        case .packet(let count, let descriptors, let truncated):
          return body(ReadBuffer.prefix(count), descriptors, truncated)
        case .ended: return nil
        case .wouldBlock: watched.readBlocked()
        case .failed(.connectionReset):
          if wasReset { return nil }
          wasReset = true
          continue
        case .failed(let errno): throw .system(errno)
        }
      }
      do throws(WaitError) {
        try await watched.readable(deadline: deadline)
      } catch {
        throw StreamError(error)
      }
    }
  }

  /// Closes this end. Packets that wait are lost; tasks that wait get `closed`.
  package func close() {
    watched.close()
    queue.removeAll()
  }

  /// Whether a packet went out; false when it has to wait.
  private func isSent(_ outcome: Transfer) throws(StreamError) -> Bool {
    switch outcome {
    case .count: return true
    case .wouldBlock, .ended:
      watched.writeBlocked()
      return false
    case .failed(.tooManyReferences): return false
    case .failed(let errno):
      failure = errno
      throw .system(errno)
    }
  }

  private func append(_ bytes: [UInt8], _ descriptors: [Int32]) throws(StreamError) {
    guard queue.count < backlogLimit else { throw .backlogFull }
    var copies: [SharedDescriptor] = []
    for raw in descriptors {
      do throws(Errno) {
        copies.append(SharedDescriptor(try OwnedDescriptor.duplicate(of: raw)))
      } catch {
        throw .system(error)
      }
    }
    queue.append(Outgoing(bytes: bytes, descriptors: copies))
    if queue.count == 1 { reactorTask { await self.sendQueued() } }
  }

  /// Sends what waits, in order, until nothing is left or the channel breaks.
  private func sendQueued() async {
    do {
      while let next = queue.first, watched.isOpen {
        let outcome = next.bytes.withUnsafeBytes {
          Sockets.sendPacket(watched.raw, $0, descriptors: next.descriptors.map(\.raw))
        }
        if try isSent(outcome) {
          queue.removeFirst()
        } else if watched.mayWrite {
          try await sleep(until: Reactor.shared.now + Self.descriptorPause)
        } else {
          try await watched.writable()
        }
      }
    } catch {
      queue.removeAll()
    }
  }
}
