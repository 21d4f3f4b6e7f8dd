import AccessPolicy
import LinuxSystem
import MailTypes
import Primitives
import SMTPServerCore

/// The answers to what the core asks about senders and recipients.
extension SMTPSession {
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

  func authorizeRecipient() async -> SMTPServerStep {
    guard let recipient = core.pendingRecipient else {
      preconditionFailure("no recipient is in question")
    }
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
