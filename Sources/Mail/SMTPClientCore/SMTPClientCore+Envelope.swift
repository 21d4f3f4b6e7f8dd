import MailTypes
import Primitives
import SMTPGrammar

/// How far the commands of a transaction have been sent and answered.
///
/// They are numbered: -1 is a RSET before the transaction, 0 MAIL, then one RCPT for each
/// recipient, then DATA.
struct EnvelopeProgress: Sendable {
  static let reset = -1
  static let mail = 0

  var next = 0
  var pending = 0
  var data = 1
  var bytesAhead = 0
  /// Replies to this transaction; one to RSET says nothing about it.
  var repliesTaken = 0
  /// Nothing more is to be sent: the server has refused the sender.
  var isRefused = false
  var results: [RecipientResult] = []
  /// Recipients that the server has accepted and that have no result; with LMTP also those that
  /// have one since the content was sent.
  var accepted: [Int] = []
  /// Replies to the content of an LMTP server.
  var finalReplies = 0

  mutating func restart(recipients: Int, needsReset: Bool) {
    next = needsReset ? Self.reset : Self.mail
    pending = next
    data = recipients + 1
    bytesAhead = 0
    repliesTaken = 0
    finalReplies = 0
    isRefused = false
    results = []
    results.reserveCapacity(recipients)
    accepted.removeAll(keepingCapacity: true)
  }

  var phase: ClientPhase {
    switch pending {
    case Self.reset: .reset
    case Self.mail: .mail
    case data: .data
    default: .rcpt
    }
  }

  var timeout: TimeoutKind {
    switch phase {
    case .reset: .reset
    case .mail: .mail
    case .data: .dataInit
    default: .rcpt
    }
  }
}

extension SMTPClientCore {
  mutating func startTransaction() {
    guard let transaction else { preconditionFailure("there is no transaction") }
    envelope.restart(recipients: transaction.recipients.count, needsReset: needsReset)
    if keywords.contains(.size), sizeLimit > 0, transaction.size > sizeLimit {
      return fail(
        "message size \(transaction.size) exceeds size limit \(sizeLimit) of server \(peer.label)",
        EnhancedStatus(5, 3, 4), .mail)
    }
    if transaction.needsSMTPUTF8, !keywords.contains(.smtputf8) {
      return fail(
        "SMTPUTF8 is required, but was not offered by host \(peer.label)", EnhancedStatus(5, 6, 7),
        .mail)
    }
    state = .envelope
    sendEnvelope(transaction)
  }

  /// Queues as many commands as may be sent now; ends the transaction when none is left to send
  /// or to be answered.
  private mutating func sendEnvelope(_ transaction: OutboundTransaction) {
    if envelope.pending == envelope.next { envelope.bytesAhead = 0 }
    while envelope.next <= envelope.data {
      let isAhead = envelope.pending < envelope.next
      if isAhead {
        guard keywords.contains(.pipelining), !envelope.isRefused,
          envelope.bytesAhead < settings.pipelineWindowSize
        else { return }
      } else if envelope.isRefused || (envelope.next == envelope.data && envelope.accepted.isEmpty)
      {
        return finish(needsReset: true)
      }
      let before = output.count
      queueCommand(envelope.next, of: transaction)
      envelope.bytesAhead += output.count - before
      envelope.next += 1
    }
  }

  private mutating func queueCommand(_ step: Int, of transaction: OutboundTransaction) {
    switch step {
    case EnvelopeProgress.reset: queue("RSET")
    case EnvelopeProgress.mail: queueMail(transaction)
    case envelope.data: queue("DATA")
    default:
      let recipient = transaction.recipients[step - 1]
      output.append(text: "RCPT TO:<")
      output += recipient.address.bytes
      output.append(UInt8(ascii: ">"))
      if keywords.contains(.dsn) { output += recipient.dsnParameters }
      queue("")
    }
  }

  private mutating func queueMail(_ transaction: OutboundTransaction) {
    output.append(text: "MAIL FROM:<")
    output += transaction.sender.bytes
    output.append(UInt8(ascii: ">"))
    if keywords.contains(.size) {
      output.append(text: " SIZE=")
      output.append(decimal: transaction.size)
    }
    if transaction.isEightBit, keywords.contains(.eightBitMIME) {
      output.append(text: " BODY=8BITMIME")
    }
    if transaction.needsSMTPUTF8 { output.append(text: " SMTPUTF8") }
    if keywords.contains(.dsn) { output += transaction.dsnParameters }
    queue("")
  }

  mutating func takeEnvelopeReply() {
    guard let transaction else { preconditionFailure("there is no transaction") }
    let step = envelope.pending
    if parser.code == 421 { return serverLeaves(at: envelope.phase) }
    envelope.pending += 1
    if step >= EnvelopeProgress.mail { envelope.repliesTaken += 1 }
    switch step {
    case EnvelopeProgress.reset:
      if parser.codeClass != 2 {
        state = .closed
        output.removeAll()
        return endStale()
      }
    case EnvelopeProgress.mail:
      if parser.codeClass != 2 {
        envelope.isRefused = true
        failRemaining(.mail)
      }
    case envelope.data:
      return takeDataReply()
    default:
      if envelope.isRefused { break }
      if parser.codeClass == 2 {
        envelope.accepted.append(step - 1)
      } else {
        record(reply(in: .rcpt), for: step - 1)
      }
    }
    sendEnvelope(transaction)
  }

  private mutating func takeDataReply() {
    if parser.codeClass != 3 {
      failRemaining(.data)
      return finish(needsReset: true)
    }
    if !envelope.accepted.isEmpty {
      state = .content
    } else {
      // RFC 2033 4.2 forbids this to LMTP servers, and leaves open what they would say to a dot.
      if settings.speaksLMTP {
        state = .closed
        return finish(needsReset: true)
      }
      // RFC 2920 3.1: DATA was sent ahead, and the server waits for content though it has no
      // recipient.
      state = .loneDot
      queue(".")
    }
  }

  /// Gives the reply to the content to the recipients that were accepted.
  mutating func takeFinalReply() {
    if parser.code == 421 { return serverLeaves(at: .endOfData) }
    if settings.speaksLMTP { return takeRecipientReply() }
    if parser.codeClass == 2 {
      let (status, text) = (parser.status, parser.logText)
      for index in envelope.accepted {
        envelope.results.append(
          RecipientResult(
            recipientIndex: index, outcome: .sent, status: status, text: text, phase: .endOfData))
      }
      envelope.accepted.removeAll(keepingCapacity: true)
    } else {
      failRemaining(.endOfData)
    }
    finish(needsReset: false)
  }

  /// Gives a reply to the content to the recipient whose turn it is (RFC 2033 4.2).
  private mutating func takeRecipientReply() {
    let index = envelope.accepted[envelope.finalReplies]
    envelope.finalReplies += 1
    if parser.codeClass == 2 {
      envelope.results.append(
        RecipientResult(
          recipientIndex: index, outcome: .sent, status: parser.status, text: parser.logText,
          phase: .endOfData))
    } else {
      record(reply(in: .endOfData), for: index)
    }
    guard envelope.finalReplies == envelope.accepted.count else { return }
    envelope.accepted.removeAll(keepingCapacity: true)
    finish(needsReset: false)
  }

  /// Takes what the server said before it had the content: why it does not want it. A success
  /// cannot be meant.
  mutating func takeEarlyReply() {
    guard parser.codeClass == 4 || parser.codeClass == 5 else {
      return connectionLost(.protocolError)
    }
    state = .closed
    failRemaining(.content)
    finish(needsReset: true)
  }
}
