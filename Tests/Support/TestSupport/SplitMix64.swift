/// A seeded generator (SplitMix64): the same seed gives the same numbers on every machine.
package struct SplitMix64: RandomNumberGenerator, Sendable {
  private var state: UInt64

  /// Starts the sequence of a seed.
  package init(seed: UInt64) { state = seed }

  /// The next 64 bits.
  package mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
    return mixed ^ mixed >> 31
  }

  /// A number below `bound`, which is positive.
  package mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &self) }

  /// Whether an event of one chance in `count` happens.
  package mutating func oneIn(_ count: Int) -> Bool { below(count) == 0 }

  /// Bytes of which each is drawn from `alphabet`, which is not empty.
  package mutating func bytes(count: Int, from alphabet: [UInt8]) -> [UInt8] {
    (0..<count).map { _ in alphabet[below(alphabet.count)] }
  }

  /// Any bytes.
  package mutating func bytes(count: Int) -> [UInt8] {
    (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) }
  }

  /// Pieces drawn from `tokens` and joined: inputs that come near a grammar.
  package mutating func text(tokens: [String], countMax: Int) -> [UInt8] {
    (0..<below(countMax + 1)).flatMap { _ in Array(tokens[below(tokens.count)].utf8) }
  }
}
