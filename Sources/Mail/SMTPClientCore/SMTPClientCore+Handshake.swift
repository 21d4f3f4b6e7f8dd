import MailTypes
import Primitives
import SMTPGrammar

extension SMTPClientCore {
  /// Judges the greeting (RFC 5321 4.3.1) and says hello.
  mutating func takeGreeting() {
    guard parser.codeClass == 2 else {
      let isSoft = settings.skip5xxGreeting && parser.codeClass == 5
      return refused(in: .greeting, asClass: isSoft ? 4 : parser.codeClass)
    }
    if settings.speaksLMTP { return sayHello(.ehlo) }
    let words = parser.lines.first.map(ServerKeywords.words) ?? []
    let offersESMTP = words.contains { ASCII.equalFolded($0, "ESMTP".utf8) }
    let saysEHLO = settings.alwaysSendEHLO || offersESMTP
    sayHello(saysEHLO && !settings.neverSendEHLO ? .ehlo : .helo)
  }

  private mutating func sayHello(_ hello: State) {
    state = hello
    output.append(text: settings.speaksLMTP ? "LHLO " : hello == .ehlo ? "EHLO " : "HELO ")
    output.append(string: settings.heloName)
    queue("")
  }

  /// Judges the reply to EHLO or HELO; a server that refuses EHLO gets HELO (RFC 5321 3.2).
  mutating func takeHello() {
    guard parser.codeClass == 2 else {
      if state == .helo || parser.code == 421 || settings.speaksLMTP {
        return refused(in: helloPhase, asClass: parser.codeClass)
      }
      return sayHello(.helo)
    }
    let lines = parser.lines
    let name = lines.first.map(ServerKeywords.words)?.first ?? []
    if peer.detectsLoop, ASCII.equalFolded(name, settings.myhostname.utf8) {
      let phase = helloPhase
      state = .closed
      return fail(
        "mail for \(peer.destination) loops back to myself", EnhancedStatus(5, 4, 6), phase)
    }
    if state == .ehlo {
      (keywords, sizeLimit) = ServerKeywords.parse(
        lines: lines.dropFirst(), discarded: settings.discardedKeywords)
      noteMechanisms(lines.dropFirst())
    }
    if !isSecure, state == .ehlo, keywords.contains(.startTLS) {
      guard security.demand == .none else { return askForTLS() }
      leavesOffer = true
    }
    finishHello()
  }

  /// What comes next is mail, unless it must not go out like this.
  private mutating func finishHello() {
    if security.demand == .mandatory, !isSecure {
      state = .closed
      return fail(
        "TLS is required, but was not offered by host \(peer.label)", EnhancedStatus(4, 7, 4),
        .startTLS)
    }
    if !beginAuthentication() { endHandshake() }
  }

  /// The connection can take mail.
  mutating func endHandshake() {
    hasShakenHands = true
    state = .idle
    if transaction != nil { startTransaction() }
  }

  private mutating func askForTLS() {
    state = .startTLS
    queue("STARTTLS")
  }

  /// Judges the reply to STARTTLS (RFC 3207 4); mail that needs no TLS goes out without it.
  mutating func takeStartTLSReply() {
    if parser.codeClass == 2 {
      state = .handshake
      // What was offered without TLS may be a lie (RFC 3207 4.2).
      keywords = []
      sizeLimit = 0
      offeredMechanisms = nil
      return
    }
    if parser.code == 421 { return refused(in: .startTLS, asClass: 4) }
    guard security.demand == .mandatory else { return finishHello() }
    state = .closed
    fail(
      "TLS is required, but host \(peer.label) refused to start TLS: ", reply: parser.logText,
      parser.status, .startTLS)
  }

  /// TLS has been agreed on, with a server that is who it should be.
  ///
  /// - Parameter isProven: whether it had to prove that.
  package mutating func secured(isProven: Bool = false) {
    precondition(state == .handshake, "TLS has not been begun")
    isSecure = true
    self.isProven = isProven
    if security.isWrapped {
      state = .greeting
      repliesDue = 1
    } else {
      sayHello(.ehlo)
    }
  }

  /// No TLS could be agreed on, and the server does not know any more what is said to it.
  ///
  /// - Parameter mayGoWithout: whether the transaction is to be tried without TLS, if that is
  ///   optional. Never so where this host logs in: whoever can break the handshake would be told
  ///   the password next.
  package mutating func handshakeFailed(mayGoWithout: Bool) {
    precondition(state == .handshake, "TLS has not been begun")
    state = .closed
    guard security.demand == .optional else {
      return fail("Cannot start TLS: handshake failure", EnhancedStatus(4, 7, 5), .startTLS)
    }
    if mayGoWithout, authentication == nil { return endForPlaintext() }
    sparesDestination = true
    fail("Cannot start TLS: handshake failure", EnhancedStatus(4, 7, 5), .startTLS)
  }

  /// TLS has been agreed on with a server that has not shown who it is: it gets nothing but the
  /// goodbye.
  package mutating func serverNotProven() {
    precondition(state == .handshake, "TLS has not been begun")
    isSecure = true
    state = .closed
    fail("Server certificate not verified", EnhancedStatus(4, 7, 5), .startTLS)
    state = .quit
    queue("QUIT")
  }

  /// The command that was sent to say hello.
  var helloPhase: ClientPhase { settings.speaksLMTP ? .lhlo : state == .ehlo ? .ehlo : .helo }

  private mutating func refused(in phase: ClientPhase, asClass statusClass: UInt8) {
    let status = parser.status
    state = .closed
    fail(
      "host \(peer.label) refused to talk to me: ", reply: parser.logText,
      EnhancedStatus(statusClass, status.subject, status.detail), phase)
  }
}
