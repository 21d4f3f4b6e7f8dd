import TestSupport
import Testing

@testable import MessageHeaders

@Suite struct HeaderContinuationTests {
  private static let tokens = [
    "Received", "received ", "Subject", ":", " ", "\t", "\r\n", "\r\n", "x", "\r\n ", "no field",
    "X: y\r\n", "..", "Received: a\r\n", "\r\n\r\n", "ä",
  ]

  /// What a scan of the whole makes of a message.
  private func whole(_ bytes: [UInt8]) -> (text: [UInt8], hops: Int) {
    let scan = bytes.withUnsafeBytes { HeaderScan($0) }
    var text = bytes
    if !scan.endsWithEmptyLine { text.insert(contentsOf: [13, 10], at: scan.headerEnd) }
    return (text, scan.receivedCount)
  }

  @Test func piecesGiveWhatTheWholeGives() {
    var generator = SplitMix64(seed: 322)
    var withHops = 0
    for _ in 0..<20_000 {
      let bytes = generator.text(tokens: Self.tokens, countMax: 20) + [13, 10]
      let first = bytes[..<generator.below(bytes.count + 1)]
      let scan = Array(first).withUnsafeBytes { HeaderScan($0) }
      guard scan.isUndecided else { continue }
      var text = Array(first[..<scan.decidedEnd])
      var hops = text.withUnsafeBytes { HeaderScan($0) }.receivedCount
      var continuation = HeaderContinuation()
      var at = scan.decidedEnd
      var held: [UInt8] = []
      while at < bytes.count {
        // As content comes: no piece ends between CR and LF.
        var end = min(at + 1 + generator.below(5), bytes.count)
        if bytes[end - 1] == 13, end < bytes.count { end += 1 }
        var piece = held + bytes[at..<end]
        let count = continuation.take(&piece)
        held = Array(piece.suffix(count))
        text += piece.dropLast(count)
        at = end
      }
      #expect(continuation.take(&held, isLast: true) == 0)
      text += held
      hops += continuation.receivedCount
      if hops > 0 { withHops += 1 }
      let expected = whole(bytes)
      #expect(
        text == expected.text && hops == expected.hops,
        "\(String(decoding: bytes, as: UTF8.self).debugDescription)")
    }
    #expect(withHops > 500)
  }

  @Test func aLineWithoutAColonIsNotHeldForEver() {
    var continuation = HeaderContinuation()
    var piece = [UInt8](repeating: UInt8(ascii: "x"), count: 999)
    #expect(continuation.take(&piece) == 0)
    #expect(piece.prefix(2).elementsEqual([13, 10]))
  }
}
