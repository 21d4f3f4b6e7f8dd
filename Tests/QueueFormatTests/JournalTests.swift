import MailTypes
import Primitives
import QueueFormat
import TestSupport
import Testing

private let id = QueueID(microseconds: 1_700_000_000_123_456, sequence: 42)
private let now = WallTime(microseconds: 1_700_000_001_000_000)
private let attempt = DeliveryAttempt(
  status: EnhancedStatus(2, 0, 0), nextHop: Array("mx.example.net[192.0.2.9]:25".utf8),
  reply: Array("250 2.0.0 Ok: queued as 12345".utf8))
private let row = RecordRow(
  id: id, offset: 4160, recipientCount: 3, flags: [.body8Bit], contentSize: 4096)

let everyEvent: [JournalEvent] = [
  .delivered(attempt), .deferred(attempt, until: WallTime(microseconds: 99)), .bounced(attempt),
  .done, .held(reason: Array("by hand".utf8)), .released, .deleted,
  .requeued(as: QueueID(microseconds: 5, sequence: 6)),
  .redirected(to: MailAddress("x@example.org")),
  .relocated(to: RecordPlace(nonce: sampleNonce, offset: 8192)), .processDied(count: 2),
  .setAside(reason: []), .sealed(end: 77, reason: .failed), .records([row, row]),
  .recordsComplete(count: 2), .intake(end: 4096), .expiryOrdered, .requeueOrdered,
  .delayReported,
  .unknown(kind: 999, payload: [1, 2, 3]),
]

func entry(_ event: JournalEvent, _ number: UInt64) -> JournalEntry {
  var entry = JournalEntry(
    event, id: id, offset: 4160, recipient: number % 2 == 0 ? 7 : nil,
    endsMessage: number % 3 == 0, time: now)
  entry.number = number
  return entry
}

/// A journal without its first block: groups as flushes make them, each from a new block.
func journal(_ groups: [[JournalEntry]]) -> [UInt8] {
  var bytes: [UInt8] = []
  let seed = JournalCodec.seed(sampleNonce)
  for group in groups {
    let gap = Int(SpoolLayout.blockStart(atOrAfter: UInt64(bytes.count))) - bytes.count
    bytes.append(contentsOf: repeatElement(0, count: gap))
    for entry in group {
      JournalCodec.append(entry, number: entry.number, seed: seed, to: &bytes)
    }
  }
  return bytes
}

/// Reads a journal in pieces of `chunk` bytes: the entries and where the good part ends.
func scan(_ bytes: [UInt8], chunk: Int = .max) -> ([JournalEntry], UInt64) {
  var scanner = JournalScanner(nonce: sampleNonce)
  var entries: [JournalEntry] = []
  var available = min(chunk, bytes.count)
  while true {
    let from = min(Int(scanner.position) - FileHeader.size, available)
    let step = bytes[from..<available].withUnsafeBytes {
      scanner.next($0, isLast: available == bytes.count)
    }
    switch step {
    case .entry(let entry): entries.append(entry)
    case .needMore: available += min(chunk, bytes.count - available)
    case .end: return (entries, scanner.goodEnd)
    }
  }
}

@Test func everyKindOfEntryIsReadBackWholeAndByteByByte() {
  let entries = everyEvent.enumerated().map { entry($1, UInt64($0) + 1) }
  let bytes = journal([Array(entries[..<5]), Array(entries[5..<6]), Array(entries[6...])])
  #expect(scan(bytes).0 == entries)
  let (slow, end) = scan(bytes, chunk: 1)
  #expect(slow == entries)
  #expect(end <= UInt64(bytes.count + FileHeader.size))
}

/// What a build does not know it holds: after the first release of a format no kind is added to it.
@Test func theKindsOfTheFirstFormatAreThese() {
  let kinds = everyEvent.enumerated().map { number, event in
    let bytes = journal([[entry(event, UInt64(number) + 1)]])
    return UInt16(bytes[16]) | UInt16(bytes[17]) << 8
  }
  #expect(kinds == Array(1...19) + [999])
  #expect(SpoolLayout.version == 1)
}

@Test func replayStopsAtTheFirstBadEntry() {
  let entries = everyEvent.enumerated().map { entry($1, UInt64($0) + 1) }
  let first = journal([Array(entries[..<4])])
  let bytes = journal([Array(entries[..<4]), Array(entries[4...])])
  for at in [0, 9, 60, first.count - 1] where bytes[at] != 0 || at < 60 {
    var touched = bytes
    touched[at] ^= 4
    let (read, _) = scan(touched)
    #expect(read.count < 4)
    #expect(read == Array(entries[..<read.count]))
  }
}

@Test func aGapInTheNumbersEndsTheJournal() {
  let (read, _) = scan(journal([[entry(.done, 1)], [entry(.done, 3)]]))
  #expect(read == [entry(.done, 1)])
}

@Test func anEntryOfAnotherJournalIsNone() {
  var bytes: [UInt8] = []
  JournalCodec.append(
    entry(.done, 1), number: 1, seed: JournalCodec.seed(Nonce(high: 1, low: 1)), to: &bytes)
  #expect(scan(bytes).0.isEmpty)
}

@Test func aMissingBlockEndsTheJournal() {
  var bytes = journal([[entry(.done, 1)], [entry(.done, 2)], [entry(.done, 3)]])
  for at in 4096..<8192 { bytes[at] = 0 }
  #expect(scan(bytes).0.count == 1)
}

@Test func replyTextsAreCutAtOneKibibyte() {
  let long = DeliveryAttempt(
    status: EnhancedStatus(4, 4, 2), nextHop: [], reply: [UInt8](repeating: 0x61, count: 5_000))
  let (read, _) = scan(journal([[entry(.bounced(long), 1)]]))
  guard case .bounced(let stored)? = read.first?.event else {
    Issue.record("no entry was read")
    return
  }
  #expect(stored.reply.count == SpoolLayout.replyLengthMax)
}

@Test func anyBytesAreReadTheSameWholeAndByteByByte() {
  var random = SplitMix64(seed: 3)
  let entries = everyEvent.enumerated().map { entry($1, UInt64($0) + 1) }
  let base = journal([Array(entries[..<3]), Array(entries[3...])])
  var lengths: Set<Int> = []
  for _ in 0..<60 {
    var bytes = base
    bytes.removeLast(Int.random(in: 0..<bytes.count / 4, using: &random))
    for _ in 0..<Int.random(in: 0...2, using: &random) {
      let at = Int.random(in: 0..<bytes.count, using: &random)
      bytes[at] = UInt8.random(in: 0...255, using: &random)
    }
    let whole = scan(bytes)
    let slow = scan(bytes, chunk: 1)
    #expect(whole.0 == slow.0)
    #expect(whole.1 == slow.1)
    lengths.insert(whole.0.count)
  }
  #expect(lengths.count > 2)
}
