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
    for _ in transports.indices {
      transportTurn = transportTurn + 1 < transports.count ? transportTurn + 1 : 0
      if let order = nextSuspect(of: transportTurn, now: now) { return order }
      if let delivery = nextDelivery(of: transportTurn) { return .deliver(delivery) }
    }
    return nil
  }

  private mutating func nextDelivery(of transport: Int) -> Delivery? {
    guard !transports[transport].ready.isEmpty, roomiestProcess(of: transport) != nil else {
      return nil
    }
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

  private func isAwaited(_ destination: UInt32) -> Bool {
    let transport = Int(destinations[destination].transport)
    guard let suspect = transports[transport].suspects.first else { return false }
    return transports[transport].reserved != nil && !transports[transport].deliversSuspect
      && parcels[suspect].destination == destination
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
    let limit = limits(of: destination).recipientLimit
    let (recipients, left) = parcels[parcel].recipients.split(limit: limit)
    let flight = launch(
      active: message, destination: destination, process: process, recipients: recipients.count)
    if let left {
      parcels[parcel].recipients = left
      if parcels[parcel].isSuspect {
        transports[Int(destinations[destination].transport)].suspects.append(parcel)
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
  private mutating func nextSuspect(of transport: Int, now: MonotonicTime) -> Order? {
    while let parcel = transports[transport].suspects.first {
      let destination = parcels[parcel].destination
      guard destinations[destination].isDead else {
        return dispatchSuspect(parcel, of: transport).map(Order.deliver)
      }
      steps += 1
      transports[transport].suspects.removeFirst()
      releaseReservation(of: transport)
      if let run = postponeParcel(parcel, now: now) { return .ended(run) }
    }
    return nil
  }

  private mutating func dispatchSuspect(_ parcel: UInt32, of transport: Int) -> Delivery? {
    let destination = parcels[parcel].destination
    if transports[transport].reserved == nil {
      transports[transport].reserved = emptiestProcess(of: transport)
    }
    guard let process = transports[transport].reserved, processes[Int(process)].inFlight == 0,
      Int(destinations[destination].busy) < destinations[destination].concurrency.size
    else { return nil }
    transports[transport].suspects.removeFirst()
    transports[transport].deliversSuspect = true
    let delivery = dispatch(parcel, process: process)
    refreshReady(destination)
    return delivery
  }

  /// Gives a reserved process back when no suspect is left for it.
  mutating func releaseReservation(of transport: Int) {
    if transports[transport].suspects.isEmpty, !transports[transport].deliversSuspect {
      transports[transport].reserved = nil
    }
  }
}
