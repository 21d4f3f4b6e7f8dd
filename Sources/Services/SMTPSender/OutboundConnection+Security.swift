import Primitives
import Reactor
import SMTPClientCore
import ServiceKit
import Streams
import TLSEngine
import TLSPolicy

/// TLS towards a server (RFC 3207).
extension OutboundConnection {
  private var tls: ClientTLS { agreement.transport.tls }
  private var peer: PeerName { core.peer }

  /// The destination's name without brackets and port.
  private var nextHopName: String { hop.name ?? settings.client.myhostname }

  private var sessionKey: TLSSessionCache.Key {
    TLSSessionCache.Key(
      policy: agreement.identity, host: peer.host, address: peer.address,
      port: peer.port, destination: nextHopName)
  }

  /// Does the handshake and judges the server.
  func startTLS(_ stream: ByteStream) async {
    guard let context = agreement.context else {
      preconditionFailure("TLS was agreed on without a context")
    }
    if tls.logLevel >= 2 { log("setting up TLS connection to \(serverName)") }
    let sessions = agreement.transport.sessions
    let key = sessionKey
    let known = sessions.isUsed ? sessions.find(key, at: Reactor.shared.now) : nil
    do throws(StreamError) {
      let facts = try await stream.secure(
        asClient: context, name: askedName,
        expecting: agreement.policy.expectedNames(nextHop: nextHopName, host: peer.host),
        wildcardsMatchLabels: tls.wildcardsMatchLabels,
        resuming: known?.session,
        deadline: Reactor.shared.now + tls.handshakeTimeout)
      judge(facts, stream, resumedFrom: facts.isResumed ? known : nil)
    } catch {
      if isAborting { return }
      sessions.forget(key)
      logHandshakeFailure(error)
      core.handshakeFailed(mayGoWithout: jobIsOld)
    }
  }

  /// Addresses are no names to ask for (RFC 6066 3).
  private var askedName: String? {
    let name = agreement.policy.askedName(nextHop: nextHopName, host: peer.host)
    return name.flatMap { IPAddress($0) == nil ? $0 : nil }
  }

  /// Whether mail has waited so long that TLS, where it is optional, is given up for it.
  private var jobIsOld: Bool {
    guard let request = job?.request else { return false }
    let waited = request.activated.microseconds - request.arrival.microseconds
    return .microseconds(waited) >= tls.fallbackAge
  }

  private func judge(
    _ facts: TLSFacts, _ stream: ByteStream, resumedFrom known: TLSSessionCache.Entry?
  ) {
    let policy = agreement.policy
    let isKnown =
      policy.level == .fingerprint
      ? hasKnownFingerprint(stream) : facts.peer.map { $0.problem == nil } ?? false
    let isProven = !policy.demandsProof || isKnown
    if !isProven { logDoubt(facts) }
    securityText = text(of: facts, isKnown: isKnown)
    if tls.logLevel >= 1 {
      if facts.isResumed, tls.logLevel >= 2 { log("\(serverName): Reusing old session") }
      logSecurity("established")
    }
    if isProven {
      sessionMadeAt = known?.madeAt ?? Reactor.shared.now
      core.secured(isProven: policy.demandsProof)
    } else {
      agreement.transport.sessions.forget(sessionKey)
      core.serverNotProven()
    }
  }

  private func hasKnownFingerprint(_ stream: ByteStream) -> Bool {
    guard let shown = stream.peerFingerprints(tls.digest) else { return false }
    let known = agreement.policy.fingerprints
    return known.contains(shown.certificate) || known.contains(shown.key)
  }

  private func text(of facts: TLSFacts, isKnown: Bool) -> (trust: StaticString, facts: String) {
    let trust: StaticString =
      if facts.peer == nil {
        "Anonymous"
      } else if !isKnown {
        "Untrusted"
      } else {
        agreement.policy.demandsProof ? "Verified" : "Trusted"
      }
    let signature = facts.signatureText.map { " \($0)" } ?? ""
    return (trust, facts.cipherText + signature)
  }

  /// Logs what was agreed on with the server.
  ///
  /// - Parameter event: `established`, or `reused` for a further message.
  func logSecurity(_ event: StaticString) {
    guard tls.logLevel >= 1, let (trust, facts) = securityText else { return }
    let server = serverName
    settings.log(log) {
      $0.append(text: trust)
      $0.append(text: " TLS connection ")
      $0.append(text: event)
      $0.append(text: " to ")
      $0.append(string: server)
      $0.append(text: ": ")
      $0.append(string: facts)
    }
  }

  /// The server as lines of the log name it.
  private var serverName: String { String(decoding: relay, as: UTF8.self) }

  private func logDoubt(_ facts: TLSFacts) {
    let doubt = "certificate verification failed for \(serverName): "
    guard let peer = facts.peer else { return log("server \(doubt)it has none") }
    guard agreement.policy.level != .fingerprint else {
      // Postfix treats fingerprints as if they were TLSA records, and log parsers know its words.
      return log("server \(doubt)num=65:no matching DANE TLSA records")
    }
    if let problem = peer.problem { log(problem.text(role: "server", name: serverName)) }
  }

  private func logHandshakeFailure(_ error: StreamError) {
    let start = "SSL_connect error to \(serverName): "
    switch error {
    case .timedOut: log(start + "Connection timed out")
    case .security(let failure):
      log(start + "-1")
      for reason in failure.reasons { log("warning: TLS library problem: \(reason)") }
    case .cancelled, .closed, .shortFile, .backlogFull, .system: log(start + "lost connection")
    }
  }

  /// Writes a line; the server may have had a say in the text.
  private func log(_ text: String) {
    settings.log(log) { $0.append(peerText: Array(text.utf8)) }
  }

  /// Says that a server offers what is not used, if that is wanted.
  func noteOffer() {
    guard tls.notesOffers, core.leavesOffer else { return }
    log("Host offered STARTTLS: [\(peer.host)]")
  }

  /// Keeps the session for the next connection, once the server has said how to take it up.
  func keepSession() {
    let sessions = agreement.transport.sessions
    guard sessions.isUsed, let madeAt = sessionMadeAt, let session = stream?.resumption else {
      return
    }
    sessionMadeAt = nil
    sessions.keep(session, for: sessionKey, madeAt: madeAt)
  }
}
