package import LinuxSystem
package import Primitives
package import Reactor
package import SystemPackage

/// A stream socket with deadlines. One task may read while another writes.
@ReactorActor
package final class ByteStream {
  let watched: Watched

  /// Takes over a connected stream socket.
  package init(_ socket: consuming OwnedDescriptor) throws(Errno) {
    watched = try Watched(socket)
  }

  private init(watching watched: Watched) { self.watched = watched }

  /// Connects over TCP, from the address `source` if given. Small writes go out at once.
  package static func connect(
    to address: IPAddress, port: UInt16, from source: IPAddress? = nil, deadline: MonotonicTime
  ) async throws(StreamError) -> ByteStream {
    let watched: Watched
    do throws(Errno) {
      watched = try Watched(Sockets.connectTCP(address, port: port, from: source))
      try Sockets.setNoDelay(watched.raw, true)
    } catch {
      throw .system(error)
    }
    watched.writeBlocked()
    do throws(WaitError) {
      try await watched.writable(deadline: deadline)
    } catch {
      throw StreamError(error)
    }
    do throws(Errno) {
      if let errno = try Sockets.pendingError(watched.raw) { throw errno }
    } catch {
      watched.close()
      throw .system(error)
    }
    return ByteStream(watching: watched)
  }

  /// The socket's number, for calls that look at it.
  package var raw: Int32 { watched.raw }

  /// Bytes that the last `sendFile` has not handed to the system; exact also while its task waits.
  package private(set) var fileBytesDue: Int64 = 0

  /// Whether this end is open.
  package var isOpen: Bool { watched.isOpen }

  /// The address of this end.
  package var localAddress: SocketAddress {
    get throws(Errno) { try Sockets.localAddress(watched.raw) }
  }

  /// The address of the other end.
  package var peerAddress: SocketAddress {
    get throws(Errno) { try Sockets.peerAddress(watched.raw) }
  }

  /// Reads what is there, at most 64 KiB, and shows it to `body` at once; `nil` at the end of the
  /// stream. The bytes are gone when `body` returns: it keeps a copy of what it cannot use yet.
  package func read<Result>(
    deadline: MonotonicTime? = nil, _ body: (UnsafeRawBufferPointer) -> Result
  ) async throws(StreamError) -> Result? {
    while true {
      if watched.mayRead {
        if watched.shareIsUsed() { await Reactor.shared.yieldTurn() }
        guard watched.isOpen else { throw .closed }
        switch Sockets.receive(watched.raw, into: ReadBuffer.shared) {
        case .count(let count):
          if count < ReadBuffer.size { watched.readDrained() }
          return body(ReadBuffer.prefix(count))
        case .ended: return nil
        case .wouldBlock: watched.readBlocked()
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

  /// Writes all bytes. `more` says that more follows at once, so that a small rest may wait for it.
  package func write(
    _ bytes: [UInt8], more: Bool = false, deadline: MonotonicTime? = nil
  ) async throws(StreamError) {
    var done = 0
    while done < bytes.count {
      guard watched.isOpen else { throw .closed }
      let outcome = bytes.withUnsafeBytes {
        Sockets.send(watched.raw, UnsafeRawBufferPointer(rebasing: $0[done...]), more: more)
      }
      done += try written(outcome)
      if done < bytes.count { try await room(deadline: deadline) }
    }
  }

  /// Writes all bytes of a buffer that stays where it is until this returns.
  package func write(
    _ bytes: UnsafeRawBufferPointer, more: Bool = false, deadline: MonotonicTime? = nil
  ) async throws(StreamError) {
    var done = 0
    while done < bytes.count {
      guard watched.isOpen else { throw .closed }
      done += try written(
        Sockets.send(watched.raw, UnsafeRawBufferPointer(rebasing: bytes[done...]), more: more))
      if done < bytes.count { try await room(deadline: deadline) }
    }
  }

  /// Writes a constant text.
  package func write(
    _ text: StaticString, more: Bool = false, deadline: MonotonicTime? = nil
  ) async throws(StreamError) {
    let bytes = UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
    try await write(bytes, more: more, deadline: deadline)
  }

  /// Sends `count` bytes of a file from `offset` without copying them. Throws `shortFile` when the
  /// file ends before; some bytes may then have been sent.
  package func sendFile(
    _ file: Int32, offset: Int64, count: Int64, deadline: MonotonicTime? = nil
  ) async throws(StreamError) {
    var done: Int64 = 0
    fileBytesDue = count
    while done < count {
      guard watched.isOpen else { throw .closed }
      let piece = Int(min(count - done, Self.filePiece))
      let outcome = Sockets.sendFile(watched.raw, file: file, offset: offset + done, count: piece)
      if outcome == .ended { throw .shortFile }
      done += Int64(try written(outcome))
      fileBytesDue = count - done
      if done < count { try await room(deadline: deadline) }
    }
  }

  /// Ends the stream in the direction of the peer; what was written still arrives.
  package func shutdownWrite() throws(Errno) { try Sockets.shutdown(watched.raw) }

  /// Closes this end; tasks that wait get `closed`.
  package func close() { watched.close() }

  /// Gives the socket back; `nil` when it has been closed.
  package func release() -> OwnedDescriptor? { watched.release() }

  /// Bytes of a file that go out before other descriptors get their turn.
  private static let filePiece: Int64 = 1 << 20

  func written(_ outcome: Transfer) throws(StreamError) -> Int {
    switch outcome {
    case .count(let count): return count
    case .failed(let errno): throw .system(errno)
    case .wouldBlock, .ended:
      watched.writeBlocked()
      return 0
    }
  }

  private func room(deadline: MonotonicTime?) async throws(StreamError) {
    if watched.shareIsUsed() { await Reactor.shared.yieldTurn() }
    do throws(WaitError) {
      try await watched.writable(deadline: deadline)
    } catch {
      throw StreamError(error)
    }
  }
}
