package import Primitives

/// How messages become known, and how they are forgotten.
extension QueueScheduler {
  /// Takes in a new message whose recipients were routed; `nil` when its id is known already.
  package mutating func add(
    _ message: NewMessage, routed: [RoutedRecipient], now: MonotonicTime
  ) -> Admission? {
    precondition(!routed.isEmpty, "a message without recipients")
    guard let slot = index.insert(message, state: .fresh) else { return nil }
    index[slot].marks.insert(.untried)
    let destination = commonDestination(routed)
    setDestination(destination, of: slot)
    let ref = index.ref(slot)
    // Mail never overtakes what waits for the same place, and leaves room to those in line.
    let hasRoom = entering.isEmpty || freeSlots * 8 > settings.activeLimit
    guard hasRoom, !destinations[destination].hasBacklog, mayEnter(destination) else {
      if destinations[destination].isDead { return .ended(ref, putAway(slot, now: now)) }
      wait(slot)
      return .waiting(ref)
    }
    enterWindow(slot)
    index.setState(.active, of: slot)
    fillParcels(slot, routed: routed)
    guard let end = endRunIfOver(index[slot].active, now: now) else { return .active(ref) }
    return .ended(ref, end)
  }

  /// Takes in a message from an earlier run, of which only the lead and the journal are known;
  /// its place in time is brought into the range of rule R21. `nil` when its id is known already.
  ///
  /// - Parameters:
  ///   - nextAttempt: `nil` when it was never tried.
  ///   - orders: orders of the earlier run that have not come true.
  ///   - isDelayReported: whether its sender has been told of its delay.
  package mutating func restore(
    _ message: NewMessage, nextAttempt: MonotonicTime?, isHeld: Bool,
    orders: RestoredOrders = [], isDelayReported: Bool = false, now: MonotonicTime
  ) -> MessageRef? {
    let isHeld =
      !orders.contains(.requeue) && (isHeld || message.deaths >= settings.deathsMax)
    let state: MessageState = isHeld ? .held : nextAttempt == nil ? .fresh : .deferred
    guard let slot = index.insert(message, state: state) else { return nil }
    if nextAttempt == nil { index[slot].marks.insert(.untried) }
    setDestination(DestinationTable.unread, of: slot)
    if orders.contains(.requeue) { index[slot].marks.insert(.requeue) }
    if orders.contains(.expire) { index[slot].marks.insert(.expire) }
    if isDelayReported { index[slot].marks.insert(.delayReported) }
    if isHeld { return index.ref(slot) }
    if let nextAttempt, orders.isEmpty {
      calendar.file(slot, at: settings.clamped(nextAttempt, now: now), in: &index)
    } else {
      wait(slot)
    }
    return index.ref(slot)
  }

  /// Whether a delivery of a message that this life did not ask for can be counted: not while the
  /// message is loaded, moved or ended.
  package func mayAdopt(_ ref: MessageRef) -> Bool {
    guard index.isKnown(ref) else { return false }
    switch index[ref.slot].state {
    case .fresh, .due, .deferred, .held, .active: return true
    case .free, .loading, .ending, .moving: return false
    }
  }

  /// Says that a process still delivers a restored message (rule R13), which `mayAdopt` allows.
  package mutating func adopt(
    _ ref: MessageRef, process: ProcessNumber, destination: DestinationNumber, recipients: Int
  ) -> DeliveryNumber {
    precondition(mayAdopt(ref), "a delivery is adopted of a message that is on its way elsewhere")
    let slot = index.slot(ref)
    if index[slot].state != .active {
      // What was held while it was in flight is so again when its results have come (R22).
      if index[slot].state == .held { index[slot].marks.insert(.hold) }
      takeOut(slot)
      enterWindow(slot)
      index.setState(.active, of: slot)
    }
    let number = destination.value
    let flight = launch(
      active: index[slot].active, destination: number, process: process.value,
      recipients: recipients)
    return DeliveryNumber(rawValue: flights[flight].number)
  }

  /// Drops a message whose end is written down.
  package mutating func forget(_ ref: MessageRef) {
    let slot = index.slot(ref)
    precondition(index[slot].state == .ending, "a message was forgotten before its end")
    dropDestination(of: slot)
    index.remove(slot)
  }

  /// Reopens recipients whose end could not be written down, such as by a bounce; a message that
  /// had ended waits for its next attempt, whose time is returned.
  package mutating func putBack(
    _ ref: MessageRef, recipients: Int, now: MonotonicTime
  ) -> MonotonicTime? {
    let slot = index.slot(ref)
    index[slot].recipientsLeft += UInt32(recipients)
    guard index[slot].state == .ending else { return nil }
    index[slot].marks.subtract([.delete, .expire])
    return file(slot, at: settings.nextAttempt(arrival: index[slot].arrival, now: now))
  }
}

// MARK: The places of an entry

extension QueueScheduler {
  func commonDestination(_ routed: [RoutedRecipient]) -> UInt32 {
    let first = routed[0].destination.value
    return routed.allSatisfy { $0.destination.value == first } ? first : DestinationTable.several
  }

  mutating func setDestination(_ destination: UInt32, of slot: UInt32) {
    index[slot].destination = destination
    destinations.use(destination)
  }

  mutating func dropDestination(of slot: UInt32) {
    let destination = index[slot].destination
    dropUser(of: destination)
  }

  mutating func dropUser(of destination: UInt32) {
    let limits =
      destination < DestinationTable.firstReal ? TransportLimits() : limits(of: destination)
    destinations.drop(destination, limits: limits)
  }

  /// Puts a message in line for the window, at its destination.
  mutating func wait(_ slot: UInt32) {
    let destination = index[slot].destination
    if index[slot].marks.contains(.untried) {
      index.setState(.fresh, of: slot)
      index.append(slot, to: &destinations[destination].fresh)
    } else {
      index.setState(.due, of: slot)
      index.append(slot, to: &destinations[destination].due)
    }
    if destinations[destination].isDead {
      startClearing(destination)
    } else if destinations[destination].line == .none {
      lineUp(destination)
    }
  }

  mutating func lineUp(_ destination: UInt32) {
    destinations[destination].line = .entering
    entering.append(destination)
  }

  /// Files a message in the calendar; returns when its run will be.
  mutating func file(_ slot: UInt32, at time: MonotonicTime) -> MonotonicTime {
    steps += 1
    index.setState(.deferred, of: slot)
    index[slot].marks.remove(.untried)
    calendar.file(slot, at: time, in: &index)
    return calendar.time(of: index[slot].tick)
  }

  /// Files a message that could not be delivered, unless it is too old: nothing was tried if its
  /// destination is dead, but then the attempts that killed the destination count for it.
  mutating func putAway(_ slot: UInt32, now: MonotonicTime) -> RunEnd {
    let arrival = index[slot].arrival
    let marks = index[slot].marks
    let isOverdue =
      now >= expirySuspendedUntil
      && settings.isOverdue(
        arrival: arrival, fromNullSender: marks.contains(.nullSender), now: now)
    if isOverdue || marks.contains(.expire) {
      index.setState(.ending, of: slot)
      return .expired
    }
    noteDelay(slot, now: now)
    let next = settings.nextAttempt(arrival: arrival, now: now)
    let destination = destinations[index[slot].destination]
    return .deferred(
      until: file(slot, at: destination.isDead ? max(next, destination.revival) : next))
  }

  /// Takes a message out of the list it is in, if any.
  mutating func takeOut(_ slot: UInt32) {
    steps += 1
    let destination = index[slot].destination
    switch index[slot].state {
    case .fresh: index.remove(slot, from: &destinations[destination].fresh)
    case .due: index.remove(slot, from: &destinations[destination].due)
    case .deferred: calendar.remove(slot, in: &index)
    case .free, .loading, .active, .ending, .held, .moving: break
    }
  }
}
