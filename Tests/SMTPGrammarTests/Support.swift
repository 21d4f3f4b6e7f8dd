@testable import SMTPGrammar

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
