package import MailTypes
package import Primitives
package import QueueFormat

/// One recipient of a delivery, as `qmgr` names it to a delivery agent.
package struct DeliveryRecipient: Equatable, Sendable {
  /// The recipient's place in the message's envelope.
  package var index: UInt32
  /// Where the mail goes.
  package var address: MailAddress
  /// The address before rewriting (`orig_to=` in the log); empty when it is the same.
  package var original: [UInt8]
  /// When the sender wants to hear (RFC 3461 4.1); `nil` when it said nothing.
  package var notify: DeliveryNotify?
  /// ORCPT (RFC 3461 4.2), `type;xtext`; empty for none.
  package var dsnOriginal: [UInt8]
  /// Which command or file of the alias `address` gets the mail; `nil` when it is a mailbox.
  package var program: AliasProgramPlace?

  /// Names a recipient.
  package init(
    index: UInt32, address: MailAddress, original: [UInt8] = [], notify: DeliveryNotify? = nil,
    dsnOriginal: [UInt8] = []
  ) {
    self.index = index
    self.address = address
    self.original = original
    self.notify = notify
    self.dsnOriginal = dsnOriginal
  }

  /// The bytes that the recipient takes in a message.
  package var encodedLength: Int {
    (program == nil ? 18 : 32) + address.bytes.count + original.count + dsnOriginal.count
  }

  /// Stands for a recipient about which the sender said nothing.
  private static let saidNothing: UInt8 = 0xff

  fileprivate func encode(into out: inout WireEncoder) {
    out.put(index)
    out.put(address.bytes)
    out.put(original)
    out.put(notify?.rawValue ?? Self.saidNothing)
    out.put(dsnOriginal)
    out.put(program != nil)
    if let program {
      out.put(program.index)
      out.put(program.count)
      out.put(program.flags)
      out.put(program.checksum != nil)
      if let checksum = program.checksum { out.put(checksum) }
    }
  }

  fileprivate init(from input: inout WireDecoder) throws(WireError) {
    index = try input.integer()
    address = MailAddress(try input.byteString())
    original = try input.byteString()
    let notify: UInt8 = try input.integer()
    self.notify = notify == Self.saidNothing ? nil : DeliveryNotify(rawValue: notify)
    dsnOriginal = try input.byteString()
    guard try input.bool() else { return }
    program = AliasProgramPlace(
      index: try input.integer(), count: try input.integer(), flags: try input.integer(),
      checksum: try input.bool() ? try input.integer() : nil)
  }
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
  /// ENVID (RFC 3461 4.4) in xtext; empty for none.
  package var envelopeID: [UInt8] = []
  /// RET (RFC 3461 4.3).
  package var returnContent: ReturnContent?
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
    out.put(envelopeID)
    out.put(returnContent?.rawValue ?? 0)
    out.put(UInt32(recipients.count))
    for recipient in recipients { recipient.encode(into: &out) }
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
    envelopeID = try input.byteString()
    returnContent = ReturnContent(rawValue: try input.integer())
    recipients = try input.list { (input) throws(WireError) in
      try DeliveryRecipient(from: &input)
    }
    arrival = WallTime(microseconds: try input.integer())
    activated = WallTime(microseconds: try input.integer())
    dispatched = WallTime(microseconds: try input.integer())
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
