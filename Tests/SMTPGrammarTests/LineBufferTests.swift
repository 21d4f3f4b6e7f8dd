import TestSupport
import Testing

@testable import SMTPGrammar

@Suite struct LineBufferTests {
  struct Cut: Equatable {
    var line: String
    var kind: LineBuffer.Line
  }

  private func run(_ input: [UInt8], step: Int, lengthMax: Int) -> ([Cut], LineBuffer) {
    var buffer = LineBuffer(lengthMax: lengthMax)
    var cuts: [Cut] = []
    var at = 0
    while at < input.count {
      let piece = Array(input[at..<min(input.count, at + step)])
      piece.withUnsafeBytes { buffer.append($0) }
      at += piece.count
      while let cut = buffer.takeLine({ Cut(line: text($0), kind: $1) }) { cuts.append(cut) }
    }
    return (cuts, buffer)
  }

  @Test func linesComeWithTheirKind() {
    let (cuts, buffer) = run(Array("ab\r\n\ncd\nefghijk\r\nxy".utf8), step: 100, lengthMax: 5)
    #expect(
      cuts == [
        Cut(line: "ab", kind: .complete), Cut(line: "", kind: .endedBare),
        Cut(line: "cd", kind: .endedBare), Cut(line: "efghi", kind: .tooLong),
      ])
    #expect(buffer.count == 2)
    #expect(buffer.hasPartialLine)
  }

  @Test func anOverLongLineIsNotKept() {
    let (cuts, buffer) = run([UInt8](repeating: 0x61, count: 100_000), step: 1000, lengthMax: 64)
    #expect(cuts.isEmpty)
    #expect(buffer.count == 64)
  }

  @Test func restIsGivenAsBytes() {
    var buffer = LineBuffer(lengthMax: 10)
    Array("DATA\r\nbody".utf8).withUnsafeBytes { buffer.append($0) }
    #expect(buffer.takeLine { line, _ in text(line) } == "DATA")
    buffer.takeBytes { bytes in
      #expect(text(bytes) == "body")
      return 3
    }
    #expect(buffer.count == 1)
    buffer.takeBytes { _ in 1 }
    #expect(buffer.isEmpty)
  }

  @Test func wholeAndByteByByteAgreeOnRandomInput() {
    var random = SplitMix64(seed: 11)
    let alphabet = Array("\r\n\nabc".utf8)
    for _ in 0..<5000 {
      let input = (0..<Int.random(in: 0..<40, using: &random)).map { _ in
        alphabet.randomElement(using: &random)!
      }
      let (whole, rest) = run(input, step: 1000, lengthMax: 6)
      let (bytes, restOfBytes) = run(input, step: 1, lengthMax: 6)
      #expect(whole == bytes, "\(text(input).debugDescription)")
      #expect(rest.count == restOfBytes.count)
      #expect(rest.hasPartialLine == restOfBytes.hasPartialLine)
    }
  }
}
