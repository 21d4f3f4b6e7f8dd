import DequeModule
package import Primitives

/// The active window: who gets in, what is inside, and who leaves.
extension QueueScheduler {
  var freeSlots: Int { settings.activeLimit - active.inUse }

  /// Whether a destination may have one more message in the window.
  ///
  /// Its share is a third of what is free, so that alone it gets a quarter of the window (spool
  /// rule R28), and however many are greedy, room is left for one that has nothing yet.
  func mayEnter(_ destination: UInt32) -> Bool {
    freeSlots > 0 && !destinations[destination].isDead && hasShare(destination, free: freeSlots)
  }

  private func hasShare(_ destination: UInt32, free: Int) -> Bool {
    let inWindow = Int(destinations[destination].inWindow)
    return inWindow == 0 || inWindow < free / 3
  }

  mutating func enterWindow(_ slot: UInt32) {
    steps += 1
    index[slot].active = active.insert(ActiveMessage(slot: slot))
    destinations[index[slot].destination].inWindow += 1
  }

  mutating func leaveWindow(_ slot: UInt32) {
    active.remove(index[slot].active)
    index[slot].active = noSlot
    releaseShare(of: index[slot].destination)
  }

  private mutating func releaseShare(of destination: UInt32) {
    destinations[destination].inWindow -= 1
    uncap(destination)
    // The share of everybody has grown a little: another one is looked at again.
    if let other = capped.popFirst() { uncap(other) }
  }

  private mutating func uncap(_ destination: UInt32) {
    guard destinations[destination].line == .capped else { return }
    lineUp(destination)
  }

  /// Lets the next message in line into the window: an order to load it.
  mutating func admitNext(now: MonotonicTime) -> Order? {
    guard loads < settings.loadsLimit else { return nil }
    while freeSlots > 0, let destination = entering.popFirst() {
      steps += 1
      guard destinations[destination].line == .entering else { continue }
      destinations[destination].line = .none
      guard destinations[destination].hasBacklog, !destinations[destination].isDead else {
        continue
      }
      guard mayEnter(destination) else {
        destinations[destination].line = .capped
        capped.append(destination)
        continue
      }
      let slot = popBacklog(of: destination)
      if destinations[destination].hasBacklog { lineUp(destination) }
      if !index[slot].marks.isDisjoint(with: [.requeue, .expire]) {
        index.setState(.ending, of: slot)
        let end: RunEnd = index[slot].marks.contains(.requeue) ? .replacing : .expired
        return .ended(EndedRun(message: index.ref(slot), end: end))
      }
      enterWindow(slot)
      index.setState(.loading, of: slot)
      loads += 1
      return .load(index.ref(slot))
    }
    return nil
  }

  /// Takes the first of a destination's waiting mail, fresh and tried in turn.
  mutating func popBacklog(of destination: UInt32) -> UInt32 {
    let isFresh =
      destinations[destination].due.isEmpty
      || (destinations[destination].freshIsNext && !destinations[destination].fresh.isEmpty)
    destinations[destination].freshIsNext = !isFresh
    let slot =
      isFresh
      ? index.popFirst(&destinations[destination].fresh)
      : index.popFirst(&destinations[destination].due)
    guard let slot else { preconditionFailure("a backlog without mail") }
    return slot
  }
}

// MARK: Answers to an order to load

extension QueueScheduler {
  /// Corrects, before it is routed, what a restored message was not known to be.
  package mutating func correct(
    _ ref: MessageRef, arrival: MonotonicTime, isFromNullSender: Bool
  ) {
    let slot = index.slot(ref)
    index[slot].arrival = arrival
    if isFromNullSender { index[slot].marks.insert(.nullSender) }
  }

  /// Takes in where the recipients of a loaded message go. Recipients that are left out stay
  /// open; with none at all the message is finished.
  ///
  /// Returns what became of the message when it does not stay in the window.
  package mutating func route(
    _ ref: MessageRef, routed: [RoutedRecipient], now: MonotonicTime
  ) -> RunEnd? {
    let slot = index.slot(ref)
    precondition(index[slot].state == .loading, "a message was routed that was not to be loaded")
    loads -= 1
    index.setState(.active, of: slot)
    if routed.isEmpty { index[slot].recipientsLeft = 0 }
    let hasOrder = !index[slot].marks.isDisjoint(with: [.delete, .hold, .requeue])
    if routed.isEmpty || hasOrder { return endRunIfOver(index[slot].active, now: now) }
    let destination = commonDestination(routed)
    if destination != index[slot].destination {
      releaseShare(of: index[slot].destination)
      dropDestination(of: slot)
      setDestination(destination, of: slot)
      let mayStay =
        destinations[destination].isDead || hasShare(destination, free: freeSlots + 1)
      destinations[destination].inWindow += 1
      if !mayStay {
        leaveWindow(slot)
        wait(slot)
        return .requeued
      }
    }
    fillParcels(slot, routed: routed)
    return endRunIfOver(index[slot].active, now: now)
  }

  /// Puts a message back whose record could not be read or routed for now; returns when it is
  /// tried again, or what an order in the meantime made of it.
  package mutating func loadFailed(_ ref: MessageRef, now: MonotonicTime) -> RunEnd {
    let slot = index.slot(ref)
    precondition(index[slot].state == .loading, "a load failed that was not asked for")
    loads -= 1
    active[index[slot].active].isInterrupted = true
    return endRun(index[slot].active, now: now)
  }

  /// Makes the parcels of a message, or counts what goes to dead destinations as postponed.
  mutating func fillParcels(_ slot: UInt32, routed: [RoutedRecipient]) {
    let largest = Int(routed.reduce(1) { max($0, $1.size) })
    active[index[slot].active].recipientLimit = UInt32(
      max(1, min(settings.deliverySizeMax / largest, settings.deliveryRecipientsMax)))
    let common = index[slot].destination
    if common != DestinationTable.several {
      let rest = routed.count == 1 ? [] : routed.dropFirst().map(\.index)[...]
      addParcel(slot, to: common, RecipientIndices(first: routed[0].index, rest: rest))
      return
    }
    let sorted = routed.sorted {
      ($0.destination.value, $0.index) < ($1.destination.value, $1.index)
    }
    var at = 0
    while at < sorted.count {
      let destination = sorted[at].destination.value
      var end = at + 1
      while end < sorted.count, sorted[end].destination.value == destination { end += 1 }
      let rest = sorted[(at + 1)..<end].map(\.index)[...]
      addParcel(slot, to: destination, RecipientIndices(first: sorted[at].index, rest: rest))
      at = end
    }
  }

  private mutating func addParcel(
    _ slot: UInt32, to destination: UInt32, _ recipients: RecipientIndices
  ) {
    steps += 1
    let active = index[slot].active
    if destinations[destination].isDead {
      self.active[active].postponed += UInt32(recipients.count)
      // A message for several waits as long as its own age says, not for this death to end.
      return
    }
    destinations.use(destination)
    let isSuspect = index[slot].deaths > 0
    let first = self.active[active].parcels
    let parcel = parcels.insert(
      Parcel(
        active: active, destination: destination, recipients: recipients, isSuspect: isSuspect,
        nextOfMessage: first))
    if first != noSlot { parcels[first].previousOfMessage = parcel }
    self.active[active].parcels = parcel
    if isSuspect {
      groups[agents(of: destination)].suspects.append(parcel)
    } else {
      appendParcel(parcel)
      refreshReady(destination)
    }
  }
}
