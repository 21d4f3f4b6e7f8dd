import QueueFormat
import TestSupport
import Testing

@Test func checksumMatchesThePublishedCheckValue() {
  #expect(CRC32C.of(Array("123456789".utf8)) == 0xe306_9283)
  #expect(CRC32C.of([UInt8](repeating: 0, count: 32)) == 0x8a91_36aa)
  #expect(CRC32C.of([]) == 0)
}

@Test func checksumOfPartsIsThatOfTheWholeAndTablesAgreeWithTheInstruction() {
  var random = SplitMix64(seed: 1)
  for _ in 0..<200 {
    let bytes = random.bytes(count: random.below(301))
    let cut = Int.random(in: 0...bytes.count, using: &random)
    var sum = CRC32C()
    sum.update(Array(bytes[..<cut]))
    sum.update(Array(bytes[cut...]))
    #expect(sum.value == CRC32C.of(bytes))
    #expect(sum.value == CRC32C.portable(bytes))
  }
}
