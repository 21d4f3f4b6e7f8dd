import AccessPolicy
import MailTypes
import Primitives
import SMTPServerCore

/// What access policy says about a session, and what follows from it.
extension SMTPSession {
  /// Judges a stage and logs what has to be logged. The reply that refuses it, or `nil`.
  ///
  /// Throws when the client is to hear nothing more.
  func judge(_ stage: AccessStage) async throws(SessionEnd) -> SMTPReply? {
    guard rules.access.judges(stage) else { return nil }
    var history = accessHistory
    let verdict = await rules.access.judge(stage, accessRequest(stage), &history)
    accessHistory = history
    if verdict.isPlain { return nil }
    logNotices(verdict, stage)
    if !verdict.orders.isEmpty { add(verdict.orders) }
    if verdict.hangsUp { throw .hungUp }
    return verdict.refusal
  }

  @inline(never)
  private func add(_ later: MessageOrders) {
    var all = orders ?? MessageOrders()
    if !all.add(later) {
      log(
        "warning: access tables add more than \(MessageOrders.copiesMax) copies or "
          + "\(MessageOrders.prependedSizeMax) bytes to a message")
    }
    orders = all
  }

  @inline(never)
  private func accessRequest(_ stage: AccessStage) -> AccessRequest {
    let transaction = core.transaction
    var request = AccessRequest(
      clientAddress: client.address, clientName: client.name, helo: core.givenHelo,
      sender: transaction?.sender, recipient: judgedRecipient(stage)
    )
    if client.logsPort { request.clientPort = client.port }
    if stage == .etrn { request.etrnDomain = core.pendingETRN }
    request.recipientCount = transaction?.recipients.count ?? 0
    request.pipelinesIllegally = core.pipelinesIllegally
    request.isEncrypted = core.isSecure
    request.certificate = security?.certificate
    request.login = core.login.map { AccessLogin(mechanism: $0.mechanism, user: $0.user) }
    return request
  }

  /// The recipient that a stage is about: at the end only where there is one.
  private func judgedRecipient(_ stage: AccessStage) -> MailAddress? {
    if stage == .recipient { return core.pendingRecipient }
    let recipients = core.transaction?.recipients ?? []
    return recipients.count == 1 ? recipients[0].address : nil
  }

  @inline(never)
  private func logNotices(_ verdict: AccessVerdict, _ stage: AccessStage) {
    var isHeld = orders?.holds == true
    for notice in verdict.notices {
      if notice.kind == .hold {
        // Once for a message, however many recipients have it held.
        if isHeld { continue }
        isHeld = true
      }
      if notice.kind == .fault {
        log("warning: \(SMTPServerCore.printable(notice.text))")
      } else {
        log(
          core.actionLine(
            notice.kind.rawValue, stage: stageName(stage), text(of: notice, verdict),
            sender: core.transaction?.sender, recipient: judgedRecipient(stage),
            queueID: queueID))
      }
    }
  }

  /// What the log says of a notice: a refusal as the client hears it.
  private func text(of notice: AccessNotice, _ verdict: AccessVerdict) -> String {
    guard rules.softBounce, notice.kind == .reject, let refusal = verdict.refusal else {
      return notice.text
    }
    return refusal.softened.logText
  }

  private func stageName(_ stage: AccessStage) -> StaticString {
    switch stage {
    case .connect: "CONNECT"
    case .helo: core.pendingHelo?.isExtended == true ? "EHLO" : "HELO"
    case .mail: "MAIL"
    case .recipient: core.isVerifying ? "VRFY" : "RCPT"
    case .data: core.lastCommand
    case .endOfData: "END-OF-MESSAGE"
    case .etrn: "ETRN"
    }
  }
}
