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
    if rules.tls.logLevel >= 2 { log("setting up TLS connection from \(client.logName)") }
    isIdle = true
    defer { isIdle = false }
    do throws(StreamError) {
      let facts = try await stream.secure(
        asServer: context, deadline: Reactor.shared.now + rules.tls.handshakeTimeout)
      note(facts)
    } catch {
      logHandshakeFailure(error)
      throw .lost
    }
    let step = core.beginSecurely()
    if let authentication = rules.authentication { await offerAuthentication(authentication) }
    return step
  }

  @inline(never)
  private func note(_ facts: TLSFacts) {
    if rules.milters != nil {
      tlsMacros = [
        "tls_version": facts.protocolName, "cipher": facts.cipher,
        "cipher_bits": "\(facts.secretBits)",
      ]
    }
    let signature = facts.signatureText
    if rules.tls.tellsInReceived {
      var text = "\t(using \(facts.cipherText)"
      if let signature { text += "\r\n\t \(signature)" }
      text += ")\r\n\t(No client certificate requested)\r\n"
      securityTrace = Array(text.utf8)
    }
    guard rules.tls.logLevel >= 1 else { return }
    if let name = facts.unknownName { logUnknownName(name) }
    if facts.isResumed, rules.tls.logLevel >= 2 {
      log("\(client.logName): Reusing old session (RFC 5077 session ticket)")
    }
    var text = "Anonymous TLS connection established from \(client.logName)"
    if let name = facts.serverName { text += " to \(name)" }
    text += ": \(facts.cipherText)"
    if let signature { text += " \(signature)" }
    log(text)
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
