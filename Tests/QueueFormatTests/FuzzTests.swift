import MailTypes
import Primitives
import QueueFormat
import TestSupport
import Testing

/// What must hold for any bytes that stand where the spool's formats are expected.
@Suite struct FuzzTests {
  private func checkJournal(_ bytes: [UInt8]) {
    let whole = scan(bytes)
    let slow = scan(bytes, chunk: 1)
    #expect(whole.0 == slow.0 && whole.1 == slow.1)
  }

  /// Whatever is understood is written and read back the same.
  private func checkEnvelope(_ bytes: [UInt8]) throws {
    guard let envelope = try? bytes.withUnsafeBytes({ try Envelope($0) }) else { return }
    #expect(try encoded(envelope).withUnsafeBytes { try Envelope($0) } == envelope)
  }

  @Test(arguments: Corpus.load("journals"))
  func journalsOfTheCorpus(entry: CorpusEntry) {
    checkJournal(entry.bytes)
    if entry.name == "every-event" { #expect(scan(entry.bytes).0.count > 10) }
    for cut in stride(from: 1, to: entry.bytes.count, by: max(1, entry.bytes.count / 30)) {
      checkJournal(Array(entry.bytes[..<cut]))
    }
    var random = SplitMix64(seed: 7)
    for _ in 0..<20 {
      var bytes = entry.bytes
      bytes[Int.random(in: 0..<bytes.count, using: &random)] ^= UInt8(1 << (random.next() % 8))
      checkJournal(bytes)
    }
  }

  @Test(arguments: Corpus.load("envelopes"))
  func envelopesOfTheCorpus(entry: CorpusEntry) throws {
    if ["full", "small"].contains(entry.name) {
      #expect(throws: Never.self) { try entry.bytes.withUnsafeBytes { try Envelope($0) } }
    }
    for cut in 0...entry.bytes.count { try checkEnvelope(Array(entry.bytes[..<cut])) }
    for at in entry.bytes.indices {
      for value: UInt8 in [0, 1, 0x7f, 0x80, 0xff] {
        var bytes = entry.bytes
        bytes[at] = value
        try checkEnvelope(bytes)
      }
    }
  }
}
