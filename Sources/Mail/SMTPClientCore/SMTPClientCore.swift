import MailTypes
import Primitives
import SASL
import SMTPGrammar

/// What the driver of a connection is to do next.
package enum ClientAction: Sendable, Equatable {
  /// Write `output`, then call `sent()`.
  case send
  /// Write the content and the line with a dot that ends it, then call `contentSent()`.
  case sendContent
  /// Read, with this time limit, and pass it to `receive(_:)`.
  case awaitReply(TimeoutKind)
  /// Nothing: the connection can take a transaction.
  case ready
  /// Begin TLS, then call `secured()`, `handshakeFailed(_:)` or `serverNotProven()`.
  case startTLS
  /// Take the results; said once for each transaction.
  case transactionDone(TransactionEnd)
  /// Close the connection.
  case close
}

/// How a connection was lost.
package enum ConnectionLoss: Sendable, Equatable {
  /// The peer closed it, or a call on it failed.
  case closed
  /// A time limit passed.
  case timedOut
  /// The content could not be read: nothing is wrong with the peer.
  case localData
  /// The peer sent a reply that nothing asked for, or one without end.
  case protocolError
}

/// The client's side of one SMTP connection that carries many transactions: replies in, commands
/// and results out, without a socket or a clock.
///
/// The driver calls `start()` once it is connected and then does what `nextAction()` says; it may
/// `begin` a transaction before the handshake is over and whenever none is open.
package struct SMTPClientCore: Sendable {
  enum State: Equatable {
    case unstarted, greeting, ehlo, helo, startTLS, handshake, authentication
    case idle, envelope, content, brokenContent, endOfData, loneDot, quit, closed
  }

  let settings: SMTPClientSettings
  /// The server.
  package private(set) var peer: PeerName
  var parser = ReplyParser()
  var state = State.unstarted

  /// Commands to be written when the action is `send`.
  package internal(set) var output: [UInt8] = []
  /// Commands in `output`, and commands written but not answered: a reply beyond these is a
  /// server out of step, whose next "250" could be taken for another command's.
  var commandsInOutput = 0
  var repliesDue = 0
  /// Replies that have been read to their ends: the driver's time limits hold for each of them.
  package private(set) var repliesTaken = 0

  var keywords: ServerKeywords = []
  var sizeLimit = 0
  /// Whether the server has taken EHLO or HELO, behind TLS if there is to be any.
  package internal(set) var hasShakenHands = false
  /// How much TLS is wanted.
  let security: ClientSecurity
  /// Whether what is said now is encrypted.
  package internal(set) var isSecure = false
  /// Whether the server had to prove who it is, and has done so.
  var isProven = false
  /// Who this host is to the server; `nil` where it is nobody.
  let authentication: ClientAuthentication?
  /// The mechanisms that the server offers and that may be used; `nil` where it offers no AUTH.
  var offeredMechanisms: [String]?
  /// What is going on between AUTH and the reply that ends it.
  var exchange: SASLClient?
  /// Whether the server offers TLS that is not used.
  package internal(set) var leavesOffer = false
  /// Whether a failure before the handshake is over says nothing of the destination.
  var sparesDestination = false
  /// Whether the server may still have an unfinished transaction that RSET must end.
  var needsReset = false
  /// Whether the connection has carried a transaction before the open one.
  var isReused = false

  var transaction: OutboundTransaction?
  var envelope = EnvelopeProgress()
  var end: TransactionEnd?

  /// Makes the client's side of a connection to `peer`.
  package init(
    settings: SMTPClientSettings, peer: PeerName, security: ClientSecurity = .plaintext,
    authentication: ClientAuthentication? = nil
  ) {
    self.authentication = authentication
    self.settings = settings
    self.peer = peer
    self.security = security
  }

  /// Names the server anew, once it is known which of a host's addresses is tried.
  package mutating func rename(_ peer: PeerName) {
    precondition(state == .unstarted, "the connection has been started")
    self.peer = peer
  }

  /// Begins with the wait for the greeting, or with TLS before it.
  package mutating func start() {
    precondition(state == .unstarted, "a connection starts once")
    if security.isWrapped {
      state = .handshake
    } else {
      state = .greeting
      repliesDue = 1
    }
  }

  /// Hands over the next transaction; only when none is open and the connection is not closed.
  package mutating func begin(_ transaction: OutboundTransaction) {
    precondition(self.transaction == nil && end == nil, "one transaction at a time")
    precondition(state != .closed && state != .quit, "the connection can take no transaction")
    self.transaction = transaction
    if state == .idle { startTransaction() }
  }

  /// Says goodbye on an idle connection; closes any other.
  package mutating func quit() {
    guard state == .idle else {
      state = .closed
      return
    }
    state = .quit
    queue("QUIT")
  }

  /// What to do next.
  package mutating func nextAction() -> ClientAction {
    if !output.isEmpty { return .send }
    if let end {
      self.end = nil
      return .transactionDone(end)
    }
    switch state {
    case .unstarted: preconditionFailure("the connection has not been started")
    case .greeting: return .awaitReply(.greeting)
    case .ehlo, .helo, .authentication: return .awaitReply(.helo)
    case .startTLS: return .awaitReply(.startTLS)
    case .handshake: return .startTLS
    case .idle: return .ready
    case .envelope: return .awaitReply(envelope.timeout)
    case .content: return .sendContent
    case .brokenContent: return .awaitReply(.dataTransfer)
    case .endOfData, .loneDot: return .awaitReply(.dataDone)
    case .quit: return .awaitReply(.quit)
    case .closed: return .close
    }
  }

  /// The output has been written.
  package mutating func sent() {
    output.removeAll(keepingCapacity: true)
    repliesDue += commandsInOutput
    commandsInOutput = 0
    if state == .quit, settings.skipQuitResponse { state = .closed }
  }

  /// The content and its final dot have been written.
  package mutating func contentSent() {
    precondition(state == .content, "no content was asked for")
    state = .endOfData
    // RFC 2033 4.2: one reply for each recipient that was accepted.
    repliesDue = settings.speaksLMTP ? envelope.accepted.count : 1
  }

  /// The server takes no more of the content: it has closed the connection, or speaks before its
  /// turn. If it says why, that counts.
  package mutating func contentInterrupted() {
    precondition(state == .content, "no content was asked for")
    state = .brokenContent
    repliesDue = 1
  }

  /// Takes bytes that the server sent.
  package mutating func receive(_ bytes: UnsafeRawBufferPointer) {
    var position = 0
    // Bytes behind the reply to STARTTLS came without TLS: nothing is made of them (RFC 3207 6).
    while position < bytes.count, state != .closed, state != .handshake {
      if state == .content { contentInterrupted() }
      guard repliesDue > 0 else { return connectionLost(.protocolError) }
      do {
        guard try parser.read(bytes, at: &position) else { return }
      } catch {
        return connectionLost(.protocolError)
      }
      repliesDue -= 1
      repliesTaken += 1
      takeReply()
    }
  }

  private mutating func takeReply() {
    switch state {
    case .greeting: takeGreeting()
    case .ehlo, .helo: takeHello()
    case .startTLS: takeStartTLSReply()
    case .authentication: takeAuthenticationReply()
    case .envelope: takeEnvelopeReply()
    case .brokenContent: takeEarlyReply()
    case .endOfData: takeFinalReply()
    case .loneDot: finish(needsReset: false)
    case .quit: state = .closed
    case .unstarted, .handshake, .idle, .content, .closed:
      preconditionFailure("no reply was due")
    }
  }

  /// No connection came about; `reason` is the system's, such as "Connection refused".
  package mutating func connectFailed(reason: String) {
    precondition(state == .unstarted, "the connection has been started")
    state = .closed
    let place = peer.port == 0 ? peer.label : "\(peer.label):\(peer.port)"
    fail("connect to \(place): \(reason)", EnhancedStatus(4, 4, 1), .connect)
  }

  /// The connection is gone; an open transaction ends with it.
  package mutating func connectionLost(_ loss: ConnectionLoss) {
    guard state != .closed else { return }
    let phase = phase
    output.removeAll()
    state = .closed
    guard transaction != nil, let phase else { return abandon() }
    // A connection that fails the probe was not fit for a transaction; one that is closed before
    // the reply to MAIL was so too.
    let hasNotBegun = phase == .reset && loss != .localData || phase == .mail && loss == .closed
    if isReused, envelope.repliesTaken == 0, hasNotBegun { return endStale() }
    fail(lossText(loss, in: phase), loss.status, phase)
  }

  /// Where the dialogue stands; `nil` when no transaction can suffer from a loss any more.
  var phase: ClientPhase? {
    switch state {
    case .greeting: .greeting
    case .ehlo, .helo: helloPhase
    case .startTLS, .handshake: .startTLS
    case .authentication: .ehlo
    case .envelope: envelope.phase
    case .content, .brokenContent: .content
    case .endOfData: .endOfData
    case .unstarted: .connect
    case .loneDot, .idle, .quit, .closed: nil
    }
  }

  mutating func queue(_ command: StaticString) {
    output.append(text: command)
    output.append(ASCII.cr)
    output.append(ASCII.lf)
    commandsInOutput += 1
  }
}
