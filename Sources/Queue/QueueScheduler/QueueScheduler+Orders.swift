package import MailTypes
package import Primitives

/// Orders of the administrator. The caller journals them before it answers (rule R9), and gives
/// none about a message that is being moved: nobody could say which of its journals has to tell.
extension QueueScheduler {
  /// Whether a message is between two places (rule R17).
  package func isMoving(_ id: QueueID) -> Bool {
    index.find(id).map { index[$0].state == .moving } ?? false
  }

  /// Holds a message.
  package mutating func hold(_ id: QueueID, now: MonotonicTime) -> OrderAnswer {
    stop(id, mark: .hold, now: now)
  }

  /// Deletes a message.
  package mutating func delete(_ id: QueueID, now: MonotonicTime) -> OrderAnswer {
    stop(id, mark: .delete, now: now)
  }

  /// Wants a new message in the place of a message; of a held one too.
  package mutating func requeue(_ id: QueueID, now: MonotonicTime) -> OrderAnswer {
    stop(id, mark: .requeue, now: now)
  }

  private mutating func stop(
    _ id: QueueID, mark: MessageEntry.Marks, now: MonotonicTime
  ) -> OrderAnswer {
    guard let slot = index.find(id) else { return .unknown }
    let ref = index.ref(slot)
    switch index[slot].state {
    case .free: return .unknown
    case .ending, .moving: return .tooLate
    case .held where mark == .hold: return .unchanged
    case .held, .fresh, .due, .deferred:
      takeOut(slot)
      index.setState(mark == .hold ? .held : .ending, of: slot)
      if mark == .requeue { index[slot].marks.insert(.requeue) }
      let end: RunEnd =
        mark == .hold ? .held(afterDeaths: false) : mark == .delete ? .deleted : .replacing
      return .done(ref, end)
    case .loading where index[slot].marks.contains(mark),
      .active where index[slot].marks.contains(mark):
      return .unchanged
    case .loading:
      index[slot].marks.insert(mark)
      return .pending(ref, inFlight: 0)
    case .active:
      index[slot].marks.insert(mark)
      let message = index[slot].active
      withdrawParcels(of: message)
      if let end = endRunIfOver(message, now: now) { return .done(ref, end) }
      return .pending(ref, inFlight: Int(active[message].inFlight))
    }
  }

  /// Releases a held message, or takes back a hold that has not come true. One that was held after
  /// deaths is tried alone and held again at the next death.
  package mutating func release(_ id: QueueID) -> OrderAnswer {
    guard let slot = index.find(id) else { return .unknown }
    let ref = index.ref(slot)
    if index[slot].state == .held {
      index[slot].deaths = UInt8(clamping: min(Int(index[slot].deaths), settings.deathsMax - 1))
      wait(slot)
      return .done(ref, .requeued)
    }
    guard index[slot].marks.contains(.hold), index[slot].active != noSlot else {
      return .unchanged
    }
    index[slot].marks.remove(.hold)
    return .pending(ref, inFlight: Int(active[index[slot].active].inFlight))
  }

  /// Wants a message returned to its sender instead of tried; a held one when it is released.
  package mutating func expire(_ id: QueueID) -> OrderAnswer {
    guard let slot = index.find(id) else { return .unknown }
    let ref = index.ref(slot)
    if index[slot].marks.contains(.expire) { return .unchanged }
    switch index[slot].state {
    case .free: return .unknown
    case .ending, .moving: return .tooLate
    case .held:
      index[slot].marks.insert(.expire)
      return .done(ref, .held(afterDeaths: false))
    case .fresh, .due, .deferred:
      index[slot].marks.insert(.expire)
      takeOut(slot)
      wait(slot)
      return .done(ref, .requeued)
    case .loading, .active:
      index[slot].marks.insert(.expire)
      return .pending(ref, inFlight: Int(active[index[slot].active].inFlight))
    }
  }

  /// Tries a deferred message now, whatever is known of its destination.
  package mutating func flush(_ id: QueueID) -> OrderAnswer {
    guard let slot = index.find(id) else { return .unknown }
    if index[slot].state == .moving, !index[slot].marks.contains(.hold) {
      index[slot].marks.insert(.due)
      return .done(index.ref(slot), .requeued)
    }
    guard index[slot].state == .deferred else { return .unchanged }
    let destination = index[slot].destination
    if destinations[destination].isDead { revive(destination) }
    takeOut(slot)
    wait(slot)
    return .done(index.ref(slot), .requeued)
  }

  /// Tries all deferred mail now, dead destinations too. Takes a step for each destination.
  package mutating func flushAll() {
    for destination in destinations.indices where destinations[destination].isDead {
      revive(destination)
    }
    calendar.flush()
    flushMoving()
  }

  /// Tries the deferred mail for some destinations now, and with it what may be for them since
  /// its destinations are not known. Takes a step for each message known.
  package mutating func flush(where isWanted: (DestinationNumber) -> Bool) {
    var wanted = Set([DestinationTable.unread, DestinationTable.several])
    for number in destinations.indices where destinations[number].users > 0 {
      guard isWanted(DestinationNumber(value: number)) else { continue }
      wanted.insert(number)
      if destinations[number].isDead { revive(number) }
    }
    flushMoving()
    for slot in 0..<index.slotsEnd
    where index[slot].state == .deferred && wanted.contains(index[slot].destination) {
      takeOut(slot)
      wait(slot)
    }
  }
}
