/// The watched descriptors by slot. A token, which the kernel gives back with each event, holds
/// the slot and its generation, so that an event for a descriptor that has been closed, and whose
/// number and slot may be in use again, finds nothing.
@ReactorActor
struct DescriptorTable {
  private struct Slot {
    var generation: UInt32
    /// Unretained: a descriptor leaves the table before it goes.
    var watched: Unmanaged<Watched>?
  }

  private var slots: [Slot] = []
  private var free: [UInt32] = []

  nonisolated init() {}

  mutating func insert(_ watched: Watched) -> UInt64 {
    let index: UInt32
    if let reused = free.popLast() {
      index = reused
    } else {
      index = UInt32(slots.count)
      slots.append(Slot(generation: 0, watched: nil))
    }
    slots[Int(index)].watched = .passUnretained(watched)
    return UInt64(slots[Int(index)].generation) << 32 | UInt64(index)
  }

  mutating func remove(_ token: UInt64) {
    let index = Int(token & 0xffff_ffff)
    precondition(slots[index].generation == UInt32(token >> 32), "a slot was given up twice")
    // Generations stay below the tokens that the loop keeps for itself.
    slots[index].generation = (slots[index].generation &+ 1) & 0x7fff_ffff
    slots[index].watched = nil
    free.append(UInt32(index))
  }

  func find(_ token: UInt64) -> Watched? {
    let slot = slots[Int(token & 0xffff_ffff)]
    guard slot.generation == UInt32(token >> 32) else { return nil }
    return slot.watched?.takeUnretainedValue()
  }
}
