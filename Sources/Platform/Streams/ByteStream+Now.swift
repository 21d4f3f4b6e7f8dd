import LinuxSystem
package import Primitives
import Reactor

/// Reading and writing without waiting, for sessions by the thousand: what they do between two
/// waits is plain synchronous code, and while they wait their stack is shallow.
extension ByteStream {
  /// What `readNow` found.
  package enum Input: Sendable {
    /// Bytes, which have been shown.
    case bytes
    /// Nothing for now: `readable` waits for more.
    case nothing
    /// The peer sends no more.
    case ended
    /// The stream has had its share of this turn: `Reactor.yieldTurn()` lets others go first.
    case shareUsed
  }

  /// Reads what is there now, at most 64 KiB, and shows it to `body`, as `read` does.
  package func readNow(
    _ body: (UnsafeRawBufferPointer) -> Void
  ) throws(StreamError) -> Input {
    guard watched.isOpen else { throw .closed }
    if security != nil { return try readSecurelyNow(body) }
    guard watched.mayRead else { return .nothing }
    if watched.shareIsUsed() { return .shareUsed }
    switch Sockets.receive(watched.raw, into: ReadBuffer.shared) {
    case .count(let count):
      if count < ReadBuffer.size { watched.readDrained() }
      body(ReadBuffer.prefix(count))
      return .bytes
    case .ended: return .ended
    case .wouldBlock:
      watched.readBlocked()
      return .nothing
    case .failed(let errno): throw .system(errno)
    }
  }

  /// Waits until `readNow` may find something.
  package func readable(deadline: MonotonicTime? = nil) async throws(StreamError) {
    do throws(WaitError) {
      if securityNeeds.readWantsWrite {
        try await watched.writable(deadline: deadline)
      } else {
        try await watched.readable(deadline: deadline)
      }
    } catch {
      throw StreamError(error)
    }
  }

  /// Writes what the socket takes now and gives the number of bytes; `write` sends the rest, which
  /// with TLS must be the next that is written.
  ///
  /// `more` says that more, or the end, follows at once, so that all goes out together.
  package func writeNow(_ bytes: [UInt8], more: Bool = false) throws(StreamError) -> Int {
    try bytes.withUnsafeBufferPointer { (bytes) throws(StreamError) in
      try sendNow(UnsafeRawBufferPointer(bytes), more: more)
    }
  }

  /// Whether everything that came has been read, as far as is known.
  package var isDrained: Bool { !watched.mayRead }
}
