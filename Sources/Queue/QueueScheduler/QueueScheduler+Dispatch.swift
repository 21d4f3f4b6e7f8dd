import DequeModule
import MailTypes
package import Primitives

/// What is done next.
extension QueueScheduler {
  /// Steps of housekeeping in a call: some always, more when there is nothing else to do.
  private static let moves = (always: 4, idle: 256)

  /// What to do next, or `nil` when there is nothing before `nextWake` but to wait for answers.
  package mutating func nextOrder(now: MonotonicTime) -> Order? {
    if let run = advance(now: now, moves: Self.moves.always) { return .ended(run) }
    if let order = nextInTurn(now: now) { return order }
    if let run = advance(now: now, moves: Self.moves.idle) { return .ended(run) }
    return nextInTurn(now: now)
  }

  /// A delivery or a message to load, each kind first in turn.
  private mutating func nextInTurn(now: MonotonicTime) -> Order? {
    deliverIsNext.toggle()
    if deliverIsNext { return nextDelivery(now: now) ?? admitNext(now: now) }
    return admitNext(now: now) ?? nextDelivery(now: now)
  }

  private mutating func nextDelivery(now: MonotonicTime) -> Order? {
    guard flights.inUse < Flight.inFlightMax else { return nil }
    for agents in groups.indices {
      if let order = nextSuspect(of: agents, now: now) { return order }
    }
    for _ in transports.indices {
      transportTurn = transportTurn + 1 < transports.count ? transportTurn + 1 : 0
      if let delivery = nextDelivery(of: transportTurn) { return .deliver(delivery) }
    }
    return nil
  }

  private mutating func nextDelivery(of transport: Int) -> Delivery? {
    guard !transports[transport].ready.isEmpty,
      transports[transport].hasRoom(for: isAwaited(transport: transport) ? 2 : 1),
      roomiestProcess(of: transports[transport].agents) != nil
    else { return nil }
    while let destination = transports[transport].ready.popFirst() {
      steps += 1
      destinations[destination].isInReadyLine = false
      guard isReady(destination) else { continue }
      guard let process = pickProcess(for: destination) else {
        refreshReady(destination)
        return nil
      }
      let parcel = destinations[destination].firstParcel
      unlinkParcel(parcel)
      let delivery = dispatch(parcel, process: process)
      refreshReady(destination)
      return delivery
    }
    return nil
  }

  /// Whether a destination has mail to deliver and may have one more delivery.
  func isReady(_ destination: UInt32) -> Bool {
    guard destinations[destination].firstParcel != noSlot, !destinations[destination].isDead else {
      return false
    }
    let room =
      destinations[destination].concurrency.size - Int(destinations[destination].busy)
    // A suspect at the head of its line finds room at its destination.
    return room > (isAwaited(destination) ? 1 : 0)
  }

  /// The destination that a reserved process is being emptied for.
  private func awaitedDestination(of agents: Int) -> UInt32? {
    guard groups[agents].reserved != nil, !groups[agents].deliversSuspect,
      let suspect = groups[agents].suspects.first
    else { return nil }
    return parcels[suspect].destination
  }

  private func isAwaited(_ destination: UInt32) -> Bool {
    awaitedDestination(of: agents(of: destination)) == destination
  }

  private func isAwaited(transport: Int) -> Bool {
    awaitedDestination(of: transports[transport].agents)
      .map { Int(destinations[$0].transport) } == transport
  }

  /// Puts a destination in line for deliveries if it could have one.
  mutating func refreshReady(_ destination: UInt32) {
    guard !destinations[destination].isInReadyLine, isReady(destination) else { return }
    destinations[destination].isInReadyLine = true
    transports[Int(destinations[destination].transport)].ready.append(destination)
  }

  /// Hands a parcel, or as much of it as fits in a delivery, to a process; the rest goes to the
  /// end of the line, so that mail with many recipients does not block what comes behind it.
  private mutating func dispatch(_ parcel: UInt32, process: UInt16) -> Delivery {
    let destination = parcels[parcel].destination
    let message = parcels[parcel].active
    let ownLimit = Int(active[message].recipientLimit)
    let transportLimit = limits(of: destination).recipientLimit
    let limit = transportLimit == 0 ? ownLimit : min(transportLimit, ownLimit)
    let (recipients, left) = parcels[parcel].recipients.split(limit: limit)
    let flight = launch(
      active: message, destination: destination, process: process, recipients: recipients.count)
    if let left {
      parcels[parcel].recipients = left
      if parcels[parcel].isSuspect {
        groups[agents(of: destination)].suspects.append(parcel)
      } else {
        appendParcel(parcel)
      }
    } else {
      freeParcel(parcel)
    }
    let slot = active[message].slot
    return Delivery(
      number: DeliveryNumber(rawValue: flights[flight].number), message: index.ref(slot),
      id: index[slot].id, place: index[slot].place,
      destination: DestinationNumber(value: destination),
      process: ProcessNumber(value: process), recipients: recipients)
  }

  /// Counts a delivery as under way.
  mutating func launch(
    active message: UInt32, destination: UInt32, process: UInt16, recipients: Int
  ) -> UInt32 {
    steps += 1
    active[message].inFlight += 1
    destinations.use(destination)
    destinations[destination].busy += 1
    transports[Int(destinations[destination].transport)].busy += 1
    let isAtHome = destinations[destination].home == process
    if isAtHome { destinations[destination].homeBusy += 1 }
    processes[Int(process)].inFlight += 1
    return makeFlight(
      Flight(
        active: message, destination: destination, process: process,
        recipients: UInt32(recipients), isAtHome: isAtHome))
  }
}

// MARK: Suspects

extension QueueScheduler {
  /// Delivers a message under which a process died: alone in a process, so that nothing else
  /// suffers and the culprit is known (rule R19).
  private mutating func nextSuspect(of agents: Int, now: MonotonicTime) -> Order? {
    while let parcel = groups[agents].suspects.first {
      let destination = parcels[parcel].destination
      guard destinations[destination].isDead else {
        return dispatchSuspect(parcel, of: agents).map(Order.deliver)
      }
      steps += 1
      groups[agents].suspects.removeFirst()
      releaseReservation(of: agents)
      if let run = postponeParcel(parcel, now: now) { return .ended(run) }
    }
    return nil
  }

  private mutating func dispatchSuspect(_ parcel: UInt32, of agents: Int) -> Delivery? {
    let destination = parcels[parcel].destination
    if groups[agents].reserved == nil {
      groups[agents].reserved = emptiestProcess(of: agents)
    }
    guard let process = groups[agents].reserved, processes[Int(process)].inFlight == 0,
      processes[Int(process)].credit > 0,
      Int(destinations[destination].busy) < destinations[destination].concurrency.size,
      transports[Int(destinations[destination].transport)].hasRoom(for: 1)
    else { return nil }
    groups[agents].suspects.removeFirst()
    groups[agents].deliversSuspect = true
    let delivery = dispatch(parcel, process: process)
    refreshReady(destination)
    return delivery
  }

  /// Gives a reserved process back when no suspect is left for it, or it takes none any more.
  mutating func releaseReservation(of agents: Int) {
    guard let process = groups[agents].reserved, !groups[agents].deliversSuspect else { return }
    if groups[agents].suspects.isEmpty || processes[Int(process)].credit == 0 {
      groups[agents].reserved = nil
    }
  }
}
