package import MailTypes
import Primitives
import SMTPGrammar

/// Whether a service speaks TLS.
package enum SMTPServerSecurity: Sendable {
  /// It does not.
  case none
  /// It would, but something is wrong with its certificates.
  case unavailable
  /// It offers STARTTLS.
  case offered
  /// It takes no mail without TLS.
  case demanded
}

/// STARTTLS (RFC 3207).
extension SMTPServerCore {
  mutating func startTLS(
    _ argument: Range<Int>, into out: inout [UInt8]
  ) -> SMTPServerStep {
    guard argument.isEmpty else {
      return fail("501 5.5.4 Syntax: STARTTLS\r\n", into: &out)
    }
    if isSecure { return fail("554 5.5.1 Error: TLS already active\r\n", into: &out) }
    if rules.settings.security == .none || hiddenKeywords.contains(.starttls) {
      return fail("502 5.5.1 Error: command not implemented\r\n", into: &out)
    }
    if rules.settings.security == .unavailable {
      return fail("454 4.7.0 TLS not available due to local problem\r\n", into: &out)
    }
    pending = .security
    return .authorizeTLS
  }

  mutating func decideTLS(_ verdict: SMTPVerdict, into out: inout [UInt8]) -> SMTPServerStep {
    if case .refuse(let reply) = verdict { return refuse(reply, into: &out) }
    out.append(text: "220 2.0.0 Ready to start TLS\r\n")
    pending = .handshake
    return .startTLS
  }

  /// Ends a session with a reply under TLS, instead of `beginSecurely`.
  ///
  /// - Parameter countsCommand: whether STARTTLS counts as accepted all the same.
  package mutating func endSecurely(
    with reply: SMTPReply, countsCommand: Bool, into out: inout [UInt8]
  ) -> SMTPServerStep {
    precondition(!isSecure && (pending == .handshake || pending == .nothing))
    if pending == .handshake, countsCommand { counters.countAccepted(.starttls) }
    isSecure = true
    return end(with: reply, into: &out)
  }

  /// Tells that the handshake that `startTLS` asked for is done, or, before the greeting, that the
  /// connection began with TLS. What the client said before counts no more (RFC 3207 4.2).
  package mutating func beginSecurely() -> SMTPServerStep {
    precondition(!isSecure && (pending == .handshake || pending == .nothing))
    if pending == .handshake { counters.countAccepted(.starttls) }
    pending = .nothing
    isSecure = true
    dropTransaction()
    login = nil
    pendingRecipient = nil
    helo = nil
    isExtended = false
    return .next
  }

  /// Refuses what must not be said before STARTTLS where TLS is demanded.
  mutating func refuseWithoutTLS(
    _ verb: SMTPVerb, into out: inout [UInt8]
  ) -> SMTPServerStep? {
    guard rules.settings.security == .demanded, !isSecure else { return nil }
    switch verb {
    case .ehlo, .helo, .noop, .starttls, .quit, .xclient, .unknown: return nil
    case .mail, .rcpt, .data, .rset, .vrfy, .etrn, .auth, .bdat, .xforward:
      return fail("530 5.7.0 Must issue a STARTTLS command first\r\n", into: &out)
    }
  }
}
