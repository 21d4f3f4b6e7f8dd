import LinuxSystem
import Primitives
import ServiceKit
import SystemPackage
import Testing

@Suite struct ClientTableTests {
  private let rows: ClientTableRows
  private let unit = Duration.seconds(60)

  init() throws { rows = try ClientTableRows(clients: 512) }

  private func process() throws -> (table: ClientTable, row: Int) {
    let row = try #require(rows.take())
    return (try ClientTable(rows.descriptor.raw, row: row), row)
  }

  private func time(_ seconds: Int64) -> MonotonicTime {
    MonotonicTime(nanoseconds: seconds * 1_000_000_000)
  }

  private func client(_ number: UInt32) -> IPAddress { IPAddress(v4: 0x0a00_0000 + number) }

  private func find(
    _ table: ClientTable, _ number: UInt32 = 1, service: String = "smtp"
  ) -> ClientTable.Place? {
    table.find(client(number), service: service)
  }

  @Test func aRowThatIsGivenBackIsFreeAgain() throws {
    #expect(rows.freeCount == ClientTableRows.count)
    let row = try process().row
    #expect(rows.freeCount == ClientTableRows.count - 1)
    try rows.free(row)
    #expect(rows.freeCount == ClientTableRows.count)
  }

  @Test func sessionsOfAllProcessesCountTogether() throws {
    let (first, second) = (try process().table, try process().table)
    let place = try #require(find(first))
    #expect(find(second) == place)
    #expect(first.enter(place) == 1)
    #expect(second.enter(place) == 2)
    #expect(second.enter(place) == 3)
    first.leave(place)
    #expect(first.enter(place) == 3)
    #expect(first.enter(try #require(find(first, 2))) == 1)
    #expect(first.enter(try #require(find(first, service: "submission"))) == 1)
    #expect(first.clientCount == 3)
  }

  @Test func aProcessThatDiesLeavesNoSessions() throws {
    let (first, second) = (try process(), try process())
    let place = try #require(find(first.table))
    for _ in 0..<5 { _ = first.table.enter(place) }
    #expect(second.table.enter(place) == 6)
    try rows.free(first.row)
    #expect(second.table.enter(place) == 2)
    let next = try process()
    #expect(next.row == first.row)
    #expect(next.table.enter(place) == 3)
  }

  @Test func ratesBeginAnewWithEachTimeUnit() throws {
    let (first, second) = (try process().table, try process().table)
    let place = try #require(find(first))
    func count(_ table: ClientTable, _ event: ClientEvent, at seconds: Int64) -> Int {
      table.count(event, at: place, now: time(seconds), unit: unit)
    }
    #expect(count(first, .message, at: 100) == 1)
    #expect(count(second, .message, at: 130) == 2)
    #expect(count(first, .recipient, at: 130) == 1)
    #expect(count(first, .message, at: 160) == 3)
    #expect(count(first, .message, at: 161) == 1)
    #expect(count(first, .recipient, at: 190) == 2)
  }

  @Test func aFullTableForgetsWhoIsOverFirstAndNeverWhoHasSessions() throws {
    let table = try process().table
    let guest = try #require(find(table, 0))
    #expect(table.enter(guest) == 1)
    for number in 1...4000 as ClosedRange<UInt32> {
      let place = try #require(find(table, number))
      _ = table.count(.connection, at: place, now: time(100 + Int64(number)), unit: unit)
    }
    #expect(table.clientCount <= 512)
    #expect(find(table, 0) == guest)
    #expect(table.enter(guest) == 2)
    // The last ones are still known with what they did.
    let last = try #require(find(table, 4000))
    #expect(table.count(.connection, at: last, now: time(4100), unit: unit) == 2)
  }

  @Test func aPlaceThatWentToAnotherClientCountsAnew() throws {
    let table = try process().table
    let old = try #require(find(table, 0))
    #expect(table.count(.message, at: old, now: time(100), unit: unit) == 1)
    for number in 1...4000 as ClosedRange<UInt32> {
      guard let place = find(table, number) else { continue }
      #expect(table.count(.message, at: place, now: time(100), unit: unit) == 1)
    }
    #expect(table.enter(old) == nil || find(table, 0) == old)
  }

  @Test func aRateIsToldWithoutCountingMore() throws {
    let (first, second) = (try process().table, try process().table)
    let place = try #require(find(first))
    func rate(_ event: ClientEvent, at seconds: Int64) -> Int {
      second.rate(of: event, at: place, now: time(seconds), unit: unit)
    }
    #expect(rate(.newTLSSession, at: 100) == 0)
    for _ in 0..<3 {
      _ = first.count(.newTLSSession, at: place, now: time(100), unit: unit)
    }
    #expect(rate(.newTLSSession, at: 100) == 3)
    #expect(rate(.newTLSSession, at: 160) == 3)
    #expect(rate(.message, at: 160) == 0)
    #expect(rate(.newTLSSession, at: 161) == 0)
  }

  @Test func whereAllPlacesAreTakenAClientIsNotCounted() throws {
    let table = try process().table
    var uncounted = 0
    for number in 0..<2000 as Range<UInt32> {
      guard let place = find(table, number) else {
        uncounted += 1
        continue
      }
      #expect(table.enter(place) == 1)
    }
    #expect(uncounted >= 2000 - 512)
  }

  @Test func sweepingFreesClientsThatAreOver() throws {
    let table = try process().table
    let guest = try #require(find(table, 0))
    _ = table.enter(guest)
    for number in 1...20 as ClosedRange<UInt32> {
      let place = try #require(find(table, number))
      _ = table.count(.connection, at: place, now: time(100), unit: unit)
    }
    #expect(table.sweep(table.slots, now: time(150), unit: unit) == 21)
    #expect(table.sweep(table.slots, now: time(161), unit: unit) == 1)
    table.setClientCount(1)
    #expect(table.clientCount == 1)
    #expect(find(table, 0) == guest)
  }

  @Test func thePeaksOfAPeriodAreThoseOfAllProcesses() throws {
    let (first, second) = (try process().table, try process().table)
    let wall = WallTime(microseconds: 5_000_000)
    first.note(3, .connectionRate, at: wall, client: "smtp:192.0.2.1")
    second.note(7, .connectionRate, at: wall, client: "smtp:2001:db8::1")
    second.note(5, .connectionRate, at: wall, client: "smtp:192.0.2.3")
    first.note(2, .cacheSize, at: wall)
    let long = String(repeating: "x", count: 200)
    first.note(1, .messageRate, at: wall, client: long)
    let peaks = first.endPeriod()
    let peak = try #require(peaks[.connectionRate])
    #expect(peak.value == 7 && peak.time == wall && peak.client == "smtp:2001:db8::1")
    #expect(peaks[.cacheSize]?.value == 2)
    #expect(peaks[.cacheSize]?.client == "")
    #expect(peaks[.messageRate]?.client == String(long.prefix(104)))
    #expect(peaks.count == 3)
    #expect(second.endPeriod().isEmpty)
    second.note(1, .connectionRate, at: wall, client: "smtp:192.0.2.3")
    #expect(second.endPeriod()[.connectionRate]?.value == 1)
  }

  @Test func oneProcessReportsWhenItIsTime() throws {
    let (first, second) = (try process().table, try process().table)
    let interval = Duration.seconds(600)
    #expect(!first.takeReport(now: time(10), interval: interval))
    #expect(!second.takeReport(now: time(609), interval: interval))
    #expect(second.takeReport(now: time(610), interval: interval))
    #expect(!first.takeReport(now: time(610), interval: interval))
    #expect(first.takeReport(now: time(1210), interval: interval))
  }

  @Test func memoryOfAnotherShapeIsNoTable() throws {
    let (_, zeros) = try SharedWords.make("zeros", count: 4096)
    #expect(throws: Errno.invalidArgument) { try ClientTable(zeros.raw, row: 0) }
    let count = ClientTableRows.count
    #expect(throws: Errno.invalidArgument) { try ClientTable(rows.descriptor.raw, row: count) }
    let taken = (0..<count).compactMap { _ in rows.take() }
    #expect(taken == Array(0..<count))
    #expect(rows.take() == nil && rows.freeCount == 0)
  }

  /// Threads stand in for processes: nothing is lost when all change the same words.
  @Test func eventsOfManyAtATimeAreAllCounted() async throws {
    let tables = try (0..<4).map { _ in try process().table }
    let place = try #require(find(tables[0]))
    await withTaskGroup(of: Void.self) { group in
      for table in tables {
        group.addTask {
          for _ in 0..<5000 {
            _ = table.count(
              .message, at: place, now: MonotonicTime(nanoseconds: 1), unit: .seconds(60))
            _ = table.enter(place)
          }
        }
      }
    }
    let now = MonotonicTime(nanoseconds: 1)
    #expect(tables[0].count(.message, at: place, now: now, unit: unit) == 20001)
    #expect(tables[0].enter(place) == 20001)
  }
}
