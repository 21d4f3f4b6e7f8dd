package import Primitives

/// What a reload of the configuration changes.
extension QueueScheduler {
  /// Takes new settings. Takes a step for each message known.
  package mutating func apply(_ settings: SchedulerSettings, now: MonotonicTime) {
    self.settings = settings
    // Ticks of the old calendar say nothing to the new one.
    flushMoving()
    while let slot = calendar.popFlushed(in: &index) { wait(slot) }
    let old = calendar
    calendar = RetryCalendar(settings, origin: now)
    for slot in 0..<index.slotsEnd where index[slot].state == .deferred {
      let time = settings.clamped(old.time(of: index[slot].tick), now: now)
      calendar.file(slot, at: time, in: &index)
    }
  }

  /// Has all mail routed anew that no process has in hand, and forgets which destinations are dead:
  /// what killed them may have been mended. Takes a step for each destination and each message in
  /// the active window.
  ///
  /// - Returns: the messages that have left the window; most of them are loaded again.
  package mutating func reroute(now: MonotonicTime) -> [EndedRun] {
    for destination in destinations.indices where destinations[destination].isDead {
      revive(destination)
    }
    var ended: [EndedRun] = []
    for message in active.slots where active[message].parcels != noSlot {
      let ref = index.ref(active[message].slot)
      withdrawParcels(of: message)
      if let end = endRunIfOver(message, now: now) {
        ended.append(EndedRun(message: ref, end: end))
      }
    }
    return ended
  }
}
