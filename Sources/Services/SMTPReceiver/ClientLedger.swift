import LinuxSystem
import Primitives
import Reactor
import ServiceKit

/// This process's part in counting clients: the table, the time unit, and the lines in the log.
@ReactorActor
final class ClientLedger {
  /// Places of the table that are looked at before other work goes on.
  private static let sweepStep = 4096
  /// How long a full table is not reported again.
  private static let warningPause = Duration.seconds(60)

  let log: Log
  private let table: ClientTable
  private let unit: Duration
  private let reportInterval: Duration
  private var timer: Alarm?
  private var isSweeping = false
  private var nextWarning = MonotonicTime(nanoseconds: .min)

  /// - Parameters:
  ///   - unit: `anvil_rate_time_unit`.
  ///   - reportInterval: `anvil_status_update_time`.
  init(_ table: ClientTable, log: Log, unit: Duration, reportInterval: Duration) {
    self.table = table
    self.log = log
    self.unit = unit
    self.reportInterval = reportInterval
  }

  /// Begins to look after the table from time to time.
  func start() {
    _ = table.takeReport(now: Reactor.shared.now, interval: reportInterval)
    let timer = Alarm { [weak self] in self?.lookAfterTable() }
    self.timer = timer
    timer.schedule(at: Reactor.shared.now + min(unit, reportInterval))
  }

  /// Leaves it to the processes of a newer configuration.
  func stopLookingAfterTable() {
    timer?.cancel()
    timer = nil
  }

  /// Enters a session of a client; gives the number of its sessions. `nil` when the table has no
  /// room for it: it is served all the same.
  func enter(_ client: IPAddress, _ service: String) -> (ClientTable.Place, sessions: Int)? {
    // The place may go to another client between the two steps, again and again only in theory.
    for _ in 0..<4 {
      guard let place = table.find(client, service: service) else { break }
      guard let sessions = table.enter(place) else { continue }
      note(sessions, .connectionCount, client, service)
      table.note(table.clientCount, .cacheSize, at: Clocks.wallNow())
      return (place, sessions)
    }
    warnOfFullTable(Reactor.shared.now)
    return nil
  }

  /// Counts the end of a session.
  func leave(_ place: ClientTable.Place) { table.leave(place) }

  /// Counts an event and gives its rate.
  func count(
    _ event: ClientEvent, at place: ClientTable.Place, _ client: IPAddress, _ service: String
  ) -> Int {
    let rate = table.count(event, at: place, now: Reactor.shared.now, unit: unit)
    note(rate, ClientPeak(event), client, service)
    return rate
  }

  /// The rate of an event, which is not counted.
  func rate(of event: ClientEvent, at place: ClientTable.Place) -> Int {
    table.rate(of: event, at: place, now: Reactor.shared.now, unit: unit)
  }

  /// Logs the peaks since the last time, if no other process does.
  func report() {
    let records = table.endPeriod()
    for (peak, name, isRate) in Self.lines {
      guard let record = records[peak] else { continue }
      log.line("anvil") {
        $0.append(text: "statistics: max ")
        $0.append(text: name)
        $0.append(text: " ")
        $0.append(decimal: record.value)
        if isRate {
          $0.append(text: "/")
          $0.append(decimal: unit.components.seconds)
          $0.append(text: "s")
        }
        if !record.client.isEmpty {
          $0.append(text: " for (")
          $0.append(string: record.client)
          $0.append(text: ")")
        }
        $0.append(text: " at ")
        $0.append(localTime: record.time.seconds)
      }
    }
  }

  private static let lines: [(ClientPeak, StaticString, Bool)] = [
    (.connectionRate, "connection rate", true), (.connectionCount, "connection count", false),
    (.messageRate, "message rate", true), (.recipientRate, "recipient rate", true),
    (.newTLSSessionRate, "newtls rate", true), (.authenticationRate, "auth rate", true),
    (.cacheSize, "cache size", false),
  ]

  private func note(_ value: Int, _ peak: ClientPeak, _ client: IPAddress, _ service: String) {
    table.note(value, peak, at: Clocks.wallNow(), client: "\(service):\(client)")
  }

  private func lookAfterTable() {
    let now = Reactor.shared.now
    if table.takeReport(now: now, interval: reportInterval) { report() }
    if !isSweeping {
      isSweeping = true
      reactorTask {
        await self.sweep()
        self.isSweeping = false
      }
    }
    timer?.schedule(at: now + min(unit, reportInterval))
  }

  private func sweep() async {
    var left = 0
    var start = 0
    while start < table.slots.upperBound {
      let end = min(start + Self.sweepStep, table.slots.upperBound)
      left += table.sweep(start..<end, now: Reactor.shared.now, unit: unit)
      start = end
      await Reactor.shared.yieldTurn()
    }
    table.setClientCount(left)
  }

  private func warnOfFullTable(_ now: MonotonicTime) {
    guard now >= nextWarning else { return }
    nextWarning = now + Self.warningPause
    log.warning(
      "anvil",
      "the table of clients is full: some are not counted; "
        + "raise smtpd_client_table_size")
  }
}
