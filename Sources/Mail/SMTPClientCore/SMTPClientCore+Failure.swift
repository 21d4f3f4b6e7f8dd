import MailTypes
import Primitives
import SMTPGrammar

extension ClientPhase {
  /// The phase as the log names what was going on when a connection was lost.
  var activity: String {
    switch self {
    case .connect: "connecting"
    case .greeting: "receiving the initial server greeting"
    case .ehlo: "performing the EHLO handshake"
    case .helo: "performing the HELO handshake"
    case .startTLS: "receiving the STARTTLS response"
    case .lhlo: "performing the LHLO handshake"
    case .reset: "sending RSET probe"
    case .mail: "sending MAIL FROM"
    case .rcpt: "sending RCPT TO"
    case .data: "sending DATA command"
    case .content: "sending message body"
    case .endOfData: "sending end of data -- message may be sent more than once"
    }
  }

  /// The command to which a reply was given.
  var command: String {
    switch self {
    case .connect, .greeting: "connection"
    case .ehlo: "EHLO command"
    case .helo: "HELO command"
    case .startTLS: "STARTTLS command"
    case .lhlo: "LHLO command"
    case .reset: "RSET command"
    case .mail: "MAIL FROM command"
    case .rcpt: "RCPT TO command"
    case .data: "DATA command"
    case .content, .endOfData: "end of DATA command"
    }
  }
}

extension ConnectionLoss {
  var status: EnhancedStatus {
    switch self {
    case .closed, .timedOut: EnhancedStatus(4, 4, 2)
    case .localData: EnhancedStatus(4, 3, 0)
    case .protocolError: EnhancedStatus(4, 5, 0)
    }
  }
}

/// A verdict before it is known for whom.
struct Verdict {
  let outcome: RecipientResult.Outcome
  let status: EnhancedStatus
  let text: [UInt8]
  let phase: ClientPhase

  /// A failure; one whose class is neither 4 nor 5 came of a server that does not keep to the
  /// protocol, which trying again does not mend. The prefix for a success in the wrong place is
  /// Postfix's.
  init(
    _ prefix: String, reply: [UInt8], _ suffix: String, _ status: EnhancedStatus,
    _ phase: ClientPhase
  ) {
    let isFailure = status.statusClass == 4 || status.statusClass == 5
    var text: [UInt8] = []
    if status.statusClass == 2 { text.append(text: "Protocol error: ") }
    text.append(string: prefix)
    let room = ReplyParser.logTextSizeMax - text.count - suffix.utf8.count
    text += ReplyParser.cut(reply, to: room)
    text.append(string: suffix)
    self.text = text
    self.status = isFailure ? status : EnhancedStatus(5, 5, 0)
    outcome = self.status.statusClass == 4 ? .deferred : .bounced
    self.phase = phase
  }
}

extension SMTPClientCore {
  func lossText(_ loss: ConnectionLoss, in phase: ClientPhase) -> String {
    switch loss {
    case .closed: "lost connection with \(peer.label) while \(phase.activity)"
    case .timedOut: "conversation with \(peer.label) timed out while \(phase.activity)"
    case .localData: "local data error while talking to \(peer.label)"
    case .protocolError: "unexpected reply from \(peer.label) while \(phase.activity)"
    }
  }

  /// The failure that the last reply means.
  func reply(in phase: ClientPhase) -> Verdict {
    Verdict(
      "host \(peer.label) said: ", reply: parser.logText, " (in reply to \(phase.command))",
      parser.status, phase)
  }

  mutating func record(_ verdict: Verdict, for index: Int) {
    envelope.results.append(
      RecipientResult(
        recipientIndex: index, outcome: verdict.outcome, status: verdict.status,
        text: verdict.text, phase: verdict.phase))
  }

  /// Gives the last reply to all recipients that have no result.
  mutating func failRemaining(_ phase: ClientPhase) { failRemaining(reply(in: phase)) }

  private mutating func failRemaining(_ verdict: Verdict) {
    guard let transaction else { preconditionFailure("there is no transaction") }
    var hasResult = [Bool](repeating: false, count: transaction.recipients.count)
    for result in envelope.results { hasResult[result.recipientIndex] = true }
    for index in hasResult.indices where !hasResult[index] { record(verdict, for: index) }
    envelope.accepted.removeAll(keepingCapacity: true)
  }

  /// Fails what is left of the open transaction, if there is one, and ends it.
  mutating func fail(
    _ text: String, reply: [UInt8] = [], _ status: EnhancedStatus, _ phase: ClientPhase
  ) {
    guard transaction != nil else { return }
    failRemaining(Verdict(text, reply: reply, "", status, phase))
    finish(needsReset: needsReset)
  }

  /// The server says 421: it closes the connection, whatever else was asked (RFC 5321 3.8).
  mutating func serverLeaves(at phase: ClientPhase) {
    state = .closed
    output.removeAll()
    if isReused, envelope.repliesTaken == 0, phase != .endOfData { return endStale() }
    failRemaining(phase)
    finish(needsReset: true)
  }

  /// Ends a transaction whose recipients all have their results.
  mutating func finish(needsReset: Bool) {
    guard let transaction else { preconditionFailure("there is no transaction") }
    var results = envelope.results
    envelope.results = []
    precondition(results.count == transaction.recipients.count, "each recipient has one result")
    if results.count > 1 { results.sort { $0.recipientIndex < $1.recipientIndex } }
    close(
      TransactionEnd(
        results: results, isReusable: state != .closed,
        connectionFailed: !hasShakenHands && !sparesDestination, isStale: false,
        wantsPlaintext: false, passedDSN: keywords.contains(.dsn)))
    self.needsReset = needsReset
    isReused = true
  }

  mutating func endStale() { endUntried(isStale: true) }

  /// Ends a transaction that is to be tried on a connection without TLS.
  mutating func endForPlaintext() { endUntried(isStale: false) }

  private mutating func endUntried(isStale: Bool) {
    guard transaction != nil else { return }
    close(
      TransactionEnd(
        results: [], isReusable: false, connectionFailed: false, isStale: isStale,
        wantsPlaintext: !isStale, passedDSN: false))
  }

  /// Ends a transaction whose results were all known when the connection went, if one is open.
  mutating func abandon() {
    if transaction != nil { finish(needsReset: true) }
  }

  private mutating func close(_ end: TransactionEnd) {
    self.end = end
    transaction = nil
    if state != .closed { state = .idle }
  }
}
