/// The type and bounds of a parameter.
package enum ParameterKind: Sendable {
  /// `yes` or `no`.
  case flag
  /// A whole number.
  case integer(ClosedRange<Int>)
  /// A number of bytes.
  case size(ClosedRange<Int64>)
  /// A time; a number without a unit is in `unit`.
  case duration(ClosedRange<Duration>, unit: TimeUnit)
  /// Any text; some must not be empty.
  case text(mayBeEmpty: Bool)
  /// A text of a form; some may be empty.
  case formed(TextForm, mayBeEmpty: Bool)
  /// A release such as `3.6`.
  case level
  /// Items parted by commas or white space; `{…}` keeps an item together.
  case list
  /// One of a few words.
  case choice([String])
  /// Any of a few words, as in a list.
  case words([String])
  /// A concurrency feedback such as `1/concurrency`.
  case feedback
  /// Versions of TLS.
  case protocols
}

/// An evaluated value.
package enum ParameterValue: Hashable, Sendable {
  /// Of a flag.
  case flag(Bool)
  /// Of an integer.
  case integer(Int)
  /// Of a size, in bytes.
  case size(Int64)
  /// Of a duration.
  case duration(Duration)
  /// Of a text or a choice.
  case text(String)
  /// Of a list.
  case list([String])
  /// Of a concurrency feedback.
  case feedback(ConcurrencyFeedback)
  /// Of versions of TLS.
  case protocols(TLSProtocolList)
}

extension ParameterKind {
  /// Reads an expanded text; the error says what was expected.
  func value(of text: String) throws(ConfigurationError) -> ParameterValue {
    switch self {
    case .flag:
      switch text.lowercased() {
      case "yes": return .flag(true)
      case "no": return .flag(false)
      default: throw expected(text)
      }
    case .integer(let bounds):
      guard let number = Self.number(text), let value = Int(exactly: number),
        bounds.contains(value)
      else { throw expected(text) }
      return .integer(value)
    case .size(let bounds):
      guard let value = Self.number(text), bounds.contains(value) else { throw expected(text) }
      return .size(value)
    case .duration(let bounds, let unit):
      guard let value = TimeUnit.duration(text, unit: unit), bounds.contains(value) else {
        throw expected(text)
      }
      return .duration(value)
    case .text(let mayBeEmpty):
      guard mayBeEmpty || !text.isEmpty else { throw expected(text) }
      return .text(text)
    case .formed(let form, let mayBeEmpty):
      guard text.isEmpty ? mayBeEmpty : form.accepts(text) else { throw expected(text) }
      return .text(text)
    case .level:
      guard Relation.isLevel(text) else { throw expected(text) }
      return .text(text)
    case .list:
      return .list(try ListSyntax.items(text))
    case .choice(let words):
      let word = text.lowercased()
      guard words.contains(word) else { throw expected(text) }
      return .text(word)
    case .words(let words):
      let items = try ListSyntax.items(text).map { $0.lowercased() }
      for item in items where !words.contains(item) { throw expected(item) }
      return .list(items)
    case .feedback:
      guard let feedback = ConcurrencyFeedback(text) else { throw expected(text) }
      return .feedback(feedback)
    case .protocols:
      guard let list = TLSProtocolList(text) else { throw expected(text) }
      return .protocols(list)
    }
  }

  /// A value of the right type for a parameter whose text cannot be used.
  var placeholder: ParameterValue {
    switch self {
    case .flag: .flag(false)
    case .integer(let bounds): .integer(bounds.lowerBound)
    case .size(let bounds): .size(bounds.lowerBound)
    case .duration(let bounds, _): .duration(bounds.lowerBound)
    case .text, .formed, .level: .text("")
    case .list: .list([])
    case .choice(let words): .text(words[0])
    case .words(let words): .list(words)
    case .feedback: .feedback(.none)
    // Nothing is spoken by mistake.
    case .protocols: .protocols(TLSProtocolList(">=ffff") ?? .init())
    }
  }

  /// What a value of this kind looks like, for diagnostics and documentation.
  package var expectation: String {
    switch self {
    case .flag: "yes or no"
    case .integer(let bounds):
      Self.numbers("a number", Int64(bounds.lowerBound), Int64(bounds.upperBound))
    case .size(let bounds): Self.numbers("a number of bytes", bounds.lowerBound, bounds.upperBound)
    case .duration(let bounds, let unit):
      "a time such as 5\(unit.rawValue)"
        + (bounds.lowerBound > .zero ? ", at least \(TimeUnit.text(bounds.lowerBound))" : "")
        + (bounds.upperBound < Self.longest ? ", at most \(TimeUnit.text(bounds.upperBound))" : "")
    case .text(let mayBeEmpty): mayBeEmpty ? "a text" : "a text that is not empty"
    case .formed(let form, let mayBeEmpty):
      mayBeEmpty ? "\(form.expectation), or nothing" : form.expectation
    case .level: "a release such as 3.6"
    case .list: "a list"
    case .choice(let words):
      "one of: " + words.map { $0.isEmpty ? "(empty)" : $0 }.joined(separator: ", ")
    case .words(let words): "a list of: " + words.joined(separator: ", ")
    case .feedback: "a number, or a number/concurrency or number/sqrt_concurrency"
    case .protocols: "versions of TLS such as >=TLSv1.2, or !SSLv3, !TLSv1"
    }
  }

  /// The longest duration that can be written.
  static let longest = Duration.seconds(Int64(Int32.max))

  private func expected(_ text: String) -> ConfigurationError {
    // A bound that is as good as none is named to those who go beyond it.
    if case .integer(let bounds) = self, let number = Self.number(text), number > bounds.upperBound
    {
      return .expected("a number from \(bounds.lowerBound) to \(bounds.upperBound), found \(text)")
    }
    return .expected("\(expectation), found \"\(text)\"")
  }

  private static func numbers(_ noun: String, _ low: Int64, _ high: Int64) -> String {
    let unbounded = high >= Int64(Int32.max)
    return unbounded ? "\(noun), at least \(low)" : "\(noun) from \(low) to \(high)"
  }

  private static func number(_ text: String) -> Int64? {
    let digits = text.utf8.first == UInt8(ascii: "-") ? text.utf8.dropFirst() : text.utf8[...]
    guard !digits.isEmpty, digits.allSatisfy({ (48...57).contains($0) }) else { return nil }
    return Int64(text)
  }
}
