/// Judges from the turns that a process shows, looked at in equal intervals, whether it reacts.
///
/// A process that has nothing to do shows nothing new: it is asked for a turn, once in each
/// silence. Looks are counted and not time, so that a machine that was frozen as a whole, or a
/// `master` that got no processor, condemns nobody.
struct Pulse {
  /// What follows from a look.
  enum Verdict: Equatable {
    /// It turned since the last look.
    case alive
    /// It did not: have it turn.
    case ask
    /// It was asked and has still time.
    case wait
    /// It was asked and has not turned in `looksMax` intervals.
    case stuck
  }

  /// The intervals between the question and the verdict.
  static let looksMax = 4

  private var turns: UInt64 = 0
  private var silentLooks = 0

  /// Looks at the turns that the process shows now.
  mutating func look(_ turns: UInt64) -> Verdict {
    guard turns == self.turns else {
      self.turns = turns
      silentLooks = 0
      return .alive
    }
    silentLooks += 1
    if silentLooks == 1 { return .ask }
    return silentLooks > Self.looksMax ? .stuck : .wait
  }
}
