package import MailTypes
package import Primitives

/// The number of a slot that means none.
let noSlot = UInt32.max

/// A message that the scheduler knows, until it is forgotten.
package struct MessageRef: Hashable, Sendable {
  let slot: UInt32
  let generation: UInt32
}

/// A transport of this scheduler.
package struct TransportNumber: Hashable, Sendable {
  let value: UInt16
}

/// A destination: a transport and a next hop that stand together for a number.
///
/// The number may be given to another destination once no message names it and `nextOrder` was
/// called, so it is asked for right before it is used.
package struct DestinationNumber: Hashable, Sendable {
  let value: UInt32
}

/// A group of agent processes that deliver for the same transports.
package struct AgentGroupNumber: Hashable, Sendable {
  let value: Int
}

/// An agent process.
package struct ProcessNumber: Hashable, Sendable {
  let value: UInt16
}

/// A delivery that an agent process was asked for; never given out twice, also by a later
/// scheduler with a larger seed.
package struct DeliveryNumber: Hashable, Sendable {
  /// The number as it travels in messages between processes.
  package let rawValue: UInt64

  /// Wraps a number that came back from a process.
  package init(rawValue: UInt64) {
    self.rawValue = rawValue
  }
}

/// Where the record of a message lies.
package struct MessagePlace: Hashable, Sendable {
  /// The caller's number for the segment.
  package let segment: UInt32
  /// Bytes from the start of the segment; a multiple of 64, below 256 GiB.
  package let offset: UInt64

  /// Names a record by its segment and its offset in bytes.
  package init(segment: UInt32, offset: UInt64) {
    precondition(offset % 64 == 0 && offset >> 38 == 0, "records start on 64-byte borders")
    self.segment = segment
    self.offset = offset
  }
}

/// What the scheduler is told of a message that it has not seen.
package struct NewMessage: Sendable {
  /// The queue id.
  package var id: QueueID
  /// Where its record lies.
  package var place: MessagePlace
  /// When it arrived; before the clock's origin is fine.
  package var arrival: MonotonicTime
  /// Recipients whose fate is open; at least 1.
  package var recipientsLeft: Int
  /// Whether it comes from the null reverse-path.
  package var isFromNullSender: Bool
  /// Deaths of agent processes under it so far (rule R19).
  package var deaths: Int

  /// Describes a message.
  package init(
    id: QueueID, place: MessagePlace, arrival: MonotonicTime, recipientsLeft: Int,
    isFromNullSender: Bool = false, deaths: Int = 0
  ) {
    self.id = id
    self.place = place
    self.arrival = arrival
    self.recipientsLeft = recipientsLeft
    self.isFromNullSender = isFromNullSender
    self.deaths = deaths
  }
}

/// Orders of an earlier run that have not come true.
package struct RestoredOrders: OptionSet, Sendable {
  /// The orders as bits.
  package let rawValue: UInt8

  /// Wraps bits.
  package init(rawValue: UInt8) {
    self.rawValue = rawValue
  }

  /// Return it to its sender instead of trying it.
  package static let expire = RestoredOrders(rawValue: 1)
  /// Put a new message in its place; this goes before being held.
  package static let requeue = RestoredOrders(rawValue: 2)
}

/// A recipient, named by its index in the record's envelope, and where its mail goes.
package struct RoutedRecipient: Sendable {
  /// The index in the envelope.
  package var index: UInt32
  /// Where to.
  package var destination: DestinationNumber
  /// What it takes of a delivery request, in bytes (spool rule R27).
  package var size: UInt32

  /// Pairs a recipient with its destination.
  package init(index: UInt32, destination: DestinationNumber, size: UInt32 = 0) {
    self.index = index
    self.destination = destination
    self.size = size
  }
}

/// Indices of the recipients of one delivery; a single one needs no allocation.
package struct RecipientIndices: Sendable {
  /// The first.
  package private(set) var first: UInt32
  /// The others.
  package private(set) var rest: ArraySlice<UInt32>

  init(first: UInt32, rest: ArraySlice<UInt32> = []) {
    self.first = first
    self.rest = rest
  }

  /// How many there are; at least 1.
  package var count: Int { 1 + rest.count }

  /// Parts off at most `limit` (0 for all); the others are returned, `nil` when none are left.
  func split(limit: Int) -> (RecipientIndices, RecipientIndices?) {
    guard limit > 0, count > limit else { return (self, nil) }
    let left = rest.dropFirst(limit - 1)
    return (
      RecipientIndices(first: first, rest: rest.prefix(limit - 1)),
      RecipientIndices(first: left[left.startIndex], rest: left.dropFirst())
    )
  }
}
