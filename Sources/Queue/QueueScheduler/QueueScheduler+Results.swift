import DequeModule
import HeapModule
package import Primitives

/// What deliveries lead to.
extension QueueScheduler {
  /// Takes in the end of a delivery; `nil` when no such delivery is under way.
  ///
  /// Recipients of the delivery that the tally leaves out count as deferred.
  ///
  /// - Parameter connectionFailed: there was no connection, or no greeting that let mail follow:
  ///   only this counts against the destination.
  package mutating func report(
    _ number: DeliveryNumber, _ tally: DeliveryTally, connectionFailed: Bool, now: MonotonicTime
  ) -> ReportResult? {
    let flightSlot = UInt32(truncatingIfNeeded: number.rawValue) & Flight.slotMask
    guard flights.slots.contains(flightSlot), flights[flightSlot].number == number.rawValue else {
      return nil
    }
    let flight = land(flightSlot)
    let slot = active[flight.active].slot
    let ref = index.ref(slot)
    let closed = min(UInt32(clamping: tally.delivered + tally.failed), flight.recipients)
    index[slot].recipientsLeft -= min(closed, index[slot].recipientsLeft)
    let returned = min(UInt32(clamping: tally.returned), flight.recipients - closed)
    let deferred = flight.recipients - closed - returned
    active[flight.active].deferred += deferred
    if returned < flight.recipients { index[slot].deaths = 0 }
    let change = learn(
      flight.destination, connectionFailed: connectionFailed,
      isClean: deferred == 0 && closed > 0, now: now)
    let end = endRunIfOver(flight.active, now: now)
    return ReportResult(
      message: ref, end: end, destination: DestinationNumber(value: flight.destination),
      change: change)
  }

  /// Counts a delivery as over, whatever its result.
  mutating func land(_ flightSlot: UInt32) -> Flight {
    steps += 1
    let flight = flights[flightSlot]
    flights.remove(flightSlot)
    active[flight.active].inFlight -= 1
    let process = Int(flight.process)
    processes[process].inFlight -= 1
    destinations[flight.destination].busy -= 1
    if flight.isAtHome { destinations[flight.destination].homeBusy -= 1 }
    transports[Int(destinations[flight.destination].transport)].busy -= 1
    let agents = processes[process].agents
    if groups[agents].reserved == flight.process, processes[process].inFlight == 0 {
      groups[agents].deliversSuspect = false
      releaseReservation(of: agents)
    }
    refreshReady(flight.destination)
    dropUser(of: flight.destination)
    return flight
  }

  /// Feeds the end of a delivery to its destination's concurrency.
  private mutating func learn(
    _ destination: UInt32, connectionFailed: Bool, isClean: Bool, now: MonotonicTime
  ) -> DestinationChange? {
    let limits = limits(of: destination)
    if connectionFailed {
      guard destinations[destination].concurrency.failed(limits) else { return nil }
      let revival = now + settings.backoffMin
      destinations[destination].revival = revival
      revivals.insert(Revival(time: revival, destination: destination))
      startClearing(destination)
      return .died(until: revival)
    }
    guard isClean else { return nil }
    let busy = Int(destinations[destination].busy)
    let isBack = destinations[destination].concurrency.succeeded(busy: busy, limits)
    if isBack { reopen(destination) } else { refreshReady(destination) }
    return isBack ? .revived : nil
  }

  /// Lets mail flow to a destination that is no longer dead.
  mutating func reopen(_ destination: UInt32) {
    refreshReady(destination)
    if destinations[destination].hasBacklog, destinations[destination].line == .none {
      lineUp(destination)
    }
  }

  mutating func startClearing(_ destination: UInt32) {
    guard !destinations[destination].isClearing else { return }
    destinations[destination].isClearing = true
    clearing.append(destination)
  }
}

// MARK: The end of a run

extension QueueScheduler {
  /// Takes a message out of the window once nothing of it waits or is under way.
  mutating func endRunIfOver(_ message: UInt32, now: MonotonicTime) -> RunEnd? {
    guard active[message].inFlight == 0, active[message].parcels == noSlot else { return nil }
    return endRun(message, now: now)
  }

  mutating func endRun(_ message: UInt32, now: MonotonicTime) -> RunEnd {
    let run = active[message]
    let slot = run.slot
    let marks = index[slot].marks
    index[slot].marks.subtract([.delete, .hold])
    leaveWindow(slot)
    let isOver = !marks.isDisjoint(with: [.delete, .requeue])
    if index[slot].recipientsLeft == 0 || isOver {
      index.setState(.ending, of: slot)
      if marks.contains(.delete) { return .deleted }
      return index[slot].recipientsLeft == 0 ? .finished : .replacing
    }
    let isDeadly = Int(index[slot].deaths) >= settings.deathsMax
    if isDeadly || marks.contains(.hold) {
      index.setState(.held, of: slot)
      return .held(afterDeaths: isDeadly)
    }
    if run.isInterrupted {
      noteDelay(slot, now: now)
      return .deferred(until: file(slot, at: now + settings.backoffMin))
    }
    if run.deferred > 0 || run.postponed > 0 { return putAway(slot, now: now) }
    wait(slot)
    return .requeued
  }
}
