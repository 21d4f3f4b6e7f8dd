import AccessPolicy
import LinuxSystem
import MailTypes
import Primitives
import SMTPServerCore

/// The answers to what the core asks about senders and recipients.
extension SMTPSession {
  /// Greets the client, or refuses it.
  func greet() async throws(SessionEnd) -> SMTPServerStep {
    if let refusal = try await judge(.connect) { return core.deny(refusal, into: &out) }
    return core.greet(into: &out)
  }

  func authorizeHelo() async throws(SessionEnd) -> SMTPServerStep {
    let refusal = try await judge(.helo)
    return core.decide(refusal.map { .refuse($0) } ?? .accept, into: &out)
  }

  func judgeSender() async throws(SessionEnd) -> SMTPServerStep {
    if let refusal = try await judge(.mail) {
      return core.decide(.refuse(refusal), into: &out)
    }
    return authorizeSender()
  }

  func judgeData() async throws(SessionEnd) -> SMTPServerStep {
    if let refusal = try await judge(.data) {
      return core.decide(.refuse(refusal), into: &out)
    }
    return admitContent()
  }

  func authorizeSender() -> SMTPServerStep {
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
    if let refusal = try await judge(.recipient) {
      return core.decide(.refuse(refusal), into: &out)
    }
    if !core.isVerifying {
      guard intake.memory.hasRoomForRecipient else {
        logReject("RCPT", .insufficientStorage, recipient: core.pendingRecipient)
        return core.decide(.refuse(.insufficientStorage), into: &out)
      }
      let size = core.pendingRecipientSize
      envelopeSize += size
      intake.memory.changeEnvelopes(by: size)
      if queueID == nil { nameMessage() }
    }
    return core.decide(.accept, into: &out)
  }

  /// Gives back what is kept for a message that is no more.
  func forgetMessage() {
    queueID = nil
    discardsMessage = false
    if !prependedFields.isEmpty { prependedFields = [] }
    intake.memory.changeEnvelopes(by: -envelopeSize)
    envelopeSize = 0
  }

  private func nameMessage() {
    arrival = Clocks.wallNow()
    let id = intake.spool.makeQueueID(now: arrival)
    queueID = id
    logClient(id)
  }
}
