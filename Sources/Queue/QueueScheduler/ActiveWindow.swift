/// A message in the active window.
struct ActiveMessage {
  /// Its entry.
  var slot = noSlot
  /// The first of its parcels that wait; they chain through `nextOfMessage`.
  var parcels = noSlot
  /// Deliveries under way.
  var inFlight: UInt32 = 0
  /// Recipients of this run that will be tried again.
  var deferred: UInt32 = 0
  /// Recipients of this run whose destination is dead.
  var postponed: UInt32 = 0
  /// The most recipients of it in one delivery, for the size of their addresses.
  var recipientLimit: UInt32 = .max
  /// Whether something broke off without a verdict: a process died, a record was not readable.
  var isInterrupted = false
}

/// The recipients of one message that wait for one destination.
struct Parcel {
  var active = noSlot
  var destination: UInt32 = 0
  /// Never empty while the parcel is in use.
  var recipients = RecipientIndices(first: 0)
  /// Whether it waits to be delivered alone (spool rule R19) instead of in its destination's line.
  var isSuspect = false
  var next = noSlot
  var previous = noSlot
  var nextOfMessage = noSlot
  var previousOfMessage = noSlot
}

/// A delivery that a process has in hand.
struct Flight {
  /// A number holds the slot in its lower bits, and above a count that never repeats.
  static let slotBits: UInt64 = 16
  static let slotMask: UInt32 = 1 << slotBits - 1
  /// Orders to deliver stop a little before the slots run out, for deliveries to be adopted.
  static let inFlightMax = 60_000

  var number: UInt64 = 0
  var active = noSlot
  var destination: UInt32 = 0
  var process: UInt16 = 0
  var recipients: UInt32 = 0
  /// Whether it counts among those that its destination's home has; a later home has none of it.
  var isAtHome = false
}

/// Values in slots that are reused.
struct Pool<Value> {
  private var values: [Value] = []
  private var free: [UInt32] = []
  private let blank: Value

  init(blank: Value) {
    self.blank = blank
  }

  var inUse: Int { values.count - free.count }
  var slots: Range<UInt32> { 0..<UInt32(values.count) }

  subscript(slot: UInt32) -> Value {
    @inline(__always) _read { yield values[Int(slot)] }
    @inline(__always) _modify { yield &values[Int(slot)] }
  }

  mutating func insert(_ value: Value) -> UInt32 {
    if let slot = free.popLast() {
      values[Int(slot)] = value
      return slot
    }
    values.append(value)
    return UInt32(values.count - 1)
  }

  mutating func remove(_ slot: UInt32) {
    values[Int(slot)] = blank
    free.append(slot)
  }
}
