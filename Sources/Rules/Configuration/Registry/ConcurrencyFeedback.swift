/// How much one delivery changes the concurrency of its destination.
package struct ConcurrencyFeedback: Hashable, Sendable {
  /// What the amount is divided by.
  package enum Divisor: Sendable {
    /// Nothing: a fixed amount.
    case one
    /// The concurrency of the destination at that time.
    case concurrency
    /// The square root of that concurrency.
    case squareRoot
  }

  /// The amount before division.
  package let amount: Double
  /// What it is divided by.
  package let divisor: Divisor

  /// No change at all.
  static let none = ConcurrencyFeedback(amount: 0, divisor: .one)

  private init(amount: Double, divisor: Divisor) {
    self.amount = amount
    self.divisor = divisor
  }

  /// Reads `N`, `N/M`, `N/concurrency` or `N/sqrt_concurrency`; numbers from 0 to 1.
  package init?(_ text: String) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false).map { part in
      String(part.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
    guard let first = parts.first, let number = Self.number(first), parts.count <= 2 else {
      return nil
    }
    switch parts.count == 2 ? parts[1] : "1" {
    case "concurrency": self.init(amount: number, divisor: .concurrency)
    case "sqrt_concurrency": self.init(amount: number, divisor: .squareRoot)
    case let text:
      guard let below = Self.number(text), below > 0 else { return nil }
      self.init(amount: number / below, divisor: .one)
    }
    guard amount <= 1 else { return nil }
  }

  /// The amount at a given concurrency, which is at least 1.
  package func amount(atConcurrency concurrency: Int) -> Double {
    switch divisor {
    case .one: amount
    case .concurrency: amount / Double(concurrency)
    case .squareRoot: amount / Double(concurrency).squareRoot()
    }
  }

  private static func number(_ text: String) -> Double? {
    guard !text.isEmpty, text.utf8.allSatisfy({ (48...57).contains($0) || $0 == 46 }) else {
      return nil
    }
    return Double(text)
  }
}
