package import LinuxSystem

/// The words of a shared page that the loop writes: somebody else can see that it turns.
package enum ReactorPage {
  /// The number of the turn.
  package static let turnWord = 0
  /// What the process works at, whatever that means to its owner; 0 while the loop waits.
  package static let workWord = 1
  /// Words from here on are not the loop's.
  package static let firstFreeWord = 2
}

extension Reactor {
  /// Shows each turn in a shared page, from now on.
  @ReactorActor package func showTurns(in page: SharedPage) { loop.page = page }

  /// Calls `action` after each turn that took longer than `limit`, in place of what was watched
  /// before: while a turn lasts nobody else is served.
  @ReactorActor package func watchLag(
    over limit: Duration, _ action: @escaping @ReactorActor (Duration) -> Void
  ) {
    loop.lagLimit = limit
    loop.lagged = action
  }
}
