/// The units that a duration may be written in.
package enum TimeUnit: String, CaseIterable, Sendable {
  /// Milliseconds; only Martinet's own parameters need them.
  case milliseconds = "ms"
  /// Seconds.
  case seconds = "s"
  /// Minutes.
  case minutes = "m"
  /// Hours.
  case hours = "h"
  /// Days.
  case days = "d"
  /// Weeks.
  case weeks = "w"

  /// One of the unit, in milliseconds.
  var inMilliseconds: Int64 {
    switch self {
    case .milliseconds: 1
    case .seconds: 1000
    case .minutes: 60_000
    case .hours: 3_600_000
    case .days: 86_400_000
    case .weeks: 604_800_000
    }
  }

  /// The unit that a text such as `5d` ends with.
  init?(suffixOf text: some StringProtocol) {
    let letters = text.reversed().prefix { $0.isASCII && $0.isLetter }
    self.init(rawValue: String(letters.reversed()).lowercased())
  }

  /// The text of a duration with the largest unit that divides it.
  package static func text(_ duration: Duration) -> String {
    let milliseconds = duration / .milliseconds(1)
    let count = Int64(milliseconds)
    guard count != 0 else { return "0s" }
    let unit = [weeks, days, hours, minutes, seconds].first { count % $0.inMilliseconds == 0 }
    let chosen = unit ?? Self.milliseconds
    return "\(count / chosen.inMilliseconds)\(chosen.rawValue)"
  }

  /// Reads a number and its unit; without one it is of `unit`. `nil` for anything else, and for
  /// what is longer than Postfix takes.
  package static func duration(_ text: String, unit: TimeUnit) -> Duration? {
    let digits = text.utf8.prefix { (48...57).contains($0) }
    let suffix = String(text.utf8.dropFirst(digits.count)) ?? ""
    guard !digits.isEmpty, let count = Int64(String(digits) ?? ""),
      let unit = suffix.isEmpty ? unit : TimeUnit(rawValue: suffix.lowercased())
    else { return nil }
    let (product, overflow) = count.multipliedReportingOverflow(by: unit.inMilliseconds)
    guard !overflow, product <= Int64(Int32.max) * 1000 else { return nil }
    return .milliseconds(product)
  }
}
