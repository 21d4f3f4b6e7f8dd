import MailTypes

/// A first-in first-out list threaded through the entries of the index.
struct EntryList {
  fileprivate(set) var first = noSlot
  fileprivate var last = noSlot
  fileprivate(set) var count: UInt32 = 0

  var isEmpty: Bool { first == noSlot }
}

/// Entries by slot, in chunks that never move: growing costs one chunk and never a pause.
struct MessageEntries {
  private static let chunkBits: UInt32 = 12
  private static let chunkMask: UInt32 = 1 << chunkBits - 1

  private var chunks: [ContiguousArray<MessageEntry>] = []
  private var freeSlot = noSlot

  /// One past the last slot in use so far.
  var slotsEnd: UInt32 { UInt32(chunks.count) << Self.chunkBits }

  subscript(slot: UInt32) -> MessageEntry {
    @inline(__always) _read {
      yield chunks[Int(slot >> Self.chunkBits)][Int(slot & Self.chunkMask)]
    }
    @inline(__always) _modify {
      yield &chunks[Int(slot >> Self.chunkBits)][Int(slot & Self.chunkMask)]
    }
  }

  mutating func take() -> UInt32 {
    if freeSlot == noSlot {
      let base = slotsEnd
      chunks.append(
        ContiguousArray(repeating: MessageEntry(), count: Int(Self.chunkMask) + 1))
      for slot in (base...base + Self.chunkMask).reversed() {
        self[slot].next = freeSlot
        freeSlot = slot
      }
    }
    let slot = freeSlot
    freeSlot = self[slot].next
    return slot
  }

  mutating func free(_ slot: UInt32) {
    self[slot].state = .free
    self[slot].generation &+= 1
    self[slot].next = freeSlot
    freeSlot = slot
  }
}

/// All known messages, by slot and by queue id.
struct MessageIndex {
  private var entries = MessageEntries()
  private var ids = QueueIDTable()
  private(set) var counts = [Int](repeating: 0, count: MessageState.count)
  private(set) var count = 0

  /// One past the last slot in use so far.
  var slotsEnd: UInt32 { entries.slotsEnd }

  subscript(slot: UInt32) -> MessageEntry {
    @inline(__always) _read { yield entries[slot] }
    @inline(__always) _modify { yield &entries[slot] }
  }

  func ref(_ slot: UInt32) -> MessageRef {
    MessageRef(slot: slot, generation: self[slot].generation)
  }

  /// The slot behind a reference; a stale one is a fault of the caller.
  func slot(_ ref: MessageRef) -> UInt32 {
    precondition(isKnown(ref), "a message was used after it was forgotten")
    return ref.slot
  }

  /// Whether the message has not been forgotten.
  func isKnown(_ ref: MessageRef) -> Bool {
    ref.slot < slotsEnd && self[ref.slot].generation == ref.generation
      && self[ref.slot].state != .free
  }

  func find(_ id: QueueID) -> UInt32? {
    ids.find(id, in: entries)
  }

  /// Makes an entry; `nil` when the id is known already.
  mutating func insert(_ message: NewMessage, state: MessageState) -> UInt32? {
    guard find(message.id) == nil else { return nil }
    let slot = entries.take()
    let generation = self[slot].generation
    var entry = MessageEntry()
    entry.id = message.id
    entry.place = message.place
    entry.arrival = message.arrival
    entry.recipientsLeft = UInt32(clamping: message.recipientsLeft)
    entry.deaths = UInt8(clamping: message.deaths)
    entry.generation = generation
    entry.state = state
    if message.isFromNullSender { entry.marks.insert(.nullSender) }
    self[slot] = entry
    ids.insert(message.id, slot: slot)
    counts[Int(state.rawValue)] += 1
    count += 1
    return slot
  }

  mutating func remove(_ slot: UInt32) {
    ids.remove(entries[slot].id, in: entries)
    counts[Int(entries[slot].state.rawValue)] -= 1
    count -= 1
    entries.free(slot)
  }

  mutating func setState(_ state: MessageState, of slot: UInt32) {
    counts[Int(self[slot].state.rawValue)] -= 1
    counts[Int(state.rawValue)] += 1
    self[slot].state = state
  }
}

extension MessageIndex {
  mutating func append(_ slot: UInt32, to list: inout EntryList) {
    self[slot].next = noSlot
    self[slot].previous = list.last
    if list.last == noSlot { list.first = slot } else { self[list.last].next = slot }
    list.last = slot
    list.count += 1
  }

  mutating func remove(_ slot: UInt32, from list: inout EntryList) {
    let next = self[slot].next
    let previous = self[slot].previous
    if previous == noSlot { list.first = next } else { self[previous].next = next }
    if next == noSlot { list.last = previous } else { self[next].previous = previous }
    self[slot].next = noSlot
    self[slot].previous = noSlot
    list.count -= 1
  }

  mutating func popFirst(_ list: inout EntryList) -> UInt32? {
    let slot = list.first
    guard slot != noSlot else { return nil }
    remove(slot, from: &list)
    return slot
  }
}
