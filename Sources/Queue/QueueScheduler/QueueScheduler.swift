import DequeModule
import HeapModule
package import MailTypes
package import Primitives

/// Which message goes out next, to where, and when what could not be delivered is tried again.
///
/// All known messages have a small entry. Those that could be tried now enter a bounded active
/// window, in which their recipients wait as parcels at their destinations; destinations take
/// turns, each within the concurrency that it has shown to bear. The caller reads records, routes
/// recipients and talks to processes; it drives the scheduler by
///
/// - `add` for new mail and `restore` for what a start finds on the disk;
/// - `nextOrder` until it returns `nil`, after anything else was called and at `nextWake`;
/// - `route` or `loadFailed` after an order to load, `report` after one to deliver;
/// - `forget` or `putBack` once the end of a message is written down.
///
/// Every call takes a number of steps that does not grow with the messages known, but for those
/// that say so. Time is a parameter.
package struct QueueScheduler {
  var settings: SchedulerSettings
  var index = MessageIndex()
  var calendar: RetryCalendar
  var destinations = DestinationTable()
  var transports: [Transport] = []
  var groups: [AgentGroup] = []
  var processes: [AgentProcess] = []

  var active = Pool(blank: ActiveMessage())
  var parcels = Pool(blank: Parcel())
  var flights = Pool(blank: Flight())
  var loads = 0
  /// Slots of the messages that are being moved.
  var moving: [UInt32] = []
  private var nextDelivery: UInt64

  /// Messages whose senders are to be told of their delay.
  var delayed: Deque<MessageRef> = []

  /// Destinations that may enter mail into the window, and those that had their share.
  var entering: Deque<UInt32> = []
  var capped: Deque<UInt32> = []
  /// Dead destinations whose mail is being put away.
  var clearing: Deque<UInt32> = []
  var revivals = Heap<Revival>()
  var transportTurn = 0
  var deliverIsNext = true

  /// Elementary steps taken so far, for tests of cost: entries moved, destinations looked at.
  package internal(set) var steps: UInt64 = 0

  /// No message expires before this time: set by the caller after a jump of the clock (rule R21).
  package var expirySuspendedUntil: MonotonicTime

  /// Makes an empty scheduler.
  ///
  /// - Parameter deliverySeed: larger than the seed of every scheduler before by more than the
  ///   deliveries it made, such as the wall clock in units of 10 us; below 2^47.
  package init(settings: SchedulerSettings, now: MonotonicTime, deliverySeed: UInt64 = 0) {
    self.settings = settings
    calendar = RetryCalendar(settings, origin: now)
    nextDelivery = deliverySeed
    expirySuspendedUntil = now
  }

  mutating func makeFlight(_ flight: Flight) -> UInt32 {
    let slot = flights.insert(flight)
    precondition(slot <= Flight.slotMask, "more deliveries in flight than are ever ordered")
    nextDelivery += 1
    flights[slot].number = nextDelivery << Flight.slotBits | UInt64(slot)
    return slot
  }

  func limits(of destination: UInt32) -> TransportLimits {
    transports[Int(destinations[destination].transport)].limits
  }
}

/// The end of a destination's death, in a heap by time.
struct Revival: Comparable {
  var time: MonotonicTime
  var destination: UInt32

  static func < (a: Self, b: Self) -> Bool { a.time < b.time }
}

// MARK: Transports and destinations

extension QueueScheduler {
  /// Makes a group for processes that do the same work.
  package mutating func makeAgentGroup() -> AgentGroupNumber {
    groups.append(AgentGroup())
    return AgentGroupNumber(value: groups.count - 1)
  }

  /// Declares a transport, or gives a declared one new limits. Takes a step for each destination.
  package mutating func declareTransport(
    _ name: [UInt8], limits: TransportLimits, agents: AgentGroupNumber
  ) -> TransportNumber {
    guard let known = transports.firstIndex(where: { $0.name == name }) else {
      transports.append(Transport(name: name, limits: limits, agents: agents.value))
      return TransportNumber(value: UInt16(transports.count - 1))
    }
    transports[known].limits = limits
    for number in destinations.indices where Int(destinations[number].transport) == known {
      destinations[number].concurrency.apply(limits)
      refreshReady(number)
    }
    return TransportNumber(value: UInt16(known))
  }

  /// The number of a destination; ask right before using it in `add` or `route`.
  package mutating func destination(
    transport: TransportNumber, nextHop: [UInt8]
  ) -> DestinationNumber {
    let limits = transports[Int(transport.value)].limits
    return DestinationNumber(
      value: destinations.number(
        transport: transport.value, nextHop: nextHop, limits: limits))
  }

  /// The transport of a destination.
  package func transport(of destination: DestinationNumber) -> TransportNumber {
    TransportNumber(value: destinations[destination.value].transport)
  }

  /// The next hop of a destination.
  package func nextHop(of destination: DestinationNumber) -> [UInt8] {
    destinations.nextHop(of: destination.value)
  }

  /// The end of a destination's death; `nil` while it lives.
  package func deathEnd(of destination: DestinationNumber) -> MonotonicTime? {
    let row = destinations[destination.value]
    return row.isDead ? row.revival : nil
  }

  /// Names a message by its queue id.
  package func find(_ id: QueueID) -> MessageRef? {
    index.find(id).map(index.ref)
  }
}
