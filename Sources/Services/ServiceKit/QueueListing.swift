package import MailTypes
package import Primitives

/// One message as `postqueue` shows it.
package struct QueueListEntry: Equatable, Sendable {
  /// The states that Postfix keeps as directories.
  package enum State: UInt8, Sendable, CaseIterable {
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

  /// Which part of a message an entry is: one with very many recipients is told in pieces that
  /// follow each other.
  package enum Piece: UInt8, Sendable {
    /// All of it.
    case whole = 0
    /// The first recipients; others follow.
    case first = 1
    /// Further recipients; others follow.
    case middle = 2
    /// The last recipients.
    case last = 3

    /// Whether the message begins with this entry.
    package var begins: Bool { self == .whole || self == .first }
    /// Whether the message ends with this entry.
    package var ends: Bool { self == .whole || self == .last }
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
  /// Whether an order wants it returned to its sender.
  package var isToExpire: Bool
  /// Which part of the message this is.
  package var piece: Piece

  /// Lists a message.
  package init(
    id: QueueID, state: State, arrival: WallTime, size: UInt64, sender: MailAddress,
    recipients: [Recipient], isToExpire: Bool = false, piece: Piece = .whole
  ) {
    self.id = id
    self.state = state
    self.arrival = arrival
    self.size = size
    self.sender = sender
    self.recipients = recipients
    self.isToExpire = isToExpire
    self.piece = piece
  }

  /// Appends the entry to an answer.
  package func encode(into out: inout WireEncoder) {
    out.put(id)
    out.put(state.rawValue)
    out.put(isToExpire)
    out.put(piece.rawValue)
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
    isToExpire = try input.bool()
    guard let piece = Piece(rawValue: try input.integer()) else { throw .invalid }
    self.piece = piece
    arrival = WallTime(microseconds: try input.integer())
    size = try input.integer()
    sender = MailAddress(try input.byteString())
    recipients = try input.list { (input) throws(WireError) in
      Recipient(address: MailAddress(try input.byteString()), reason: try input.byteString())
    }
  }
}
