package import LinuxSystem

/// The words of shared memory in which a loop shows other processes how busy it is.
package enum ReactorLoad {
  /// Twice the number of the turn; one less while the other words are being written.
  package static let turnWord = 0
  /// For how long the loop has waited for events, in nanoseconds, waits that have ended.
  package static let restedWord = 1
  /// Since when it waits, in nanoseconds of the monotonic clock; 0 while it works.
  package static let restingWord = 2
  /// Words from here on are not the loop's.
  package static let firstFreeWord = 3
}

extension Reactor {
  /// Shows from now on how busy the loop is, in the words from `first` on.
  @ReactorActor package func showLoad(in words: SharedWords, at first: Int) {
    loop.load = LoadShower(words, first: first)
  }
}

/// Stores in shared memory when a loop works and when it waits.
@ReactorActor
final class LoadShower {
  private let words: SharedWords
  private let first: Int
  private var rested: UInt64 = 0
  private var restingSince: Int64 = 0

  init(_ words: SharedWords, first: Int) {
    self.words = words
    self.first = first
    words[first + ReactorLoad.restedWord] = 0
    words[first + ReactorLoad.restingWord] = 0
  }

  /// The loop begins to wait.
  func rest(at now: Int64) {
    restingSince = now
    words[first + ReactorLoad.restingWord] = UInt64(now)
  }

  /// A turn begins.
  func work(at now: Int64, turn: UInt64) {
    words[first + ReactorLoad.turnWord] = turn &* 2 &- 1
    if restingSince != 0 {
      rested &+= UInt64(max(now - restingSince, 0))
      restingSince = 0
      words[first + ReactorLoad.restingWord] = 0
      words[first + ReactorLoad.restedWord] = rested
    }
    words[first + ReactorLoad.turnWord] = turn &* 2
  }
}
