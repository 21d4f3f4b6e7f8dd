package import LinuxSystem
package import Primitives
package import Reactor
package import SystemPackage
import TLSEngine

/// A stream socket with deadlines, with or without TLS. One task may read while another writes;
/// with TLS one task at a time uses it.
@ReactorActor
package final class ByteStream {
  let watched: Watched
  /// The TLS session over the socket; nothing goes past it once it has begun.
  var security: TLSSession?
  /// What reading and writing wait for where it is not what they seem to.
  var securityNeeds = SecurityNeeds()

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
  package internal(set) var fileBytesDue: Int64 = 0

  /// Whether this end is open.
  package var isOpen: Bool { watched.isOpen }

  /// The address of this end.
  package var localAddress: SocketAddress {
    get throws(Errno) { try Sockets.localAddress(openSocket()) }
  }

  /// The address of the other end.
  package var peerAddress: SocketAddress {
    get throws(Errno) { try Sockets.peerAddress(openSocket()) }
  }

  /// The number of a socket that has been closed may be another's by now.
  private func openSocket() throws(Errno) -> Int32 {
    guard isOpen else { throw .badFileDescriptor }
    return watched.raw
  }

  /// Reads what is there, at most 64 KiB, and shows it to `body` at once; `nil` at the end of the
  /// stream. The bytes are gone when `body` returns: it keeps a copy of what it cannot use yet.
  package func read<Result>(
    deadline: MonotonicTime? = nil, _ body: (UnsafeRawBufferPointer) -> Result
  ) async throws(StreamError) -> Result? {
    if security != nil { return try await readSecurely(deadline: deadline, body) }
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
      done += try bytes.withUnsafeBufferPointer { (bytes) throws(StreamError) in
        let rest = UnsafeBufferPointer(rebasing: bytes[done...])
        return try sendNow(UnsafeRawBufferPointer(rest), more: more)
      }
      if done < bytes.count { try await room(deadline: deadline) }
    }
  }

  /// Writes all bytes of a buffer that stays where it is until this returns.
  package func write(
    _ bytes: UnsafeRawBufferPointer, more: Bool = false, deadline: MonotonicTime? = nil
  ) async throws(StreamError) {
    var done = 0
    while done < bytes.count {
      done += try sendNow(UnsafeRawBufferPointer(rebasing: bytes[done...]), more: more)
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

  /// Sends `count` bytes of a file from `offset`, without TLS without copying them. Throws
  /// `shortFile` when the file ends before; some bytes may then have been sent.
  package func sendFile(
    _ file: Int32, offset: Int64, count: Int64, deadline: MonotonicTime? = nil
  ) async throws(StreamError) {
    var done: Int64 = 0
    fileBytesDue = count
    if security != nil {
      return try await sendFileSecurely(file, offset: offset, count: count, deadline: deadline)
    }
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
  package func shutdownWrite() throws(Errno) {
    sayGoodbye()
    try Sockets.shutdown(openSocket())
  }

  /// Closes this end; tasks that wait get `closed`. With TLS the peer is told, if the socket takes
  /// it at once.
  package func close() {
    if security != nil {
      sayGoodbye()
      security = nil
      securityNeeds.isOver = true
    }
    watched.close()
  }

  /// Gives the socket back; `nil` when it has been closed. Not with TLS.
  package func release() -> OwnedDescriptor? {
    precondition(security == nil, "a TLS session cannot be left")
    return watched.release()
  }

  /// Bytes of a file that go out before other descriptors get their turn.
  static let filePiece: Int64 = 1 << 20

  /// Sends what the socket takes now.
  @inline(__always)
  func sendNow(
    _ bytes: UnsafeRawBufferPointer, more: Bool
  ) throws(StreamError) -> Int {
    guard watched.isOpen else { throw .closed }
    if security != nil { return try sendSecurely(bytes, more: more) }
    return try written(Sockets.send(watched.raw, bytes, more: more))
  }

  func written(_ outcome: Transfer) throws(StreamError) -> Int {
    switch outcome {
    case .count(let count): return count
    case .failed(let errno): throw .system(errno)
    case .wouldBlock, .ended:
      watched.writeBlocked()
      return 0
    }
  }

  func room(deadline: MonotonicTime?) async throws(StreamError) {
    if watched.shareIsUsed() { await Reactor.shared.yieldTurn() }
    if security != nil { return try await secureRoom(deadline: deadline) }
    do throws(WaitError) {
      try await watched.writable(deadline: deadline)
    } catch {
      throw StreamError(error)
    }
  }
}
