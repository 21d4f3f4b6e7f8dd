package import Primitives

/// Giving messages another place (rule R17): nothing is done to a message between the two calls,
/// and orders about it wait for the second.
extension QueueScheduler {
  /// Takes a message out of what may be delivered, so that its record can be copied.
  ///
  /// - Parameter place: where its record lies.
  /// - Returns: whether it is taken out; false for one that is no longer there, is in the active
  ///   window, or whose end or copying is under way.
  package mutating func beginMove(_ ref: MessageRef, from place: MessagePlace) -> Bool {
    guard index.isKnown(ref), index[ref.slot].place == place else { return false }
    let slot = ref.slot
    switch index[slot].state {
    case .free, .loading, .active, .ending, .moving: return false
    case .held: index[slot].marks.insert(.hold)
    case .fresh, .due: index[slot].marks.insert(.due)
    case .deferred: break
    }
    takeOut(slot)
    index.setState(.moving, of: slot)
    moving.append(slot)
    return true
  }

  /// Puts a message back to where it was in time.
  ///
  /// - Parameter place: where its record lies now; `nil` when it was not copied.
  package mutating func endMove(
    _ ref: MessageRef, to place: MessagePlace?, now: MonotonicTime
  ) {
    let slot = index.slot(ref)
    precondition(index[slot].state == .moving, "a move has ended that was not begun")
    moving.removeAll { $0 == slot }
    if let place { index[slot].place = place }
    let marks = index[slot].marks
    index[slot].marks.subtract([.hold, .due])
    if marks.contains(.hold) {
      index.setState(.held, of: slot)
    } else if marks.contains(.due) {
      wait(slot)
    } else {
      _ = file(slot, at: calendar.time(of: index[slot].tick))
    }
  }

  /// Deferred mail that is being moved is tried as soon as it has been.
  mutating func flushMoving() {
    for slot in moving { index[slot].marks.insert(.due) }
  }
}
