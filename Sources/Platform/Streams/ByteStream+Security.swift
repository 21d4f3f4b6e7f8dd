import LinuxSystem
package import Primitives
import Reactor
import SystemPackage
package import TLSEngine

/// What a TLS session waits for apart from the obvious.
struct SecurityNeeds {
  /// Reading goes on when there is room to write.
  var readWantsWrite = false
  /// Writing goes on when there is something to read.
  var writeWantsRead = false
  /// A record is partly on its way: only the same bytes may follow.
  var isWriting = false
  /// The rest of that record will never come, or the session has been closed.
  var isOver = false
  /// The socket keeps what is written until something follows, for a moment at most.
  var isCorked = false
}

/// TLS over the socket.
extension ByteStream {
  /// Whether TLS has been agreed on.
  package var isSecure: Bool { security?.isEstablished ?? false }

  /// Whether the kernel encrypts what is written.
  package var isEncryptedByKernel: Bool { security?.sendsByKernel ?? false }

  /// Begins TLS as the server and ends when the handshake is over, at the latest at `deadline`.
  ///
  /// Throws `security` when the two sides cannot agree; nothing more can be said then.
  ///
  /// - Parameter onStep: told of each step of the handshake.
  package func secure(
    asServer context: TLSContext, deadline: MonotonicTime,
    onStep: (@ReactorActor (TLSStep) -> Void)? = nil
  ) async throws(StreamError) -> TLSFacts {
    precondition(security == nil, "TLS is active")
    do throws(TLSFailure) {
      security = try TLSSession.server(context, descriptor: watched.raw)
    } catch {
      throw .security(error)
    }
    if onStep != nil { security?.noteSteps() }
    // The client speaks first.
    if !watched.mayRead { try await readable(deadline: deadline) }
    return try await shakeHands(deadline: deadline, onStep: onStep)
  }

  /// Begins TLS as the client; as `secure(asServer:)`.
  ///
  /// - Parameters:
  ///   - name: the name to ask the server for (RFC 6066 3).
  ///   - names: names of which the server's certificate is to have one; `TLSFacts.peer` tells.
  ///   - wildcardsMatchLabels: whether a `*` of a certificate stands for several labels.
  ///   - session: an earlier session to take up again.
  package func secure(
    asClient context: TLSContext, name: String? = nil, expecting names: [String] = [],
    wildcardsMatchLabels: Bool = false, resuming session: TLSResumption? = nil,
    deadline: MonotonicTime
  ) async throws(StreamError) -> TLSFacts {
    precondition(security == nil, "TLS is active")
    do throws(TLSFailure) {
      security = try TLSSession.client(
        context, descriptor: watched.raw, name: name, expecting: names,
        wildcardsMatchLabels: wildcardsMatchLabels, resuming: session)
    } catch {
      throw .security(error)
    }
    return try await shakeHands(deadline: deadline)
  }

  /// What a client needs to take the session up again; `nil` before the server has said it.
  package var resumption: TLSResumption? { security?.resumption }

  /// The digests of the peer's certificate and of its public key; `nil` when it has no certificate.
  package func peerFingerprints(_ algorithm: String) -> (certificate: [UInt8], key: [UInt8])? {
    security?.peerFingerprints(algorithm)
  }

  /// Who the peer says it is; `nil` when it has no certificate.
  package func peerCertificate(_ digest: String) -> PeerCertificate? {
    security?.peerCertificate(digest)
  }

  private func shakeHands(
    deadline: MonotonicTime, onStep: (@ReactorActor (TLSStep) -> Void)? = nil
  ) async throws(StreamError) -> TLSFacts {
    while true {
      guard watched.isOpen, let security else { throw .closed }
      // The ticket at its end goes out at once: it carries the acknowledgement for which the first
      // line of many a client waits.
      let outcome = security.handshake()
      if let onStep { security.takeSteps().forEach(onStep) }
      do throws(WaitError) {
        switch outcome {
        case .done:
          noteRead(security)
          return security.facts
        case .wantsRead:
          watched.readBlocked()
          try await watched.readable(deadline: deadline)
        case .wantsWrite:
          watched.writeBlocked()
          try await watched.writable(deadline: deadline)
        case .closed: throw .closed
        case .failed: break
        }
      } catch {
        throw StreamError(error)
      }
      if case .failed(let failure) = outcome { throw .security(failure) }
    }
  }

  /// Notes whether reading may go on: the session may hold a further record.
  private func noteRead(_ security: TLSSession) {
    if security.isDrained { watched.readDrained() } else { watched.readMayFind() }
  }

  /// Lets the socket keep what is written until `uncork`, for 0.2 s at most. What the system
  /// refuses here costs a packet.
  private func cork() {
    securityNeeds.isCorked = (try? Sockets.setCork(watched.raw, true)) != nil
  }

  private func uncork() {
    guard securityNeeds.isCorked else { return }
    securityNeeds.isCorked = false
    try? Sockets.setCork(watched.raw, false)
  }

  func readSecurelyNow(
    _ body: (UnsafeRawBufferPointer) -> Void
  ) throws(StreamError) -> Input {
    guard let security else { throw .closed }
    guard watched.mayRead || securityNeeds.readWantsWrite else { return .nothing }
    if watched.shareIsUsed() { return .shareUsed }
    securityNeeds.readWantsWrite = false
    switch security.read(into: ReadBuffer.shared) {
    case .done(let count):
      noteRead(security)
      body(ReadBuffer.prefix(count))
      return .bytes
    case .wantsRead:
      watched.readBlocked()
      return .nothing
    case .wantsWrite:
      watched.writeBlocked()
      securityNeeds.readWantsWrite = true
      return .nothing
    case .closed: return .ended
    case .failed(let failure): throw .security(failure)
    }
  }

  func readSecurely<Result>(
    deadline: MonotonicTime?, _ body: (UnsafeRawBufferPointer) -> Result
  ) async throws(StreamError) -> Result? {
    var result: Result?
    while true {
      switch try readNow({ result = body($0) }) {
      case .bytes: return result
      case .nothing: try await readable(deadline: deadline)
      case .shareUsed: await Reactor.shared.yieldTurn()
      case .ended: return nil
      }
    }
  }

  /// `more` says that the end of the session follows at once.
  func sendSecurely(
    _ bytes: UnsafeRawBufferPointer, more: Bool = false
  ) throws(StreamError) -> Int {
    guard let security, !securityNeeds.isOver else { throw .closed }
    if more { cork() }
    defer { if !more { uncork() } }
    if securityNeeds.writeWantsRead {
      securityNeeds.writeWantsRead = false
      watched.readMayFind()
    }
    return try sent(security.write(bytes))
  }

  private func sent(_ outcome: TLSOutcome) throws(StreamError) -> Int {
    securityNeeds.isWriting = false
    switch outcome {
    case .done(let count): return count
    case .wantsWrite:
      watched.writeBlocked()
      securityNeeds.isWriting = true
      return 0
    case .wantsRead:
      watched.readBlocked()
      securityNeeds.writeWantsRead = true
      securityNeeds.isWriting = true
      return 0
    case .closed: throw .closed
    case .failed(let failure): throw .security(failure)
    }
  }

  /// Waits until writing may go on. Whoever gives up in the middle of a record ends the session:
  /// the peer would take what follows for the rest of it.
  func secureRoom(deadline: MonotonicTime?) async throws(StreamError) {
    do throws(WaitError) {
      if securityNeeds.writeWantsRead {
        try await watched.readable(deadline: deadline)
      } else {
        try await watched.writable(deadline: deadline)
      }
    } catch {
      if securityNeeds.isWriting { securityNeeds.isOver = true }
      throw StreamError(error)
    }
  }

  func sendFileSecurely(
    _ file: Int32, offset: Int64, count: Int64, deadline: MonotonicTime?
  ) async throws(StreamError) {
    var done: Int64 = 0
    while done < count {
      guard watched.isOpen, let security, !securityNeeds.isOver else { throw .closed }
      if security.sendsByKernel {
        let piece = Int(min(count - done, Self.filePiece))
        let outcome = security.sendFile(file, offset: offset + done, count: piece)
        if outcome == .done(0) { throw .shortFile }
        done += Int64(try sent(outcome))
      } else {
        done += Int64(try sendRecord(file, offset: offset + done, count: count - done))
      }
      fileBytesDue = count - done
      if done < count { try await room(deadline: deadline) }
    }
  }

  /// Sends the next record of a file by way of the buffer that all streams share: a record that
  /// could not go out is read again, from a file that never changes.
  private func sendRecord(
    _ file: Int32, offset: Int64, count: Int64
  ) throws(StreamError) -> Int {
    let piece = Int(min(count, Int64(TLSSession.recordSize)))
    let buffer = UnsafeMutableRawBufferPointer(rebasing: RecordBuffer.shared[..<piece])
    do throws(Errno) {
      guard try Files.read(file, into: buffer, at: offset) == piece else {
        throw Errno.noData
      }
    } catch .noData {
      if securityNeeds.isWriting { securityNeeds.isOver = true }
      throw .shortFile
    } catch {
      throw .system(error)
    }
    return try sendSecurely(UnsafeRawBufferPointer(buffer))
  }

  func sayGoodbye() {
    if !securityNeeds.isWriting, !securityNeeds.isOver { security?.sayGoodbye() }
  }
}

/// The one buffer through which content of files goes into records.
@ReactorActor
private enum RecordBuffer {
  static let shared = UnsafeMutableRawBufferPointer.allocate(
    byteCount: TLSSession.recordSize, alignment: 64)
}
