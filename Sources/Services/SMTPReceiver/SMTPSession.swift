import LinuxSystem
import MailTypes
import Primitives
import QueueFormat
import Reactor
import SMTPGrammar
import SMTPServerCore
import Streams

/// Why a session ended before its QUIT.
enum SessionEnd: Error {
  /// The client has gone.
  case lost
  /// It was too slow.
  case timedOut
  /// This process leaves.
  case shutDown
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
  /// The name of the message under way, once a recipient has been accepted.
  var queueID: QueueID?
  /// When the message under way got its name.
  var arrival = WallTime(microseconds: 0)
  /// Bytes of content received, while it comes in.
  var contentSize: Int?
  private var isIdle = false

  init(
    _ stream: ByteStream, client: SMTPClientIdentity, rules: ListenerRules, intake: Intake
  ) {
    self.stream = stream
    self.rules = rules
    self.intake = intake
    self.client = client
    clientText = Array(client.logName.utf8)
    core = SMTPServerCore(rules: rules.smtp, client: client)
    lines = LineBuffer(lengthMax: rules.lineLengthMax)
  }

  /// Speaks with the client until one of the two ends it.
  func run() async {
    logConnect()
    do throws(SessionEnd) {
      try await converse()
      if core.endedByErrors { log(core.tooManyErrorsLine) }
    } catch {
      await conclude(error)
    }
    logDisconnect()
    stream.close()
  }

  private func converse() async throws(SessionEnd) {
    out = intake.replies.take()
    var step = core.greet(into: &out)
    while true {
      switch step {
      case .next: step = try await nextCommand()
      case .authorizeSender: step = authorizeSender()
      case .authorizeRecipient: step = await authorizeRecipient()
      case .admitContent: step = admitContent()
      case .receiveContent: step = try await receiveContent()
      case .close: return try await flush()
      }
    }
  }

  private func nextCommand() async throws(SessionEnd) -> SMTPServerStep {
    if core.transaction == nil { queueID = nil }
    if core.replyDelay > .zero { try await pause(core.replyDelay) }
    if let step = takeLine() { return step }
    try await flush()
    let deadline = Reactor.shared.now + rules.timeout
    isIdle = true
    defer { isIdle = false }
    while true {
      if intake.isDraining { throw .shutDown }
      try await fill(deadline)
      if let step = takeLine() { return step }
    }
  }

  /// Gives the next complete line to the core.
  private func takeLine() -> SMTPServerStep? {
    guard !lines.isEmpty else { return nil }
    let held = lines.count
    return lines.takeLine { line, kind in
      let pending = line.count + (kind == .endedBare ? 1 : 2) < held
      if out.capacity == 0 { out = intake.replies.take() }
      return core.handle(line, kind, inputIsPending: pending, into: &out)
    }
  }

  /// Reads what the client has sent.
  private func fill(_ deadline: MonotonicTime) async throws(SessionEnd) {
    let more: Void?
    do throws(StreamError) {
      more = try await stream.read(deadline: deadline) { lines.append($0) }
    } catch {
      throw SessionEnd(error)
    }
    if more == nil { throw .lost }
  }

  /// Sends the replies collected so far.
  func flush() async throws(SessionEnd) {
    guard !out.isEmpty else { return }
    let replies = out
    out = []
    do throws(StreamError) {
      try await stream.write(replies, deadline: Reactor.shared.now + rules.timeout)
    } catch {
      throw SessionEnd(error)
    }
    intake.replies.give(replies)
  }

  private func pause(_ delay: Duration) async throws(SessionEnd) {
    do throws(WaitError) {
      try await sleep(until: Reactor.shared.now + delay)
    } catch {
      throw SessionEnd(StreamError(error))
    }
  }

  /// Says why the session ends, if the client is there to hear it.
  private func conclude(_ end: SessionEnd) async {
    switch end {
    case .lost:
      log(core.lostConnectionLine(contentSize: contentSize))
      return
    case .timedOut:
      log(core.timeoutLine(contentSize: contentSize))
      _ = core.end(with: .timeout(myhostname: rules.settings.myhostname), into: &out)
    case .shutDown:
      _ = core.end(with: .shuttingDown(myhostname: rules.settings.myhostname), into: &out)
    }
    // One try: a client that does not read is not waited for.
    do throws(StreamError) {
      try await stream.write(out, deadline: Reactor.shared.now + .milliseconds(1))
    } catch {
      out = []
    }
  }

  /// Ends the session if it is between two commands; one that receives content goes on.
  func shutDownIfIdle(_ task: Task<Void, Never>) {
    if isIdle { task.cancel() }
  }
}

extension SessionEnd {
  init(_ error: StreamError) {
    switch error {
    case .timedOut: self = .timedOut
    case .cancelled: self = .shutDown
    case .closed, .shortFile, .backlogFull, .system: self = .lost
    }
  }
}
