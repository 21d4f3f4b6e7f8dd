package import Primitives

/// The offset of the local clock from UTC and its name, as they were looked up for a moment.
package struct LocalOffset: Hashable, Sendable {
  /// Seconds east of UTC.
  package var seconds: Int
  /// The abbreviation of the zone, such as `CET`.
  package var name: String

  /// Makes an offset.
  package init(seconds: Int, name: String) {
    self.seconds = seconds
    self.name = name
  }

  /// Universal time.
  package static let utc = LocalOffset(seconds: 0, name: "UTC")
}

/// Dates as mail writes them (RFC 5322 3.3).
package enum MailDate {
  private static let days: [StaticString] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
  private static let months: [StaticString] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ]

  /// Appends `Mon, 23 Nov 2026 17:59:24 +0000 (UTC)`.
  package static func append(
    _ time: WallTime, offset: LocalOffset, to text: inout [UInt8]
  ) {
    let local = Int(time.seconds) + offset.seconds
    let day = (local >= 0 ? local : local - 86_399) / 86_400
    let second = local - day * 86_400
    let (year, month, dayOfMonth) = civil(day)
    text.append(text: days[((day + 4) % 7 + 7) % 7])
    text.append(text: ", ")
    if dayOfMonth < 10 { text.append(ASCII.space) }
    text.append(decimal: dayOfMonth)
    text.append(ASCII.space)
    text.append(text: months[month - 1])
    text.append(ASCII.space)
    text.append(decimal: year, width: 4)
    text.append(ASCII.space)
    text.append(decimal: second / 3600, width: 2)
    text.append(UInt8(ascii: ":"))
    text.append(decimal: second / 60 % 60, width: 2)
    text.append(UInt8(ascii: ":"))
    text.append(decimal: second % 60, width: 2)
    text.append(text: offset.seconds < 0 ? " -" : " +")
    let minutes = abs(offset.seconds) / 60
    text.append(decimal: minutes / 60 * 100 + minutes % 60, width: 4)
    guard !offset.name.isEmpty else { return }
    text.append(text: " (")
    text.append(string: offset.name)
    text.append(text: ")")
  }

  /// Year, month and day of a count of days since 1970-01-01 in the Gregorian calendar.
  ///
  /// Years are counted from March, so that the leap day is the last of a year.
  private static func civil(_ days: Int) -> (year: Int, month: Int, day: Int) {
    let shifted = days + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra =
      (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let marchMonth = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * marchMonth + 2) / 5 + 1
    let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
  }
}
