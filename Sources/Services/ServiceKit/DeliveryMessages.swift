package import MailTypes
package import Primitives

/// One recipient of a delivery, as `qmgr` names it to a delivery agent.
package struct DeliveryRecipient: Equatable, Sendable {
  /// The recipient's place in the message's envelope.
  package var index: UInt32
  /// Where the mail goes.
  package var address: MailAddress
  /// The address before rewriting (`orig_to=` in the log); empty when it is the same.
  package var original: [UInt8]

  /// Names a recipient.
  package init(index: UInt32, address: MailAddress, original: [UInt8] = []) {
    self.index = index
    self.address = address
    self.original = original
  }

  /// The bytes that the recipient takes in a message.
  package var encodedLength: Int { 12 + address.bytes.count + original.count }
}

/// What `qmgr` asks of a delivery agent: one transaction with one next hop.
package struct DeliveryRequest: Equatable, Sendable {
  /// Names the delivery between `qmgr` and its agents; unique within a life of `qmgr`.
  package var id: UInt64
  /// The message.
  package var queueID: QueueID
  /// The segment, whose descriptor went ahead in `segment(nonce:)`.
  package var nonce: Nonce
  /// Where the record's lead begins in the segment.
  package var offset: UInt64
  /// The transport (service) name.
  package var transport: String
  /// The next hop in Postfix's notation: `[host]:port`, `domain`, `unix:path`.
  package var nextHop: String
  /// The envelope sender.
  package var sender: MailAddress
  /// Recipients of this transaction.
  package var recipients: [DeliveryRecipient]
  /// When the message arrived.
  package var arrival: WallTime
  /// When `qmgr` took the message into its active window (for `delays=`).
  package var activated: WallTime
  /// When `qmgr` sent this request (for `delays=`).
  package var dispatched: WallTime

  /// Makes a request.
  package init(
    id: UInt64, queueID: QueueID, nonce: Nonce, offset: UInt64, transport: String,
    nextHop: String, sender: MailAddress, recipients: [DeliveryRecipient], arrival: WallTime,
    activated: WallTime, dispatched: WallTime
  ) {
    self.id = id
    self.queueID = queueID
    self.nonce = nonce
    self.offset = offset
    self.transport = transport
    self.nextHop = nextHop
    self.sender = sender
    self.recipients = recipients
    self.arrival = arrival
    self.activated = activated
    self.dispatched = dispatched
  }

  func encode(into out: inout WireEncoder) {
    out.put(id)
    out.put(queueID)
    out.put(nonce)
    out.put(offset)
    out.put(transport)
    out.put(nextHop)
    out.put(sender.bytes)
    out.put(UInt32(recipients.count))
    for recipient in recipients {
      out.put(recipient.index)
      out.put(recipient.address.bytes)
      out.put(recipient.original)
    }
    out.put(arrival.microseconds)
    out.put(activated.microseconds)
    out.put(dispatched.microseconds)
  }

  init(from input: inout WireDecoder) throws(WireError) {
    id = try input.integer()
    queueID = try input.queueID()
    nonce = try input.nonce()
    offset = try input.integer()
    transport = try input.string()
    nextHop = try input.string()
    sender = MailAddress(try input.byteString())
    recipients = try input.list { (input) throws(WireError) in
      DeliveryRecipient(
        index: try input.integer(), address: MailAddress(try input.byteString()),
        original: try input.byteString())
    }
    arrival = WallTime(microseconds: try input.integer())
    activated = WallTime(microseconds: try input.integer())
    dispatched = WallTime(microseconds: try input.integer())
  }
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
  /// The enhanced status code.
  package var status: EnhancedStatus
  /// The text that stands in parentheses in the log; at most `textLengthMax` bytes.
  package var text: [UInt8]
  /// `relay=` of the log: `host[address]:port` or `none`.
  package var relay: [UInt8]

  /// Makes a verdict; the text is cut at its limit.
  package init(
    index: UInt32, outcome: Outcome, status: EnhancedStatus, text: [UInt8], relay: [UInt8]
  ) {
    self.index = index
    self.outcome = outcome
    self.status = status
    self.text = text.count > Self.textLengthMax ? Array(text[..<Self.textLengthMax]) : text
    self.relay = relay
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
      out.put(verdict.outcome.rawValue)
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
      guard let outcome = RecipientVerdict.Outcome(rawValue: try input.integer()) else {
        throw WireError.invalid
      }
      let status = EnhancedStatus(
        try input.integer(), try input.integer(), try input.integer())
      return RecipientVerdict(
        index: index, outcome: outcome, status: status, text: try input.byteString(),
        relay: try input.byteString())
    }
  }
}

/// A delivery that an agent has in hand, as it tells a new `qmgr`.
package struct DeliveryReference: Equatable, Sendable {
  /// The request's id in the life of the `qmgr` that sent it.
  package var id: UInt64
  /// The message.
  package var queueID: QueueID
  /// The segment of the message.
  package var nonce: Nonce
  /// Where the record's lead begins.
  package var offset: UInt64
  /// The recipients under way, by their place in the envelope.
  package var recipients: [UInt32]

  /// The most bytes that the reference takes in a message.
  var encodedLength: Int { 52 + 4 * recipients.count }

  /// Refers to `request`.
  package init(_ request: DeliveryRequest) {
    id = request.id
    queueID = request.queueID
    nonce = request.nonce
    offset = request.offset
    recipients = request.recipients.map(\.index)
  }

  func encode(into out: inout WireEncoder) {
    out.put(id)
    out.put(queueID)
    out.put(nonce)
    out.put(offset)
    out.put(UInt32(recipients.count))
    for recipient in recipients { out.put(recipient) }
  }

  init(from input: inout WireDecoder) throws(WireError) {
    id = try input.integer()
    queueID = try input.queueID()
    nonce = try input.nonce()
    offset = try input.integer()
    recipients = try input.list { (input) throws(WireError) in try input.integer() }
  }
}

extension WireEncoder {
  mutating func put(_ id: QueueID) {
    put(id.microseconds)
    put(id.sequence)
  }

  mutating func put(_ nonce: Nonce) {
    put(nonce.high)
    put(nonce.low)
  }
}

extension WireDecoder {
  mutating func queueID() throws(WireError) -> QueueID {
    QueueID(microseconds: try integer(), sequence: try integer())
  }

  mutating func nonce() throws(WireError) -> Nonce {
    Nonce(high: try integer(), low: try integer())
  }
}
