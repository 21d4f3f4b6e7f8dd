import MailTypes
import Primitives
import Reactor
import SMTPGrammar
import SMTPServerCore
import ServiceKit
import Streams
import TLSEngine
import TLSPolicy

/// TLS within a session (RFC 3207).
extension SMTPSession {
  /// Whether the client may begin TLS once more.
  func authorizeTLS() -> SMTPServerStep {
    guard usage?.refusesTLS("STARTTLS") == true else { return core.decide(.accept, into: &out) }
    return core.decide(.refuse(.tooManyTLSSessions(from: client.logName)), into: &out)
  }

  /// Answers STARTTLS and does the handshake.
  ///
  /// What the client sent behind the command without TLS is forgotten: nobody may put words into
  /// the mouth of who speaks after the handshake.
  func startTLS() async throws(SessionEnd) -> SMTPServerStep {
    try await flush()
    lines.discard()
    return try await secure()
  }

  /// Does the handshake; a session whose handshake fails cannot go on.
  func secure() async throws(SessionEnd) -> SMTPServerStep {
    guard let context = rules.tls.context else {
      preconditionFailure("TLS was agreed on without a context")
    }
    let isVerbose = rules.tls.logLevel >= 2
    if isVerbose {
      log("setting up TLS connection from \(client.logName)")
      log("\(client.logName): TLS cipher list \"\(rules.tls.cipherList)\"")
    }
    var onStep: (@ReactorActor (TLSStep) -> Void)?
    if isVerbose { onStep = { self.logStep($0) } }
    let facts: TLSFacts
    do throws(StreamError) {
      isIdle = true
      defer { isIdle = false }
      facts = try await stream.secure(
        asServer: context, deadline: Reactor.shared.now + rules.tls.handshakeTimeout,
        onStep: onStep)
    } catch {
      logHandshakeFailure(error)
      // Else a client could have the price of handshakes paid without a limit.
      if error != .cancelled, usage?.newTLSSession() == true { throw .hungUp }
      throw .lost
    }
    note(facts)
    if let (reply, countsCommand) = refusal(facts) {
      return try await end(with: reply, countsCommand: countsCommand)
    }
    let step = core.beginSecurely()
    if let authentication = rules.authentication { await offerAuthentication(authentication) }
    return step
  }

  /// What is said to a client that has had too many sessions, or has not the certificate that it
  /// needs, and whether its STARTTLS counts as accepted; `nil` for others.
  @inline(never)
  private func refusal(_ facts: TLSFacts) -> (SMTPReply, countsCommand: Bool)? {
    let host = rules.settings.myhostname
    if !facts.isResumed, usage?.newTLSSession() == true {
      return (.tooManyTLSSessions(myhostname: host, from: client.logName), false)
    }
    guard rules.tls.requiresCertificates, facts.peer == nil || facts.peer?.problem != nil else {
      return nil
    }
    let reason =
      facts.peer == nil ? "No client certificate presented" : "Client certificate not trusted"
    log("NOQUEUE: abort: TLS from \(client.logName): \(reason)")
    return (.certificateRefused(myhostname: host, reason), true)
  }

  /// Says why the session ends. Behind STARTTLS the client speaks first: if its words met a closed
  /// connection, it could lose the reply.
  private func end(
    with reply: SMTPReply, countsCommand: Bool
  ) async throws(SessionEnd) -> SMTPServerStep {
    let step = core.endSecurely(with: reply, countsCommand: countsCommand, into: &out)
    if rules.tls.isWrapped { return step }
    try await flush()
    // Whether it says something, leaves or is silent for too long: the session is over.
    _ = try? await stream.read(deadline: Reactor.shared.now + rules.timeout) { _ in }
    return step
  }

  @inline(never)
  private func note(_ facts: TLSFacts) {
    let certificate =
      facts.peer == nil ? nil : stream.peerCertificate(rules.tls.fingerprintDigest)
    security = SessionSecurity(facts, certificate, rules)
    guard rules.tls.logLevel >= 1 else { return }
    if let name = facts.unknownName { logUnknownName(name) }
    if facts.isResumed, rules.tls.logLevel >= 2 {
      log("\(client.logName): Reusing old session (RFC 5077 session ticket)")
    }
    logCertificate(certificate, facts)
    let trust =
      switch facts.peer {
      case nil: "Anonymous"
      case let peer?: peer.problem == nil ? "Trusted" : "Untrusted"
      }
    var text = "\(trust) TLS connection established from \(client.logName)"
    if let name = facts.serverName { text += " to \(name)" }
    text += ": \(facts.cipherText)"
    if let signature = facts.signatureText { text += " \(signature)" }
    log(text)
  }

  private func logCertificate(_ certificate: PeerCertificate?, _ facts: TLSFacts) {
    if rules.tls.logLevel >= 2, let certificate {
      log("subject=\(certificate.fullSubject)")
      log("issuer=\(certificate.fullIssuer)")
      log(
        "\(client.logName): subject_CN=\(certificate.subject), issuer=\(certificate.issuer), "
          + "fingerprint=\(certificate.fingerprint), "
          + "pkey_fingerprint=\(certificate.keyFingerprint)")
    }
    guard rules.tls.requiresCertificates, let problem = facts.peer?.problem else { return }
    log(
      facts.isResumed
        ? "\(client.logName): re-using session with untrusted certificate, "
          + "look for details earlier in the log"
        : problem.text(role: "client", name: client.logName))
  }

  private func logStep(_ step: TLSStep) {
    switch step {
    case .state(let text): log(text)
    case .issuesTicket(let time):
      log("\(client.logName): Issuing session ticket, key expiration: \(time)")
    case .opensTicket(let time):
      log("\(client.logName): Decrypting session ticket, key expiration: \(time)")
    }
  }

  private func logUnknownName(_ name: String) {
    intake.log.line(tag: rules.tag) {
      $0.append(text: "TLS SNI ")
      $0.append(peerText: Array(name.utf8)[...])
      $0.append(text: " from ")
      $0.append(contentsOf: clientText)
      $0.append(text: " not matched, using default chain")
    }
  }

  @inline(never)
  private func logHandshakeFailure(_ error: StreamError) {
    let start = "SSL_accept error from \(client.logName): "
    switch error {
    case .timedOut: log(start + "Connection timed out")
    case .cancelled: log(start + "Service shutting down")
    case .security(let failure):
      log(start + "-1")
      for reason in failure.reasons { log("warning: TLS library problem: \(reason)") }
    case .closed, .shortFile, .backlogFull, .system: log(start + "lost connection")
    }
  }
}
