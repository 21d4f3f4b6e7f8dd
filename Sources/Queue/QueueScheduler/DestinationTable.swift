import DequeModule
import Primitives

/// A transport and a next hop, with the mail for them; the next hop stands in the table, so that
/// reading a row counts no reference.
struct Destination {
  /// Where a destination stands in the queue for room in the active window.
  enum Line: UInt8 {
    case none
    /// May have room.
    case entering
    /// Had its share when it was last looked at.
    case capped
  }

  var transport: UInt16
  /// Entries, parcels and deliveries that name it.
  var users: UInt32 = 0
  /// Mail outside the active window that could be tried now, by whether it has been tried before.
  var fresh = EntryList()
  var due = EntryList()
  var freshIsNext = true
  /// Messages in the active window that are for it alone.
  var inWindow: UInt32 = 0
  /// Parcels that wait for a delivery.
  var firstParcel = noSlot
  var lastParcel = noSlot
  /// Deliveries under way.
  var busy: UInt32 = 0
  var concurrency: ConcurrencyWindow
  /// When its death ends.
  var revival = MonotonicTime(nanoseconds: 0)
  /// The process it sticks to (spool rule R35), and its deliveries there.
  var home: UInt16?
  var homeBusy: UInt32 = 0
  var isInReadyLine = false
  var isInIdleLine = false
  var isClearing = false
  var line = Line.none

  var isDead: Bool { concurrency.isDead }
  var hasBacklog: Bool { !fresh.isEmpty || !due.isEmpty }
}

/// All destinations by number, and by what they are.
struct DestinationTable {
  /// Stands for mail whose record has not been read since the start.
  static let unread: UInt32 = 0
  /// Stands for mail that goes to more than one destination.
  static let several: UInt32 = 1
  static let firstReal: UInt32 = 2

  private struct Key: Hashable {
    var transport: UInt16
    var nextHop: [UInt8]
  }

  private var rows: [Destination] = []
  private var nextHops: [[UInt8]] = [[], []]
  private var numbers: [Key: UInt32] = [:]
  private var freeNumbers: [UInt32] = []
  private var idle: Deque<UInt32> = []

  init() {
    let pseudo = Destination(
      transport: .max, concurrency: ConcurrencyWindow(TransportLimits()))
    rows = [pseudo, pseudo]
  }

  var indices: Range<UInt32> { Self.firstReal..<UInt32(rows.count) }

  /// Destinations that have a name.
  var namedCount: Int { numbers.count }

  subscript(number: UInt32) -> Destination {
    @inline(__always) _read { yield rows[Int(number)] }
    @inline(__always) _modify { yield &rows[Int(number)] }
  }

  mutating func number(
    transport: UInt16, nextHop: [UInt8], limits: TransportLimits
  ) -> UInt32 {
    let key = Key(transport: transport, nextHop: nextHop)
    if let known = numbers[key] { return known }
    let fresh = Destination(
      transport: transport, concurrency: ConcurrencyWindow(limits))
    let number: UInt32
    if let free = freeNumbers.popLast() {
      number = free
      rows[Int(number)] = fresh
      nextHops[Int(number)] = nextHop
    } else {
      number = UInt32(rows.count)
      rows.append(fresh)
      nextHops.append(nextHop)
    }
    numbers[key] = number
    // Nobody names it yet, and perhaps nobody will.
    rows[Int(number)].isInIdleLine = true
    idle.append(number)
    return number
  }

  func nextHop(of number: UInt32) -> [UInt8] { nextHops[Int(number)] }

  mutating func use(_ number: UInt32) {
    rows[Int(number)].users += 1
  }

  /// Takes a user away; a destination without any starts from what nothing is known of.
  mutating func drop(_ number: UInt32, limits: TransportLimits) {
    rows[Int(number)].users -= 1
    guard number >= Self.firstReal, rows[Int(number)].users == 0 else { return }
    if !rows[Int(number)].isDead { rows[Int(number)].concurrency = ConcurrencyWindow(limits) }
    guard !rows[Int(number)].isInIdleLine else { return }
    rows[Int(number)].isInIdleLine = true
    idle.append(number)
  }

  /// Looks at the longest idle destination if there are more than `limit`, and frees its number
  /// if it is idle still. Returns whether there was one to look at.
  mutating func trimIdle(to limit: Int) -> Bool {
    guard idle.count > limit, let number = idle.popFirst() else { return false }
    let row = rows[Int(number)]
    rows[Int(number)].isInIdleLine = false
    guard row.users == 0 else { return true }
    if row.isDead {
      rows[Int(number)].isInIdleLine = true
      idle.append(number)
      return false
    }
    numbers[Key(transport: row.transport, nextHop: nextHops[Int(number)])] = nil
    nextHops[Int(number)] = []
    freeNumbers.append(number)
    return true
  }
}
