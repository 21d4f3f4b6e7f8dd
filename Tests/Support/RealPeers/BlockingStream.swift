import Glibc
import TLSEngine

/// A connected socket read line by line; each call gives up after the socket's time limit.
final class BlockingStream {
  private var descriptor: Int32
  private var buffer: [UInt8] = []
  private var start = 0
  /// TLS over the socket, once it has begun.
  private var security: TLSSession?

  init(_ descriptor: Int32) { self.descriptor = descriptor }

  deinit { close() }

  /// Closes it; with `reset`, so that the peer gets an error and not an end of file.
  func close(reset: Bool = false) {
    guard descriptor >= 0 else { return }
    if !reset { security?.sayGoodbye() }
    security = nil
    if reset {
      var linger = linger(l_onoff: 1, l_linger: 0)
      setsockopt(
        descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<Glibc.linger>.size))
    }
    Glibc.close(descriptor)
    descriptor = -1
  }

  /// Writes all bytes.
  func write(_ bytes: some Collection<UInt8>) throws(PeerError) {
    var rest = Array(bytes)[...]
    while !rest.isEmpty {
      if let security {
        let outcome = rest.withUnsafeBytes { security.write($0) }
        rest = rest.dropFirst(try count(outcome, waitingFor: "room to write"))
        continue
      }
      let count = rest.withUnsafeBytes {
        send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else {
        throw errno == EAGAIN ? .timedOut("room to write") : .closed("room to write")
      }
      rest = rest.dropFirst(count)
    }
  }

  /// The next line without its LF and a CR before it; `nil` at the end of the stream.
  func readLine(waitingFor wanted: String) throws(PeerError) -> [UInt8]? {
    guard var line = try readThroughLineFeed(waitingFor: wanted) else { return nil }
    line.removeLast()
    if line.last == 13 { line.removeLast() }
    return line
  }

  /// The next line as it came, with its LF; `nil` at the end of the stream.
  func readThroughLineFeed(waitingFor wanted: String) throws(PeerError) -> [UInt8]? {
    var searched = start
    while true {
      if let end = buffer[searched...].firstIndex(of: 10) {
        defer { start = end + 1 }
        return Array(buffer[start...end])
      }
      buffer.removeFirst(start)
      start = 0
      searched = buffer.count
      guard try fill(waitingFor: wanted) else { return nil }
    }
  }

  /// Takes what is there into the buffer; false at the end of the stream.
  private func fill(waitingFor wanted: String) throws(PeerError) -> Bool {
    let size = 65536
    let old = buffer.count
    buffer.append(contentsOf: repeatElement(0, count: size))
    if let security {
      let outcome = buffer.withUnsafeMutableBytes {
        security.read(into: UnsafeMutableRawBufferPointer(rebasing: $0[old...]))
      }
      guard case .done(let read) = outcome else {
        buffer.removeLast(size)
        if outcome == .closed { return false }
        return try count(outcome, waitingFor: wanted) > 0
      }
      buffer.removeLast(size - read)
      return true
    }
    let count = buffer.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress! + old, size, 0) }
    let failure = errno
    buffer.removeLast(size - max(count, 0))
    if count < 0, failure == EINTR { return true }
    if count < 0, failure == EAGAIN { throw .timedOut(wanted) }
    if count < 0 { throw .closed(wanted) }
    return count > 0
  }

  /// Begins TLS and tells what was agreed on.
  func secure(
    _ context: TLSContext, name: String?, resuming session: TLSResumption?
  ) throws(PeerError) -> TLSFacts {
    let security: TLSSession
    do throws(TLSFailure) {
      security = try TLSSession.client(
        context, descriptor: descriptor, name: name, resuming: session)
    } catch {
      throw .closed("a TLS session: \(error)")
    }
    self.security = security
    _ = try count(security.handshake(), waitingFor: "the TLS handshake")
    return security.facts
  }

  /// What is needed to take the TLS session up again.
  var resumption: TLSResumption? { security?.resumption }

  /// The socket gives up after its time limit, which TLS takes for a wish to wait.
  private func count(_ outcome: TLSOutcome, waitingFor wanted: String) throws(PeerError) -> Int {
    switch outcome {
    case .done(let count): return count
    case .wantsRead, .wantsWrite: throw .timedOut(wanted)
    case .closed: throw .closed(wanted)
    case .failed(let failure): throw .closed("\(wanted): \(failure)")
    }
  }
}
