import DequeModule
import HeapModule
package import Primitives

/// What happens because time goes by, in steps of which each takes a constant effort.
extension QueueScheduler {
  private enum Step {
    case idle
    case moved
    case ended(EndedRun)
  }

  /// When `nextOrder` may find something though nothing else is called; `now` when the last call
  /// left work for another turn.
  package func nextWake(now: MonotonicTime) -> MonotonicTime? {
    if !clearing.isEmpty || calendar.hasDue(now: now) { return now }
    let revival = revivals.min?.time
    guard let run = calendar.nextTime else { return revival }
    return revival.map { min($0, run) } ?? run
  }

  /// Takes up to so many steps; returns early with the end of a run.
  mutating func advance(now: MonotonicTime, moves: Int) -> EndedRun? {
    for _ in 0..<moves {
      switch step(now: now) {
      case .idle: return nil
      case .moved: steps += 1
      case .ended(let run): return run
      }
    }
    return nil
  }

  private mutating func step(now: MonotonicTime) -> Step {
    if let revival = revivals.min, revival.time <= now {
      revivals.removeMin()
      endDeath(revival)
      return .moved
    }
    if let destination = clearing.first { return clear(destination, now: now) }
    if let slot = calendar.popDue(now: now, in: &index) {
      guard destinations[index[slot].destination].isDead else {
        wait(slot)
        return .moved
      }
      return putAwayQuietly(slot, now: now)
    }
    return destinations.trimIdle(to: settings.idleDestinationsMax) ? .moved : .idle
  }

  private mutating func endDeath(_ revival: Revival) {
    let destination = revival.destination
    // The number may have died again since, or stand for something else.
    guard destinations[destination].isDead, destinations[destination].revival == revival.time else {
      return
    }
    revive(destination)
  }

  mutating func revive(_ destination: UInt32) {
    let busy = Int(destinations[destination].busy)
    destinations[destination].concurrency.revive(busy: busy, limits(of: destination))
    reopen(destination)
  }

  /// Puts away one message of a destination that died, if it is still dead.
  private mutating func clear(_ destination: UInt32, now: MonotonicTime) -> Step {
    let row = destinations[destination]
    if row.isDead {
      if row.firstParcel != noSlot {
        unlinkParcel(row.firstParcel)
        return postponeParcel(row.firstParcel, now: now).map(Step.ended) ?? .moved
      }
      if row.hasBacklog { return putAwayQuietly(popBacklog(of: destination), now: now) }
    }
    clearing.removeFirst()
    destinations[destination].isClearing = false
    if !row.isDead { reopen(destination) }
    return .moved
  }

  /// Puts away a message that was not in the window; only its expiry is worth a word.
  private mutating func putAwayQuietly(_ slot: UInt32, now: MonotonicTime) -> Step {
    guard case .expired = putAway(slot, now: now) else { return .moved }
    return .ended(EndedRun(message: index.ref(slot), end: .expired))
  }
}
