import COpenSSL

/// One TLS session over a non-blocking socket; the one owner of its `SSL`.
///
/// No call waits: what cannot go on says whether it wants to read or to write. One task at a time
/// uses it.
package final class TLSSession {
  let pointer: OpaquePointer
  private let context: TLSContext
  private let descriptor: Int32
  /// Whether an error has ended the session, so that nothing may be said any more.
  private var isBroken = false
  /// Whether the handshake is over.
  package private(set) var isEstablished = false
  private let isServer: Bool
  /// Whether the last step read the socket and found less than it asked for.
  private let emptied: UnsafeMutablePointer<Int32>
  /// The steps of the handshake, where they are wanted.
  private var steps: TLSSteps?

  /// The largest part of a stream that goes out as one record, in bytes.
  package static let recordSize = 16384

  private init(
    _ context: TLSContext, descriptor: Int32, isServer: Bool
  ) throws(TLSFailure) {
    ERR_clear_error()
    guard let pointer = SSL_new(context.pointer) else { throw .taken() }
    self.pointer = pointer
    self.context = context
    self.descriptor = descriptor
    self.isServer = isServer
    emptied = .allocate(capacity: 1)
    emptied.initialize(to: 0)
    let raw = Unmanaged.passUnretained(context).toOpaque()
    guard SSL_set_ex_data(pointer, contextIndex, raw) == 1, SSL_set_fd(pointer, descriptor) == 1
    else { throw .taken() }
    copenssl_watch_reads(pointer, emptied)
    if isServer { SSL_set_accept_state(pointer) } else { SSL_set_connect_state(pointer) }
  }

  deinit {
    SSL_free(pointer)
    emptied.deallocate()
  }

  /// The server's side on a connected socket, which somebody else owns and keeps open.
  package static func server(
    _ context: TLSContext, descriptor: Int32
  ) throws(TLSFailure) -> TLSSession {
    try TLSSession(context, descriptor: descriptor, isServer: true)
  }

  /// The client's side. `name` is what the client asks for; `resuming` is one to take up again.
  ///
  /// The server's certificate is to have one of the names in `expecting`; one with a dot before it
  /// stands for all names below. An address is to be in the certificate whatever else is.
  package static func client(
    _ context: TLSContext, descriptor: Int32, name: String? = nil, expecting: [String] = [],
    wildcardsMatchLabels: Bool = false, resuming: TLSResumption? = nil
  ) throws(TLSFailure) -> TLSSession {
    let session = try TLSSession(context, descriptor: descriptor, isServer: false)
    if !expecting.isEmpty {
      let several = wildcardsMatchLabels ? X509_CHECK_FLAG_MULTI_LABEL_WILDCARDS : 0
      SSL_set_hostflags(
        session.pointer, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | several))
    }
    for name in expecting where SSL_add1_host(session.pointer, name) != 1 { throw .taken() }
    if let name, copenssl_set_host_name(session.pointer, name) != 1 { throw .taken() }
    if let resuming, SSL_set_session(session.pointer, resuming.pointer) != 1 { throw .taken() }
    return session
  }

  /// Goes on with the handshake.
  package func handshake() -> TLSOutcome {
    ERR_clear_error()
    emptied.pointee = 0
    let outcome = outcome(SSL_do_handshake(pointer), count: 0)
    if outcome == .done(0) {
      isEstablished = true
      SSL_set_info_callback(pointer, nil)
    }
    return outcome
  }

  /// Has the steps of the handshake noted, for `takeSteps`.
  package func noteSteps() {
    let steps = TLSSteps()
    guard SSL_set_ex_data(pointer, stepsIndex, Unmanaged.passUnretained(steps).toOpaque()) == 1
    else { return }
    self.steps = steps
    SSL_set_info_callback(pointer, stepCallback)
  }

  /// The steps since they were last taken.
  package func takeSteps() -> [TLSStep] { steps?.take() ?? [] }

  /// Reads what one record holds, at most, into `buffer`, which must not be empty.
  package func read(into buffer: UnsafeMutableRawBufferPointer) -> TLSOutcome {
    ERR_clear_error()
    emptied.pointee = 0
    var count = 0
    let result = SSL_read_ex(pointer, buffer.baseAddress, buffer.count, &count)
    return outcome(result, count: count)
  }

  /// Whether the last step read all that the socket held and left nothing in the session. A record
  /// that had been read before says nothing of the socket: more may have come since.
  package var isDrained: Bool {
    emptied.pointee != 0 && SSL_has_pending(pointer) == 0 && copenssl_reads_by_kernel(pointer) == 0
  }

  /// Writes what the socket takes. What follows a `wantsRead` or `wantsWrite` must begin with the
  /// same bytes, and at least as many: a part of them may be on its way.
  package func write(_ bytes: UnsafeRawBufferPointer) -> TLSOutcome {
    guard !bytes.isEmpty else { return .done(0) }
    ERR_clear_error()
    var count = 0
    let result = SSL_write_ex(pointer, bytes.baseAddress, bytes.count, &count)
    return outcome(result, count: count)
  }

  /// Whether the kernel encrypts what is written, so that `sendFile` copies nothing.
  package var sendsByKernel: Bool { copenssl_sends_by_kernel(pointer) != 0 }

  /// Sends bytes of a file; only where `sendsByKernel`. `.done(0)` when the file ends there.
  package func sendFile(_ file: Int32, offset: Int64, count: Int) -> TLSOutcome {
    ERR_clear_error()
    let sent = SSL_sendfile(pointer, file, Int(offset), count, 0)
    return sent >= 0 ? .done(sent) : outcome(-1, count: 0)
  }

  /// Tells the peer, if the socket takes it at once, that nothing more comes (close_notify).
  package func sayGoodbye() {
    guard isEstablished, !isBroken else { return }
    ERR_clear_error()
    // Nobody waits for an answer: SMTP has its own end, and the socket is closed next.
    _ = SSL_shutdown(pointer)
    ERR_clear_error()
  }

  /// What a client needs to take the session up again; `nil` before the server has said it.
  package var resumption: TLSResumption? {
    guard let session = SSL_get1_session(pointer) else { return nil }
    let resumption = TLSResumption(adopting: session)
    return SSL_SESSION_is_resumable(session) == 1 ? resumption : nil
  }

  /// What was agreed on; only once established.
  package var facts: TLSFacts {
    var facts = TLSFacts(pointer, isServer: isServer)
    if isServer, context.names != nil,
      let name = SSL_get_servername(pointer, TLSEXT_NAMETYPE_host_name)
    {
      if SSL_get_SSL_CTX(pointer) != context.pointer {
        facts.serverName = String(cString: name)
      } else {
        facts.unknownName = String(cString: name)
      }
    }
    return facts
  }

  private func outcome(_ result: Int32, count: Int) -> TLSOutcome {
    if result == 1 { return .done(count) }
    switch SSL_get_error(pointer, result) {
    case SSL_ERROR_WANT_READ: return .wantsRead
    case SSL_ERROR_WANT_WRITE: return .wantsWrite
    case SSL_ERROR_ZERO_RETURN:
      return .closed
    case SSL_ERROR_SYSCALL:
      isBroken = true
      ERR_clear_error()
      return .closed
    default:
      isBroken = true
      if copenssl_is_unexpected_eof(ERR_peek_error()) != 0 {
        ERR_clear_error()
        return .closed
      }
      return .failed(.taken())
    }
  }
}

/// The one owner of a session that a client can take up again.
package final class TLSResumption {
  let pointer: OpaquePointer

  init(adopting pointer: OpaquePointer) { self.pointer = pointer }

  deinit { SSL_SESSION_free(pointer) }
}
