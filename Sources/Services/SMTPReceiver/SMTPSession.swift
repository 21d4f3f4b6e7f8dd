import AccessPolicy
import LinuxSystem
import MailTypes
import Primitives
import QueueFormat
import Reactor
import SMTPGrammar
import SMTPServerCore
import ServiceKit
import Streams
import TLSPolicy

/// Why a session ended before its QUIT.
enum SessionEnd: Error {
  /// The client has gone.
  case lost
  /// It was too slow.
  case timedOut
  /// This process leaves.
  case shutDown
  /// A table said HANGUP, or the client asked for too many TLS sessions.
  case hungUp
  /// The spool cannot tell whether a message is mail: the client must not hear either answer.
  case uncertain
}

/// One connection: reads commands, has the core answer them, and does what the core asks for.
///
/// Replies are collected while complete commands are at hand and go out in one write; while a
/// client is silent the session holds no buffer.
@ReactorActor
final class SMTPSession {
  let stream: ByteStream
  let rules: ListenerRules
  let intake: Intake
  let client: SMTPClientIdentity
  /// `name[address]`.
  let clientText: [UInt8]
  var core: SMTPServerCore
  var lines: LineBuffer
  var out: [UInt8] = []
  /// What is counted for the client; `nil` when nothing is.
  var usage: ClientUsage?
  /// The name of the message under way, once a recipient has been accepted.
  var queueID: QueueID?
  /// What is kept of the TLS handshake; `nil` when nobody will ask.
  var security: SessionSecurity?
  /// Bytes of the transaction under way that cannot be written out (`BodyMemory.pinned`).
  var pinned = 0
  /// The content of which chunks have come.
  var chunked: InboundMessage?
  /// When the message under way got its name.
  var arrival = WallTime(microseconds: 0)
  /// What access policy has to remember of earlier commands.
  var accessHistory = AccessHistory()
  /// What access tables want done with the message under way; `nil` for nothing.
  var orders: MessageOrders?
  /// The milters that look at the session; `nil` for none.
  var milters: MilterChain?
  /// Bytes of content received, while it comes in.
  var contentSize: Int?
  /// The exchange with the authentication server that waits for the client.
  var exchange: OpenExchange?
  /// Who follows the dialogue; `nil` while nobody does.
  var trace: DialogTrace?
  /// The bytes at the front of `out` that are as they are to be sent, and have been shown.
  var shownBytes = 0
  /// Whether it waits for the client and nothing would be lost if it ended.
  var isIdle = false
  /// What is said, for a notice to the postmaster; `nil` where none is to tell of all of it.
  var history: SessionHistory?
  /// Trouble of this host's, where there is no history.
  var troubles: SessionHistory?
  /// The bytes at the front of `out` that are in the history.
  var recordedBytes = 0
  /// What MAIL is answered where no milter could be found to ask.
  var milterRefusal: SMTPReply?
  /// The replies at hand have been held back already.
  private var hasPaused = false

  init(
    _ stream: ByteStream, client: SMTPClientIdentity, rules: ListenerRules, intake: Intake
  ) {
    self.stream = stream
    self.rules = rules
    self.intake = intake
    var client = client
    client.logsPort = rules.logsClientPort
    self.client = client
    clientText = Array(client.logName.utf8)
    core = SMTPServerCore(rules: rules.smtp, client: client)
    lines = LineBuffer(lengthMax: rules.lineLengthMax)
    if rules.notices?.keepTranscripts == true { history = SessionHistory() }
  }

  /// Speaks with the client until one of the two ends it.
  func run() async {
    logConnect()
    var reason: String?
    do throws(SessionEnd) {
      try await converse()
      logTooManyErrors()
      if core.endedByErrors { reason = "too many errors" }
    } catch {
      await conclude(error)
      reason = error.reason
    }
    dropChunks()
    dropExchange()
    forgetMessage()
    milters?.close()
    usage?.end()
    logDisconnect()
    stream.close()
    if history != nil || troubles != nil {
      // A session that was shut down has been cancelled, which look-ups would not survive.
      await reactorTask { [reason] in await self.tellPostmaster(reason) }.value
    }
  }

  private func converse() async throws(SessionEnd) {
    usage = await ClientUsage.begin(client, rules, intake.clients)
    if let refusal = usage?.connect() {
      _ = core.end(with: refusal, into: &out)
      return try await flush()
    }
    if rules.tls.isWrapped {
      if usage?.refusesTLS("TLS service") == true { throw .hungUp }
      if try await secure() == .close { return try await sayGoodbye() }
    }
    if let hiddenKeywords = rules.hiddenKeywords {
      core.hiddenKeywords = await hiddenKeywords(client.address)
    }
    core.allowsBareNewlines = await rules.allowsBareNewlines?(client.address) == true
    if let authentication = rules.authentication { await offerAuthentication(authentication) }
    if let debugPeers = rules.debugPeers, await debugPeers(client) {
      beginTrace(isLogged: true, hasJoined: false)
    }
    out = intake.replies.take()
    var step = try await greet()
    while true {
      switch advance(step) {
      case .line: step = try await nextLine()
      case .pause(let delay, let next):
        try await pause(delay)
        step = next
      case .helo: step = try await authorizeHelo()
      case .sender: step = try await judgeSender()
      case .recipient: step = try await authorizeRecipient()
      case .data: step = try await judgeData()
      case .etrn: step = try await judgeETRN()
      case .content: step = try await receiveContent()
      case .handshake: step = try await startTLS()
      case .chunk: step = try await receiveChunk()
      case .uselessChunk: step = try await dropChunk()
      case .authentication: step = try await authenticate()
      case .filter: step = await takeFilteredLine()
      case .end: return try await sayGoodbye()
      }
    }
  }

  /// What a session cannot go on without.
  private enum Need {
    /// Another line of the client's.
    case line
    /// Time to pass before the step.
    case pause(Duration, SMTPServerStep)
    /// A judgement of the name of HELO.
    case helo
    /// A judgement of the sender.
    case sender
    /// A judgement of the recipient.
    case recipient
    /// A judgement of DATA.
    case data
    /// A judgement of ETRN.
    case etrn
    /// The content.
    case content
    /// The TLS handshake.
    case handshake
    /// A chunk of it.
    case chunk
    /// A chunk that is refused.
    case uselessChunk
    /// The answer of the authentication server.
    case authentication
    /// What `smtpd_command_filter` makes of the line at hand.
    case filter
    /// Nothing more: the session is over.
    case end
  }

  /// Goes on with what is at hand, without waiting.
  @inline(never)
  private func advance(_ first: SMTPServerStep) -> Need {
    intake.page.serve(client.address)
    var step = first
    while true {
      switch step {
      case .next:
        if core.transaction == nil { forgetMessage() }
        if chunked != nil, !core.isReceivingChunks {
          dropChunks()
          contentSize = nil
        }
        if exchange != nil, !core.expectsResponse { dropExchange() }
        if let pause = pause(before: step) { return pause }
        if rules.commandFilter != nil, lines.holdsLine { return .filter }
        guard let next = takeLine() else { return .line }
        step = next
      case .authorizeHelo: return .helo
      case .authorizeSender:
        if asksAboutSenders { return .sender }
        step = authorizeSender()
      case .authorizeRecipient: return .recipient
      case .admitContent:
        if milters != nil || rules.access.judges(.data) { return .data }
        step = admitContent()
      case .authorizeTLS: step = authorizeTLS()
      case .authorizeETRN: return .etrn
      case .receiveContent: return .content
      case .startTLS: return .handshake
      case .receiveChunk: return .chunk
      case .dropChunk: return .uselessChunk
      case .authenticate: return .authentication
      case .close: return core.endedByErrors ? pause(before: step) ?? .end : .end
      }
    }
  }

  /// The pause that a client with errors makes, once for each line.
  private func pause(before step: SMTPServerStep) -> Need? {
    hasPaused || core.replyDelay == .zero ? nil : .pause(core.replyDelay, step)
  }

  /// Gives the next complete line to the core, or what takes its place.
  @inline(never)
  func takeLine(_ replacement: [UInt8]? = nil) -> SMTPServerStep? {
    guard !lines.isEmpty else { return nil }
    let held = lines.count
    let step = lines.takeLine { line, kind in
      let pending = line.count + (kind == .endedBare ? 1 : 2) < held
      if out.capacity == 0 { out = intake.replies.take() }
      if let trace { trace.received(line, unsent: out) }
      if history != nil {
        recordReplies()
        history?.received(line, mayBeSecret: core.expectsResponse)
      }
      guard let replacement else {
        return core.handle(line, kind, inputIsPending: pending, into: &out)
      }
      return replacement.withUnsafeBytes {
        core.handle($0, kind, inputIsPending: pending, into: &out)
      }
    }
    if step != nil { hasPaused = false }
    if core.notice != nil || core.isOutOfStep { logNotices() }
    if step == .next { countEvent() }
    return step
  }

  /// Sends the replies at hand and waits until the client has sent a line.
  private func nextLine() async throws(SessionEnd) -> SMTPServerStep {
    if rules.footer != nil { await addFooters() }
    if !sendNow() { try await flush() }
    var deadline = Reactor.shared.now + rules.timeout
    isIdle = true
    defer { isIdle = false }
    do throws(StreamError) {
      while true {
        if intake.isDraining { throw .cancelled }
        intake.page.serve(client.address)
        switch try stream.readNow({ lines.append($0) }) {
        case .bytes:
          if rules.commandFilter != nil, lines.holdsLine {
            // A command is at hand: it is answered, whatever comes in between.
            isIdle = false
            return await takeFilteredLine()
          }
          if let step = takeLine() { return step }
          if !rules.hasRequestDeadline { deadline = Reactor.shared.now + rules.timeout }
        case .nothing:
          intake.page.rest()
          try await stream.readable(deadline: deadline)
        case .shareUsed: await Reactor.shared.yieldTurn()
        case .ended: throw .closed
        }
      }
    } catch {
      throw SessionEnd(error)
    }
  }

  /// Holds the replies to a client with errors back.
  private func pause(_ delay: Duration) async throws(SessionEnd) {
    hasPaused = true
    do throws(WaitError) {
      try await sleep(until: Reactor.shared.now + delay)
    } catch {
      throw SessionEnd(StreamError(error))
    }
  }

  /// Says why the session ends, if the client is there to hear it.
  private func conclude(_ end: SessionEnd) async {
    sayFarewell(end)
    guard !out.isEmpty else { return }
    // As for the notice: a session that is shut down gets its footer too.
    if rules.footer != nil { await reactorTask { await self.addFooters() }.value }
    if needsFinish { finishReplies() }
    // One try: a client that does not read is not waited for.
    try? await stream.write(out, deadline: Reactor.shared.now + .milliseconds(1))
  }

  @inline(never)
  private func sayFarewell(_ end: SessionEnd) {
    let host = rules.settings.myhostname
    switch end {
    case .lost:
      log(core.lostConnectionLine(contentSize: contentSize))
      out = []
    case .hungUp: out = []
    case .uncertain:
      intake.log.error("smtpd", "the spool failed: a session ends without an answer to DATA")
      out = []
    case .timedOut:
      log(core.timeoutLine(contentSize: contentSize))
      _ = core.end(with: .timeout(myhostname: host), into: &out)
    case .shutDown:
      _ = core.end(with: .shuttingDown(myhostname: host), into: &out)
    }
  }

  /// Ends the session if it is between two commands; one that receives content goes on.
  func shutDownIfIdle(_ task: Task<Void, Never>) {
    if isIdle { task.cancel() }
  }
}

extension SessionEnd {
  /// What a notice says of it.
  fileprivate var reason: String {
    switch self {
    case .lost: "lost connection"
    case .timedOut: "timeout"
    case .shutDown: "server shutdown"
    case .hungUp: "access denied"
    case .uncertain: "queue file write error"
    }
  }

  init(_ error: StreamError) {
    switch error {
    case .timedOut: self = .timedOut
    case .cancelled: self = .shutDown
    case .closed, .shortFile, .backlogFull, .security, .system: self = .lost
    }
  }
}
