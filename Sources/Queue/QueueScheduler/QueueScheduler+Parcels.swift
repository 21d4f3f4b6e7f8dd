import DequeModule
import Primitives

/// Parcels in the lines of their destinations.
extension QueueScheduler {
  /// Puts a parcel at the end of its destination's line.
  mutating func appendParcel(_ parcel: UInt32) {
    let destination = parcels[parcel].destination
    let last = destinations[destination].lastParcel
    parcels[parcel].previous = last
    parcels[parcel].next = noSlot
    if last == noSlot {
      destinations[destination].firstParcel = parcel
    } else {
      parcels[last].next = parcel
    }
    destinations[destination].lastParcel = parcel
  }

  mutating func unlinkParcel(_ parcel: UInt32) {
    let destination = parcels[parcel].destination
    let next = parcels[parcel].next
    let previous = parcels[parcel].previous
    if previous == noSlot {
      destinations[destination].firstParcel = next
    } else {
      parcels[previous].next = next
    }
    if next == noSlot {
      destinations[destination].lastParcel = previous
    } else {
      parcels[next].previous = previous
    }
  }

  /// Takes a parcel off its message and frees it; it must be in no line any more.
  mutating func freeParcel(_ parcel: UInt32) {
    let message = parcels[parcel].active
    let next = parcels[parcel].nextOfMessage
    let previous = parcels[parcel].previousOfMessage
    if previous == noSlot {
      active[message].parcels = next
    } else {
      parcels[previous].nextOfMessage = next
    }
    if next != noSlot { parcels[next].previousOfMessage = previous }
    let destination = parcels[parcel].destination
    parcels.remove(parcel)
    dropUser(of: destination)
  }

  /// Takes back all parcels of a message that no process has.
  mutating func withdrawParcels(of message: UInt32) {
    while active[message].parcels != noSlot {
      let parcel = active[message].parcels
      let destination = parcels[parcel].destination
      if parcels[parcel].isSuspect {
        let agents = agents(of: destination)
        groups[agents].suspects.removeAll { $0 == parcel }
        releaseReservation(of: agents)
        refreshReady(destination)
      } else {
        unlinkParcel(parcel)
      }
      freeParcel(parcel)
    }
  }

  /// Counts a parcel, which is in no line any more, as postponed, since its destination is dead.
  /// Returns its message's end if it was the last of its run.
  mutating func postponeParcel(_ parcel: UInt32, now: MonotonicTime) -> EndedRun? {
    let message = parcels[parcel].active
    let ref = index.ref(active[message].slot)
    active[message].postponed += UInt32(parcels[parcel].recipients.count)
    freeParcel(parcel)
    return endRunIfOver(message, now: now).map { EndedRun(message: ref, end: $0) }
  }
}
