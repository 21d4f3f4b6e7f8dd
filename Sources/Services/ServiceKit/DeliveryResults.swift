package import MailTypes

/// Who has a message that was sent, and so who tells the sender of its delivery if it wants to
/// hear (RFC 3461 5.2).
package enum Handover: Sendable {
  /// Its recipient: this host tells.
  case delivered
  /// A server that knows nothing of delivery reports: this host tells that it was relayed.
  case relayed
  /// A server that was told what the sender wants.
  case relayedWithWishes
}

/// What became of one recipient in one attempt.
package struct RecipientVerdict: Equatable, Sendable {
  /// The three fates of an attempt.
  package enum Outcome: UInt8, Sendable { case sent = 0, deferred = 1, bounced = 2 }

  /// The longest reply text that is kept, in bytes (spool rule R27).
  package static let textLengthMax = 1024

  /// The recipient's place in the message's envelope.
  package var index: UInt32
  /// What happened.
  package var outcome: Outcome
  /// Who has it, of what was sent.
  package var handover = Handover.delivered
  /// The enhanced status code.
  package var status: EnhancedStatus
  /// The text that stands in parentheses in the log; at most `textLengthMax` bytes.
  package var text: [UInt8]
  /// `relay=` of the log: `host[address]:port` or `none`.
  package var relay: [UInt8]

  /// Makes a verdict; the text is cut at its limit.
  package init(
    index: UInt32, outcome: Outcome, handover: Handover = .delivered, status: EnhancedStatus,
    text: [UInt8], relay: [UInt8]
  ) {
    self.index = index
    self.outcome = outcome
    self.handover = handover
    self.status = status
    self.text = text.count > Self.textLengthMax ? Array(text[..<Self.textLengthMax]) : text
    self.relay = relay
  }
}

extension RecipientVerdict {
  /// Outcome and handover as one byte; files of results have the first three since their first
  /// format.
  fileprivate var encodedOutcome: UInt8 {
    switch (outcome, handover) {
    case (.sent, .relayed): 3
    case (.sent, .relayedWithWishes): 4
    default: outcome.rawValue
    }
  }

  fileprivate static func outcome(of byte: UInt8) -> (Outcome, Handover)? {
    switch byte {
    case 3: (.sent, .relayed)
    case 4: (.sent, .relayedWithWishes)
    default: Outcome(rawValue: byte).map { ($0, .delivered) }
    }
  }
}

/// What a delivery agent answers to one request.
package struct DeliveryResult: Equatable, Sendable {
  /// The request's id.
  package var id: UInt64
  /// The message, so that a new `qmgr` can place the result.
  package var queueID: QueueID
  /// The segment of the message.
  package var nonce: Nonce
  /// Where the record's lead begins.
  package var offset: UInt64
  /// Whether no session with the next hop came about, which is what lowers concurrency.
  package var connectionFailed: Bool
  /// One verdict for each recipient of the request.
  package var verdicts: [RecipientVerdict]

  /// Answers `request`.
  package init(
    answering request: DeliveryRequest, connectionFailed: Bool, verdicts: [RecipientVerdict]
  ) {
    id = request.id
    queueID = request.queueID
    nonce = request.nonce
    offset = request.offset
    self.connectionFailed = connectionFailed
    self.verdicts = verdicts
    cutTexts()
  }

  /// Cuts texts to their share of a message: how long they are is up to a server, and what many
  /// recipients' replies say must not burst a packet (spool rule R27).
  private mutating func cutTexts() {
    guard encodedLength > MessageChannel.messageLengthMax else { return }
    let room = MessageChannel.messageLengthMax - Self.fixedLength
    let share = max(room / verdicts.count - Self.verdictLength, 0)
    for index in verdicts.indices {
      let relay = verdicts[index].relay.prefix(share / 2)
      verdicts[index].relay = Array(relay)
      verdicts[index].text = Array(verdicts[index].text.prefix(share - relay.count))
    }
  }

  private static let fixedLength = 56
  private static let verdictLength = 24

  /// The most bytes that the result takes in a message.
  var encodedLength: Int {
    verdicts.reduce(Self.fixedLength) {
      $0 + Self.verdictLength + $1.text.count + $1.relay.count
    }
  }

  func encode(into out: inout WireEncoder) {
    out.put(id)
    out.put(queueID)
    out.put(nonce)
    out.put(offset)
    out.put(connectionFailed)
    out.put(UInt32(verdicts.count))
    for verdict in verdicts {
      out.put(verdict.index)
      out.put(verdict.encodedOutcome)
      out.put(verdict.status.statusClass)
      out.put(verdict.status.subject)
      out.put(verdict.status.detail)
      out.put(verdict.text)
      out.put(verdict.relay)
    }
  }

  init(from input: inout WireDecoder) throws(WireError) {
    id = try input.integer()
    queueID = try input.queueID()
    nonce = try input.nonce()
    offset = try input.integer()
    connectionFailed = try input.bool()
    verdicts = try input.list { (input) throws(WireError) in
      let index: UInt32 = try input.integer()
      guard let (outcome, handover) = RecipientVerdict.outcome(of: try input.integer()) else {
        throw WireError.invalid
      }
      let status = EnhancedStatus(
        try input.integer(), try input.integer(), try input.integer())
      return RecipientVerdict(
        index: index, outcome: outcome, handover: handover, status: status,
        text: try input.byteString(), relay: try input.byteString())
    }
  }
}
