import LinuxSystem
package import Primitives
package import SystemPackage

/// What is counted for each client on the whole host.
package enum ClientEvent: Int, CaseIterable, Sendable {
  /// A connection.
  case connection
  /// MAIL.
  case message
  /// RCPT.
  case recipient
  /// A TLS session that resumes no other.
  case newTLSSession
  /// AUTH.
  case authentication
}

/// How many sessions each client has with all `smtpd` processes of the host, and how often it did
/// what is limited, in memory that they and `master` share.
///
/// Nobody waits for anybody. A client is a keyed hash in one of a few slots; a rate is one word,
/// start and count together, changed whole. Sessions are counted in a *row* of each process that
/// no other writes; `master` makes the row of a dead process zeros, so that it leaves no sessions
/// behind however it died. When a slot gets another client in the very moment in which a process
/// enters a session there, that one session counts for the wrong client until it ends.
package final class ClientTable: Sendable {
  /// Where a client is counted; of use only to the table that gave it.
  package struct Place: Equatable, Sendable {
    let slot: Int
    let tag: UInt64
  }

  let layout: ClientTableLayout
  let words: SharedWords
  let row: Int

  /// Maps the table behind a descriptor, which may be closed afterwards, for the process to which
  /// `master` gave `row`.
  ///
  /// `EINVAL` when it is not the table of this build.
  package init(_ descriptor: Int32, row: Int) throws(Errno) {
    words = try SharedWords(descriptor)
    guard let layout = ClientTableLayout(words), row >= 0, row < ClientTableLayout.rowCount else {
      throw Errno.invalidArgument
    }
    self.layout = layout
    self.row = row
  }

  /// The clients that are counted now, as far as that is known: exact after each `sweep`.
  package var clientCount: Int { Int(words[ClientTableLayout.liveWord]) }

  /// The place of a client of a service, which may be a new one.
  ///
  /// `nil` when all places in which it could be have clients with sessions: it is not counted.
  package func find(_ client: IPAddress, service: String) -> Place? {
    let tag = layout.tag(of: client, service: service)
    // Others may take what was just found free, which brings the search to its end.
    for _ in 0..<Self.attempts {
      switch search(tag) {
      case .found(let slot): return Place(slot: slot, tag: tag)
      case .full: return nil
      case .free(let slot, let old):
        guard words.exchange(old, for: tag, at: layout.tagWord(slot)) else { continue }
        if old == 0 { words.add(1, at: ClientTableLayout.liveWord) }
        // Who reads a rate in between takes it for that of another by its mark.
        for event in ClientEvent.allCases { words[layout.rateWord(slot, event)] = 0 }
        return Place(slot: slot, tag: tag)
      }
    }
    return nil
  }

  private static let attempts = 4

  private enum Finding {
    case found(Int)
    case free(Int, old: UInt64)
    case full
  }

  /// A free slot is better than one whose client has no session, and that the better the longer ago
  /// the client did something.
  private func search(_ tag: UInt64) -> Finding {
    for step in 0..<ClientTableLayout.window {
      let slot = layout.slot(tag, step)
      if words[layout.tagWord(slot)] == tag { return .found(slot) }
    }
    var oldest: (slot: Int, tag: UInt64, last: UInt64)?
    for step in 0..<ClientTableLayout.window {
      let slot = layout.slot(tag, step)
      let old = words[layout.tagWord(slot)]
      if old == 0 { return .free(slot, old: 0) }
      guard sessionCount(slot) == 0 else { continue }
      let last = lastStart(slot)
      if oldest.map({ last < $0.last }) ?? true { oldest = (slot, old, last) }
    }
    guard let oldest else { return .full }
    return .free(oldest.slot, old: oldest.tag)
  }

  // MARK: - Sessions

  /// Counts a session of a client and gives the number of those that it has now; `nil` when the
  /// place has another client by now.
  package func enter(_ place: Place) -> Int? {
    let own = layout.countWord(row, place.slot)
    words.add(1, at: own)
    guard words[layout.tagWord(place.slot)] == place.tag else {
      words.add(-1, at: own)
      return nil
    }
    return sessionCount(place.slot)
  }

  /// Counts the end of a session that `enter` counted.
  package func leave(_ place: Place) { words.add(-1, at: layout.countWord(row, place.slot)) }

  func sessionCount(_ slot: Int) -> Int {
    let rows = min(Int(words[ClientTableLayout.rowsWord]), ClientTableLayout.rowCount)
    return (0..<rows).reduce(0) { $0 + Int(truncatingIfNeeded: words[layout.countWord($1, slot)]) }
  }

  // MARK: - Rates

  /// Counts an event and gives how many there were in the time unit under way, which begins with
  /// the first event after the end of the one before.
  package func count(
    _ event: ClientEvent, at place: Place, now: MonotonicTime, unit: Duration
  ) -> Int {
    let index = layout.rateWord(place.slot, event)
    let seconds = ClientRate.seconds(now)
    let length = UInt64(max(unit.components.seconds, 1))
    while true {
      let old = words[index]
      let next = ClientRate(old).counting(at: seconds, length: length, client: place.tag)
      if words.exchange(old, for: next.word, at: index) { return next.count }
    }
  }

  /// How many events there are in the time unit under way, and no one more.
  package func rate(
    of event: ClientEvent, at place: Place, now: MonotonicTime, unit: Duration
  ) -> Int {
    ClientRate(words[layout.rateWord(place.slot, event)]).current(
      at: ClientRate.seconds(now), length: UInt64(max(unit.components.seconds, 1)),
      client: place.tag)
  }

  private func lastStart(_ slot: Int) -> UInt64 {
    ClientEvent.allCases.reduce(0) {
      max($0, ClientRate(words[layout.rateWord(slot, $1)]).start)
    }
  }

  /// Frees the places of clients that have no session and whose time is over, among `slots`; after
  /// the last ones `clientCount` is what is left. Gives how many clients there still are in them.
  package func sweep(_ slots: Range<Int>, now: MonotonicTime, unit: Duration) -> Int {
    let seconds = ClientRate.seconds(now)
    let length = UInt64(max(unit.components.seconds, 1))
    var left = 0
    for slot in slots {
      let tag = words[layout.tagWord(slot)]
      guard tag != 0 else { continue }
      let isOver = lastStart(slot) + length < seconds && sessionCount(slot) == 0
      if isOver, words.exchange(tag, for: 0, at: layout.tagWord(slot)) { continue }
      left += 1
    }
    return left
  }

  /// The places of the table, for `sweep`.
  package var slots: Range<Int> { 0..<layout.capacity }

  /// Notes what a whole sweep found.
  package func setClientCount(_ count: Int) {
    words[ClientTableLayout.liveWord] = UInt64(max(count, 0))
  }
}

/// The events of a client in a time unit, in one word: when it began, a mark of the client, count.
struct ClientRate {
  private static let countBits: UInt64 = 20
  private static let markBits: UInt64 = 12
  private static let countMax: UInt64 = 1 << countBits - 1

  let word: UInt64

  init(_ word: UInt64) { self.word = word }

  private init(start: UInt64, mark: UInt64, count: UInt64) {
    word = start << (Self.countBits + Self.markBits) | mark << Self.countBits | count
  }

  /// Never zero: a word of zeros is a unit that is over.
  static func seconds(_ time: MonotonicTime) -> UInt64 {
    UInt64(truncatingIfNeeded: time.nanoseconds / 1_000_000_000) + 1
  }

  var start: UInt64 { word >> (Self.countBits + Self.markBits) }
  var count: Int { Int(word & Self.countMax) }
  private var mark: UInt64 { word >> Self.countBits & (1 << Self.markBits - 1) }

  /// One event more; the first one of a unit, or of the client to whom the place went, begins anew.
  func counting(at now: UInt64, length: UInt64, client tag: UInt64) -> ClientRate {
    let count = current(at: now, length: length, client: tag)
    let mark = tag >> (64 - Self.markBits)
    guard count > 0 else { return ClientRate(start: now, mark: mark, count: 1) }
    return ClientRate(start: start, mark: mark, count: min(UInt64(count) + 1, Self.countMax))
  }

  /// The events of a client in the unit under way; none when that is over or another client's.
  func current(at now: UInt64, length: UInt64, client tag: UInt64) -> Int {
    guard mark == tag >> (64 - Self.markBits), start > 0, start + length >= now else { return 0 }
    return count
  }
}
