import MailTypes
import TestSupport
import Testing

@Suite struct QueueIDTests {
  @Test func everyIDComesBackFromItsPrintedForm() {
    var random = SplitMix64(seed: 7)
    for _ in 0..<20_000 {
      let id = QueueID(
        microseconds: UInt64.random(in: 0..<1 << 53, using: &random),
        sequence: UInt64.random(in: 0..<1 << 60, using: &random)
          >> UInt64.random(
            in: 0..<60, using: &random))
      #expect(QueueID(text: Array(id.description.utf8)) == id)
    }
  }

  @Test func theLetterBetweenTheTimeAndTheSequenceMayAlsoBeADigitOfTheTime() throws {
    for text in ["4jYGB46PSzz2QnMR", "4jYGz46PSCz1", "zzzzzz0000z1"] {
      let id = try #require(QueueID(text: Array(text.utf8)), "\(text)")
      #expect(id.description == text)
    }
  }

  @Test(arguments: [
    "", "z", "z1", "4jYGB46PSz", "4jYGB46PSzz", "4jYGB46PSAz1", "4jYGB46PS!z1", "jYGB46PSzz1",
    "4jYGB46PSzz2QnMR ", "4jYGB4zzzzz1", "4jYGB46PSzz02", "4jYGB46PSzz2QnMRz",
  ])
  func whatNoQueueIDLooksLikeIsRefused(text: String) {
    #expect(QueueID(text: Array(text.utf8)) == nil)
  }
}
