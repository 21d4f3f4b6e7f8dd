import AccessPolicy
import LinuxSystem
import MailSite
import MailTypes
import MilterCore
import Primitives
import QueueFormat
import QueueStore
import Reactor
import SMTPGrammar
import SMTPServerCore
import ServiceKit
import Streams

/// What milters hear of a session, and what their words mean for it.
///
/// As with Sendmail and Postfix a refusal at the connection or at HELO holds for all that follows:
/// HELO itself is answered as usual, unless the milter ends the session.
extension SMTPSession {
  /// Fields of a header that milters are shown: each is kept by itself meanwhile.
  private static let fieldsForMiltersMax = 10_000

  /// Tells milters of the client, before it is greeted; `nil` to greet it.
  func introduceToMilters() async throws(SessionEnd) -> SMTPServerStep? {
    guard let site = rules.milters else { return nil }
    let services: [MilterService]
    do throws(MailSiteError) {
      services = try await site.services(for: client.address)
    } catch {
      log("warning: \(error.description)")
      // There is nobody to ask at MAIL: the verdict stands. A hold would be forgotten with the
      // first transaction.
      let verdict = site.defaultAction.verdict
      let action: MilterDefaultAction = verdict == .hold ? .tempfail : site.defaultAction
      milterRefusal = heed(action.verdict, "CONNECT")
      return answer(milterRefusal)
    }
    guard !services.isEmpty else { return nil }
    let chain = MilterChain(services, site, dialing: intake.milterDialing) { [weak self] in
      self?.log($0)
    }
    milters = chain
    let event = MilterEvent.connect(
      name: client.name, address: client.address, port: client.port)
    return answer(heed(try await chain.tell(event, macros()), "CONNECT"))
  }

  /// A client that is refused hears so in the place of the greeting; one that is to come back is
  /// greeted, and refused at MAIL.
  private func answer(_ refusal: SMTPReply?) -> SMTPServerStep? {
    guard let refusal else { return nil }
    let host = rules.settings.myhostname
    if refusal.code == 421 {
      return core.end(
        with: SMTPReply(421, nil, "\(host) Service unavailable - try again later"), into: &out)
    }
    guard refusal.code >= 500 else { return nil }
    return core.greet(
      with: SMTPReply(554, nil, "\(host) ESMTP not accepting connections"), into: &out)
  }

  /// Tells milters of HELO; only an end of the session is a refusal here.
  func heloRefusal() async throws(SessionEnd) -> SMTPReply? {
    guard let milters, let name = core.givenHelo else { return nil }
    // HELO ends the message under way.
    milters.abort()
    let verdict = try await milters.tell(.helo(Array(name.utf8)), macros())
    let stage: StaticString = core.pendingHelo?.isExtended == true ? "EHLO" : "HELO"
    let refusal = heed(verdict, stage)
    return refusal?.code == 421 ? refusal : nil
  }

  /// Whether MAIL is more than the core's affair.
  var asksAboutSenders: Bool {
    milters != nil || milterRefusal != nil || rules.access.judges(.mail)
  }

  /// Tells milters of MAIL.
  func senderRefusal() async throws(SessionEnd) -> SMTPReply? {
    if let milterRefusal { return milterRefusal }
    guard let milters, let transaction = core.transaction, asksMilters else { return nil }
    var macros = macros()
    let sender = transaction.sender
    macros.set("mail_addr", sender.bytes)
    if !sender.isNull, milters.wants(["mail_host", "mail_mailer"], at: .mail),
      let route = await milters.site.route(of: sender)
    {
      macros.set("mail_host", route.nextHop)
      macros.set("mail_mailer", route.transport)
    }
    let words = [Array("<\(sender)>".utf8)] + transaction.milterParameters
    return heed(try await milters.tell(.mail(words), macros), "MAIL")
  }

  /// Tells milters of RCPT. VRFY is refused where all is.
  func recipientRefusal() async throws(SessionEnd) -> SMTPReply? {
    guard let milters, let recipient = core.pendingRecipient, asksMilters else { return nil }
    if core.isVerifying {
      guard case .refuse(let reply) = milters.standingRefusal else { return nil }
      return reply
    }
    var macros = macros()
    macros.set("rcpt_addr", recipient.bytes)
    if milters.wants(["rcpt_host", "rcpt_mailer"], at: .recipient),
      let route = await milters.site.route(of: recipient)
    {
      macros.set("rcpt_addr", route.address.bytes)
      macros.set("rcpt_host", route.nextHop)
      macros.set("rcpt_mailer", route.transport)
    }
    let words = [Array("<\(recipient)>".utf8)] + core.pendingRecipientParameters
    let verdict = try await milters.tell(.recipient(words), macros)
    return heed(verdict, "RCPT", recipient: recipient)
  }

  /// Tells milters of DATA, or of the first chunk.
  func dataRefusal() async throws(SessionEnd) -> SMTPReply? {
    guard let milters, asksMilters else { return nil }
    return heed(
      try await milters.tell(.data, macros()), core.lastCommand,
      recipient: core.transaction?.recipients.first?.address)
  }

  /// Shows milters the message, whose header is finished, and carries out what they want of it and
  /// its envelope. The reply that refuses it, or `nil`.
  func contentRefusal(
    _ message: InboundMessage, _ envelope: inout Envelope
  ) async throws(SessionEnd) -> SMTPReply? {
    guard let milters, asksMilters, message.fault == nil else { return nil }
    // What milters cannot be shown does not pass them by, whatever is done when they fail.
    let fieldCount = message.headerFieldCount
    guard message.keepsWholeHeader, fieldCount <= Self.fieldsForMiltersMax else {
      log("warning: milters cannot be asked about a header that is too large")
      logReject("END-OF-MESSAGE", .messageTooBig)
      return .messageTooBig
    }
    guard pinIfRoom(MilterHeader.memory(size: message.headerSize, fieldCount: fieldCount)) else {
      logReject("END-OF-MESSAGE", .insufficientStorage)
      return .insufficientStorage
    }
    let edits = MessageEdits(
      message, envelope, sizeMax: rules.settings.messageSizeLimit, intake: intake
    ) { [unowned self] in pinIfRoom($0) }
    let verdict = try await milters.examine(edits, macros())
    if let refusal = heed(verdict, "END-OF-MESSAGE", isAtEnd: true) { return refusal }
    if edits.holds { _ = heed(.hold, "END-OF-MESSAGE", isAtEnd: true) }
    do throws(SpoolError) {
      try await edits.finish()
    } catch {
      let reply = SMTPReply(refusing: error)
      logReject("END-OF-MESSAGE", reply)
      return reply
    }
    envelope = edits.envelope
    if envelope.recipients.isEmpty {
      // Nobody else has anything to log about it: Postfix's queue manager says that it is removed.
      logMilter(
        "milter-discard", "END-OF-MESSAGE", "milter removes all recipients", nil, isAtEnd: true)
      addOrders { $0.discards = true }
    }
    return nil
  }

  /// Whether anybody looks at the message under way: not at one that is thrown away.
  private var asksMilters: Bool { orders?.discards != true }

  /// What a verdict means: the reply that refuses, or orders about the message. It is logged.
  private func heed(
    _ verdict: MilterVerdict, _ stage: StaticString, recipient: MailAddress? = nil,
    isAtEnd: Bool = false
  ) -> SMTPReply? {
    switch verdict {
    case .proceed: return nil
    case .discard:
      logMilter(
        "milter-discard", stage, "milter triggers DISCARD action", recipient, isAtEnd: isAtEnd)
      addOrders { $0.discards = true }
      return nil
    case .hold:
      guard orders?.holds != true else { return nil }
      logMilter(
        "milter-hold", stage, "milter triggers HOLD action", recipient, isAtEnd: isAtEnd)
      addOrders { $0.holds = true }
      return nil
    case .refuse(let reply):
      let said = rules.softBounce ? reply.softened : reply
      // At the end it is `cleanup` that speaks, without the code.
      let text = isAtEnd ? (said.status.map { "\($0) " } ?? "") + said.text : said.logText
      logMilter("milter-reject", stage, text, recipient, isAtEnd: isAtEnd)
      return reply
    }
  }

  @inline(never)
  private func logMilter(
    _ action: String, _ stage: StaticString, _ text: String, _ recipient: MailAddress?,
    isAtEnd: Bool
  ) {
    let line = core.actionLine(
      action, stage: stage, text, sender: core.transaction?.sender,
      recipient: isAtEnd ? core.transaction?.recipients.last?.address : recipient,
      queueID: queueID)
    if isAtEnd {
      intake.log.line("cleanup") { $0.append(string: line) }
    } else {
      log(line)
    }
  }

  private func addOrders(_ change: (inout MessageOrders) -> Void) {
    var all = orders ?? MessageOrders()
    change(&all)
    orders = all
  }

  @inline(never)
  private func macros() -> MilterMacros {
    guard let site = rules.milters else { preconditionFailure("macros without milters") }
    var macros = MilterMacros(site)
    let address = "\(client.address)"
    macros.set("_", "\(client.name) [\(address)]")
    macros.set("client_addr", address)
    macros.set("client_name", client.name)
    macros.set("client_ptr", client.name)
    macros.set("client_port", "\(client.port)")
    if let own = try? stream.localAddress, let address = own.ipAddress, let port = own.port {
      macros.set("daemon_addr", "\(address)")
      macros.set("daemon_port", "\(port)")
    }
    if let queueID { macros.set("i", "\(queueID)") }
    for (name, value) in security?.macros ?? [:] { macros.set(name, value) }
    if let login = core.login {
      macros.set("auth_type", login.mechanism)
      macros.set("auth_authen", login.user)
    }
    if let author = core.transaction?.authorizedSender, !author.isEmpty {
      macros.set("auth_author", author)
    }
    return macros
  }
}

extension SMTPTransaction {
  /// The parameters of MAIL as milters see them.
  fileprivate var milterParameters: [[UInt8]] {
    var words: [[UInt8]] = []
    if let announcedSize { words.append(Array("SIZE=\(announcedSize)".utf8)) }
    if isEightBit { words.append(Array("BODY=8BITMIME".utf8)) }
    if isInternational { words.append(Array("SMTPUTF8".utf8)) }
    switch returned {
    case .full: words.append(Array("RET=FULL".utf8))
    case .headers: words.append(Array("RET=HDRS".utf8))
    case nil: break
    }
    if !envelopeID.isEmpty { words.append(Array("ENVID=".utf8) + envelopeID) }
    if !authorizedSender.isEmpty { words.append(Array("AUTH=".utf8) + authorizedSender) }
    return words
  }
}
