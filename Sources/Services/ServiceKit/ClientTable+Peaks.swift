import LinuxSystem
package import Primitives

/// What the log says the most of in a period.
package enum ClientPeak: Int, CaseIterable, Sendable {
  /// The rate of an event; in the order of `ClientEvent`.
  case connectionRate, messageRate, recipientRate, newTLSSessionRate, authenticationRate
  /// Sessions of one client at a time.
  case connectionCount
  /// Clients in the table.
  case cacheSize

  /// Words that a peak takes: its period, value, time, and the name of the client.
  static let words = 16
  static let nameWords = 13

  /// The peak of an event's rate.
  package init(_ event: ClientEvent) { self = Self.allCases[event.rawValue] }
}

/// The highest count of a period.
package struct ClientRecord: Equatable, Sendable {
  /// The count.
  package let value: Int
  /// When it was reached.
  package let time: WallTime
  /// `service:address`, cut at 104 bytes.
  package let client: String
}

/// The peaks: each process keeps its own in its row, one of them reads those of all.
extension ClientTable {
  /// Notes a count, if it is the highest that this process saw in the period under way.
  package func note(
    _ value: Int, _ peak: ClientPeak, at time: @autoclosure () -> WallTime,
    client: @autoclosure () -> String = ""
  ) {
    let start = layout.peakWord(row, peak)
    let period = words[ClientTableLayout.periodWord]
    guard words[start] != period || words[start + 1] < UInt64(value) else { return }
    // While it is of no period nobody reads it.
    _ = words.exchange(words[start], for: 0, at: start)
    words[start + 1] = UInt64(value)
    words[start + 2] = UInt64(bitPattern: time().microseconds)
    let name = Array(client().utf8.prefix(ClientPeak.nameWords * 8))
    for word in 0..<ClientPeak.nameWords {
      let bytes = name.dropFirst(word * 8).prefix(8)
      words[start + 3 + word] = bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
    _ = words.exchange(0, for: period, at: start)
  }

  /// Whether the peaks are due to be logged, and by this process; sets when they are due again.
  package func takeReport(now: MonotonicTime, interval: Duration) -> Bool {
    let due = words[ClientTableLayout.reportWord]
    let next = UInt64(bitPattern: (now + interval).nanoseconds)
    guard due == 0 || UInt64(bitPattern: now.nanoseconds) >= due else { return false }
    // Who comes first after the start only sets the time.
    return words.exchange(due, for: next, at: ClientTableLayout.reportWord) && due != 0
  }

  /// Ends the period and gives its peaks; none when another process ends it at the same time.
  package func endPeriod() -> [ClientPeak: ClientRecord] {
    let period = words[ClientTableLayout.periodWord]
    guard words.exchange(period, for: period + 1, at: ClientTableLayout.periodWord) else {
      return [:]
    }
    let rows = min(Int(words[ClientTableLayout.rowsWord]), ClientTableLayout.rowCount)
    var records: [ClientPeak: ClientRecord] = [:]
    for peak in ClientPeak.allCases {
      for row in 0..<rows {
        guard let record = record(peak, row: row, period: period),
          record.value > records[peak]?.value ?? 0
        else { continue }
        records[peak] = record
      }
    }
    return records
  }

  private func record(_ peak: ClientPeak, row: Int, period: UInt64) -> ClientRecord? {
    let start = layout.peakWord(row, peak)
    guard words.add(0, at: start) == period else { return nil }
    var name: [UInt8] = []
    for word in 0..<ClientPeak.nameWords {
      let bytes = words[start + 3 + word]
      for byte in 0..<8 { name.append(UInt8(truncatingIfNeeded: bytes >> UInt64(byte * 8))) }
    }
    let record = ClientRecord(
      value: Int(truncatingIfNeeded: words[start + 1]),
      time: WallTime(microseconds: Int64(bitPattern: words[start + 2])),
      client: String(decoding: name.prefix { $0 != 0 }, as: UTF8.self))
    return words.add(0, at: start) == period ? record : nil
  }
}
