/// Finds times of attempts that contradict each other.
struct RetryCheck {
  private let configuration: Configuration

  init(_ configuration: Configuration) { self.configuration = configuration }

  /// A warning where the shortest pause between attempts is longer than the longest.
  func diagnostics() -> [Diagnostic] {
    let shortest = configuration[.minimalBackoffTime]
    let longest = configuration[.maximalBackoffTime]
    guard shortest > longest else { return [] }
    let name = "minimal_backoff_time"
    let other = "maximal_backoff_time"
    return [
      Diagnostic(
        .warning, at: configuration.location(of: name) ?? configuration.location(of: other),
        subject: name,
        "\(shortest.components.seconds)s is more than \(other) (\(longest.components.seconds)s): "
          + "all mail is tried again after \(longest.components.seconds)s")
    ]
  }
}
