package import MailTypes

/// What an administrator can order about messages, as `postsuper` does.
package enum QueueOrder: UInt8, Sendable, CaseIterable {
  /// Keep it until it is released.
  case hold = 1
  /// No longer hold it.
  case release = 2
  /// Remove it; nobody is told.
  case delete = 3
  /// Return it to its sender instead of trying it.
  case expire = 4
  /// Put a new message in its place, which is routed anew.
  case requeue = 5

  /// What the log says behind the queue id, as Postfix does.
  package var past: StaticString {
    switch self {
    case .hold: "placed on hold"
    case .release: "released from hold"
    case .delete: "removed"
    case .expire: "expired"
    case .requeue: "requeued"
    }
  }

  /// The line that closes an order about `count` messages, as Postfix words it.
  package func summary(_ count: UInt64) -> String {
    let title =
      switch self {
      case .hold: "Placed on hold"
      case .release: "Released from hold"
      case .delete: "Deleted"
      case .expire: "Force-expired"
      case .requeue: "Requeued"
      }
    return "\(title): \(count) message\(count == 1 ? "" : "s")"
  }
}

/// What became of an order about one message.
package struct OrderOutcome: Equatable, Sendable {
  /// The message.
  package var id: QueueID
  /// Whether the order is carried out, or will be when results come; else there is no such
  /// message, or it was so already.
  package var isDone: Bool
  /// Deliveries under way, whose results still count (spool rule R22).
  package var inFlight: UInt32

  /// Tells an outcome.
  package init(id: QueueID, isDone: Bool, inFlight: UInt32) {
    self.id = id
    self.isDone = isDone
    self.inFlight = inFlight
  }
}

/// A part of the answer to an order.
package struct OrderAnswerPart: Equatable, Sendable {
  /// Whether the journals that the orders were written to have been flushed (spool rule R9).
  package var isDurable: Bool
  /// The outcomes.
  package var outcomes: [OrderOutcome]

  /// Makes a part.
  package init(isDurable: Bool, outcomes: [OrderOutcome]) {
    self.isDurable = isDurable
    self.outcomes = outcomes
  }

  /// The part as bytes of an answer.
  package var encoded: [UInt8] {
    var out = WireEncoder()
    out.put(isDurable)
    out.put(UInt32(outcomes.count))
    for outcome in outcomes {
      out.put(outcome.id)
      out.put(outcome.isDone)
      out.put(outcome.inFlight)
    }
    return out.take()
  }

  /// Reads a part.
  package init(decoding bytes: [UInt8]) throws(WireError) {
    let result = bytes.withUnsafeBytes { (bytes) -> Result<OrderAnswerPart, WireError> in
      Result { () throws(WireError) in
        var input = WireDecoder(bytes)
        return OrderAnswerPart(
          isDurable: try input.bool(),
          outcomes: try input.list { (input) throws(WireError) in
            OrderOutcome(
              id: try input.queueID(), isDone: try input.bool(), inFlight: try input.integer())
          })
      }
    }
    self = try result.get()
  }
}

/// An order or question that `control` passes to `qmgr` for a command.
package enum QueueCommand: Equatable, Sendable {
  /// Messages that one order may name, so that it fits a packet with its answer.
  package static let idsMax = 1000

  /// All messages; the answer's parts are `QueueListEntry`s, as many as fit a packet.
  case list
  /// The next part of an answer, under the same number; an answer that is `last` ends it.
  case more
  /// No further part of an answer is wanted.
  case cancel
  /// Try everything again now; the answer is empty.
  case flush
  /// Try one message again now; the answer is one byte, 1 if there is such a message.
  case retry(QueueID)
  /// An order about these messages; the answer is an `OrderAnswerPart`.
  case order(QueueOrder, [QueueID])
  /// An order about all messages in these queues; the answer's parts are `OrderAnswerPart`s with
  /// the outcomes that are done.
  case orderAll(QueueOrder, Set<QueueListEntry.State>)
  /// Log that an order has been given about so many messages; the answer is empty.
  case conclude(QueueOrder, count: UInt64)
  /// How the queue and its processes are; the answer is a `QueueStatus`.
  case status
  /// Show the sessions of these clients until the command ends; a part of the answer is a line.
  /// `control` itself answers it.
  case trace(TraceFilter)

  /// Whether only the superuser and the mail owner may give it.
  package var isForOwner: Bool {
    switch self {
    case .order, .orderAll, .conclude, .trace: true
    case .list, .more, .cancel, .flush, .retry, .status: false
    }
  }

  /// The command as bytes for `queueCommand`.
  package var encoded: [UInt8] {
    var out = WireEncoder()
    switch self {
    case .list: out.put(UInt8(1))
    case .flush: out.put(UInt8(2))
    case .retry(let id):
      out.put(UInt8(3))
      out.put(id)
    case .more: out.put(UInt8(4))
    case .cancel: out.put(UInt8(5))
    case .order(let order, let ids):
      out.put(UInt8(6))
      out.put(order.rawValue)
      out.put(UInt32(ids.count))
      for id in ids { out.put(id) }
    case .orderAll(let order, let states):
      out.put(UInt8(7))
      out.put(order.rawValue)
      out.put(states.reduce(UInt8(0)) { $0 | 1 << $1.rawValue })
    case .conclude(let order, let count):
      out.put(UInt8(8))
      out.put(order.rawValue)
      out.put(count)
    case .status: out.put(UInt8(9))
    case .trace(let filter):
      out.put(UInt8(10))
      filter.encode(into: &out)
    }
    return out.take()
  }

  /// Reads a command.
  package init(decoding bytes: [UInt8]) throws(WireError) {
    let result = bytes.withUnsafeBytes { (bytes) -> Result<QueueCommand, WireError> in
      Result { () throws(WireError) in try Self.decode(bytes) }
    }
    self = try result.get()
  }

  private static func decode(_ bytes: UnsafeRawBufferPointer) throws(WireError) -> QueueCommand {
    var input = WireDecoder(bytes)
    let command: QueueCommand
    switch try input.integer(UInt8.self) {
    case 1: command = .list
    case 2: command = .flush
    case 3: command = .retry(try input.queueID())
    case 4: command = .more
    case 5: command = .cancel
    case 6:
      let order = try Self.order(&input)
      let ids = try input.list { (input) throws(WireError) in try input.queueID() }
      guard ids.count <= idsMax else { throw .invalid }
      command = .order(order, ids)
    case 7:
      let order = try Self.order(&input)
      let bits = try input.integer(UInt8.self)
      command = .orderAll(
        order, Set(QueueListEntry.State.allCases.filter { bits & 1 << $0.rawValue != 0 }))
    case 8: command = .conclude(try Self.order(&input), count: try input.integer())
    case 9: command = .status
    case 10: command = .trace(try TraceFilter(from: &input))
    default: throw .invalid
    }
    guard input.remaining == 0 else { throw .invalid }
    return command
  }

  private static func order(_ input: inout WireDecoder) throws(WireError) -> QueueOrder {
    guard let order = QueueOrder(rawValue: try input.integer()) else { throw .invalid }
    return order
  }
}
