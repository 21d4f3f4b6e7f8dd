@testable import SMTPGrammar

/// A small deterministic generator (SplitMix64), so that a failing seed replays.
struct Seeded: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}

extension ContentScanner {
  /// What a scan of `input`, cut into pieces of `step` bytes, gives.
  static func run(
    _ input: [UInt8], step: Int, bareNewlines: BareNewlines = .normalize
  ) -> Outcome {
    var scanner = ContentScanner(bareNewlines: bareNewlines)
    var out: [UInt8] = []
    var used = 0
    while used < input.count, !scanner.isFinished {
      let piece = Array(input[used..<min(input.count, used + step)])
      used += piece.withUnsafeBytes { scanner.scan($0, into: &out) }
    }
    return Outcome(
      wire: out, used: scanner.isFinished ? used : nil, traits: scanner.traits,
      size: scanner.contentSize, longest: scanner.longestLine, header: scanner.headerSize,
      wireSize: scanner.wireSize)
  }

  struct Outcome: Equatable {
    var wire: [UInt8]
    var used: Int?
    var traits: Traits
    var size: Int
    var longest: Int
    var header: Int?
    var wireSize: Int
  }
}

func text(_ bytes: some Sequence<UInt8>) -> String {
  String(decoding: Array(bytes), as: UTF8.self)
}
