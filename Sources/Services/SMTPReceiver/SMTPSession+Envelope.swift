import AccessPolicy
import LinuxSystem
import MailTypes
import Primitives
import SMTPServerCore

/// The answers to what the core asks about senders and recipients.
extension SMTPSession {
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

  func authorizeRecipient() async -> SMTPServerStep {
    guard let recipient = core.pendingRecipient else {
      preconditionFailure("no recipient is in question")
    }
    if let refusal = countEvent() { return core.decide(.refuse(refusal), into: &out) }
    let request = AccessRequest(
      clientAddress: client.address, clientName: client.name, helo: core.helo,
      sender: core.transaction?.sender ?? .null, recipient: recipient)
    if let refusal = await rules.judge(request) {
      logReject(core.isVerifying ? "VRFY" : "RCPT", refusal, recipient: recipient)
      return core.decide(.refuse(refusal), into: &out)
    }
    if !core.isVerifying {
      guard intake.memory.hasRoomForRecipient else {
        logReject("RCPT", .insufficientStorage, recipient: recipient)
        return core.decide(.refuse(.insufficientStorage), into: &out)
      }
      let size = core.pendingRecipientSize
      envelopeSize += size
      intake.memory.changeEnvelopes(by: size)
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
    return event == .message ? usage.message() : usage.recipient()
  }

  /// Gives back what is kept for a message that is no more.
  func forgetMessage() {
    queueID = nil
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
