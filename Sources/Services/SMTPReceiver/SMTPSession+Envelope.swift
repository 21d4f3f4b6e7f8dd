import AccessPolicy
import LinuxSystem
import MailTypes
import Primitives
import SMTPGrammar
import SMTPServerCore
import Streams
import TLSPolicy

/// The answers to what the core asks about senders and recipients.
extension SMTPSession {
  /// Greets the client, or refuses it. One that speaks before it is greeted does not listen (RFC
  /// 5321 4.3.1).
  func greet() async throws(SessionEnd) -> SMTPServerStep {
    let early = takeEarlyTalk()
    // Who is sent away for it need not be judged; who is not must be.
    let isSentAway = !early.isEmpty && rules.settings.forbidsUnauthorizedPipelining
    if !isSentAway, let refusal = try await judge(.connect) {
      return core.deny(refusal, into: &out)
    }
    if rules.milters != nil, !isSentAway, let step = try await introduceToMilters() {
      return step
    }
    let step = core.greet(inputIsPending: !early.isEmpty, into: &out)
    if step == .close { logEarlyTalk(early) }
    return step
  }

  /// What a client said too early is taken from the socket: else the kernel would drop the reply
  /// with it. Behind a handshake nothing that waits there is a client's word.
  private func takeEarlyTalk() -> [UInt8] {
    guard !rules.tls.isWrapped else { return [] }
    let early = Sockets.receiveWaiting(stream.raw, limit: 4096)
    early.withUnsafeBytes { lines.append($0) }
    return early
  }

  func authorizeHelo() async throws(SessionEnd) -> SMTPServerStep {
    var refusal = try await judge(.helo)
    if refusal == nil, milters != nil { refusal = try await heloRefusal() }
    return core.decide(refusal.map { .refuse($0) } ?? .accept, into: &out)
  }

  func judgeSender() async throws(SessionEnd) -> SMTPServerStep {
    if let refusal = countEvent() { return core.decide(.refuse(refusal), into: &out) }
    if let refusal = try await judge(.mail) {
      return core.decide(.refuse(refusal), into: &out)
    }
    if milters != nil || milterRefusal != nil, let refusal = try await senderRefusal() {
      return core.decide(.refuse(refusal), into: &out)
    }
    return authorizeSender()
  }

  func judgeData() async throws(SessionEnd) -> SMTPServerStep {
    if let refusal = try await judge(.data) {
      return core.decide(.refuse(refusal), into: &out)
    }
    if milters != nil, let refusal = try await dataRefusal() {
      return core.decide(.refuse(refusal), into: &out)
    }
    return admitContent()
  }

  func judgeETRN() async throws(SessionEnd) -> SMTPServerStep {
    let refusal = try await judge(.etrn)
    if refusal == nil, let domain = core.pendingETRN {
      log("warning: reject: ETRN \(domain)... from \(client.logName)")
    }
    return core.decide(refusal.map { .refuse($0) } ?? .accept, into: &out)
  }

  func authorizeSender() -> SMTPServerStep {
    if let refusal = countEvent() { return core.decide(.refuse(refusal), into: &out) }
    guard let refusal = intake.refusal() else { return core.decide(.accept, into: &out) }
    logReject("MAIL", refusal)
    return core.decide(.refuse(refusal), into: &out)
  }

  func admitContent() -> SMTPServerStep {
    guard !intake.memory.isAdmitting else { return core.decide(.accept, into: &out) }
    logReject("DATA", .insufficientStorage)
    return core.decide(.refuse(.insufficientStorage), into: &out)
  }

  func authorizeRecipient() async throws(SessionEnd) -> SMTPServerStep {
    if let refusal = countEvent() { return core.decide(.refuse(refusal), into: &out) }
    if let refusal = try await judge(.recipient) {
      return core.decide(.refuse(refusal), into: &out)
    }
    if milters != nil, let refusal = try await recipientRefusal() {
      return core.decide(.refuse(refusal), into: &out)
    }
    if !core.isVerifying {
      guard intake.memory.hasRoomForRecipient else {
        logReject("RCPT", .insufficientStorage, recipient: core.pendingRecipient)
        return core.decide(.refuse(.insufficientStorage), into: &out)
      }
      let size = core.pendingRecipientSize
      pin(size)
      if queueID == nil { nameMessage() }
    }
    return core.decide(.accept, into: &out)
  }

  /// Counts what the last command did; the reply that refuses it, when the client did it too often.
  ///
  /// A command that is refused anyway counts too, but keeps its own reply.
  @discardableResult
  func countEvent() -> SMTPReply? {
    guard let event = core.countedEvent else { return nil }
    core.countedEvent = nil
    guard let usage else { return nil }
    switch event {
    case .message: return usage.message()
    case .recipient: return usage.recipient()
    case .authentication: return usage.authentication()
    }
  }

  /// Gives back what is kept for a message that is no more.
  func forgetMessage() {
    queueID = nil
    orders = nil
    milters?.abort()
    pin(-pinned)
  }

  /// Notes that the message holds `bytes` more, or less, that cannot be written out.
  func pin(_ bytes: Int) {
    pinned += bytes
    intake.memory.changePinned(by: bytes)
  }

  /// The same where there is room; false where there is not.
  func pinIfRoom(_ bytes: Int) -> Bool {
    guard bytes <= 0 || intake.memory.hasRoom(for: bytes) else { return false }
    pin(bytes)
    return true
  }

  private func nameMessage() {
    arrival = Clocks.wallNow()
    let id = intake.spool.makeQueueID(now: arrival)
    queueID = id
    logClient(id)
  }
}
