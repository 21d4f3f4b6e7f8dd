package import MailTypes
package import Primitives

/// One message as `postqueue` shows it.
package struct QueueListEntry: Equatable, Sendable {
  /// The states that Postfix keeps as directories.
  package enum State: UInt8, Sendable {
    case incoming = 0
    case active = 1
    case deferred = 2
    case hold = 3

    /// The name of Postfix's queue.
    package var queueName: String {
      switch self {
      case .incoming: "incoming"
      case .active: "active"
      case .deferred: "deferred"
      case .hold: "hold"
      }
    }
  }

  /// A recipient that is not done.
  package struct Recipient: Equatable, Sendable {
    /// Where the mail goes.
    package var address: MailAddress
    /// Why it has not gone yet; empty before the first attempt.
    package var reason: [UInt8]

    /// Lists a recipient.
    package init(address: MailAddress, reason: [UInt8]) {
      self.address = address
      self.reason = reason
    }
  }

  /// The message.
  package var id: QueueID
  /// Where it stands.
  package var state: State
  /// When it arrived.
  package var arrival: WallTime
  /// Its content's size in bytes.
  package var size: UInt64
  /// The envelope sender.
  package var sender: MailAddress
  /// Who has not got it yet.
  package var recipients: [Recipient]

  /// Lists a message.
  package init(
    id: QueueID, state: State, arrival: WallTime, size: UInt64, sender: MailAddress,
    recipients: [Recipient]
  ) {
    self.id = id
    self.state = state
    self.arrival = arrival
    self.size = size
    self.sender = sender
    self.recipients = recipients
  }

  /// Appends the entry to an answer.
  package func encode(into out: inout WireEncoder) {
    out.put(id)
    out.put(state.rawValue)
    out.put(arrival.microseconds)
    out.put(size)
    out.put(sender.bytes)
    out.put(UInt32(recipients.count))
    for recipient in recipients {
      out.put(recipient.address.bytes)
      out.put(recipient.reason)
    }
  }

  /// Reads an entry of an answer.
  package init(from input: inout WireDecoder) throws(WireError) {
    id = try input.queueID()
    guard let state = State(rawValue: try input.integer()) else { throw .invalid }
    self.state = state
    arrival = WallTime(microseconds: try input.integer())
    size = try input.integer()
    sender = MailAddress(try input.byteString())
    recipients = try input.list { (input) throws(WireError) in
      Recipient(address: MailAddress(try input.byteString()), reason: try input.byteString())
    }
  }
}

/// An order or question that `control` passes to `qmgr` for a command.
package enum QueueCommand: Equatable, Sendable {
  /// All messages; the answer's parts are `QueueListEntry`s, as many as fit a packet.
  case list
  /// The next part of a list, under the same number; an answer that is `last` ends it.
  case more
  /// No further part of a list is wanted.
  case cancel
  /// Try everything again now; the answer is empty.
  case flush
  /// Try one message again now; the answer is one byte, 1 if there is such a message.
  case retry(QueueID)

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
    default: throw .invalid
    }
    guard input.remaining == 0 else { throw .invalid }
    return command
  }
}
