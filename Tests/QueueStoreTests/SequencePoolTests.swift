import Testing

@testable import QueueStore

@Test func numbersComeOutOnceAndInOrderOverSeveralGrants() {
  var pool = SequencePool()
  #expect(pool.take() == nil)
  pool.add(7..<7)
  #expect(pool.take() == nil)
  pool.add(3..<5)
  pool.add(20..<22)
  #expect((0..<5).map { _ in pool.take() } == [3, 4, 20, 21, nil])
  #expect(pool.current == 21)
}

@Test func thePoolIsLowWhenHalfOfTheLastGrantIsUsed() {
  var pool = SequencePool()
  #expect(pool.isLow)
  pool.add(0..<4)
  #expect(!pool.isLow)
  _ = pool.take()
  #expect(!pool.isLow)
  _ = pool.take()
  #expect(pool.isLow)
  pool.add(10..<14)
  #expect(!pool.isLow)
}

@Test func idsUseTheFirstNumberBeforeASegmentIsMade() {
  var pool = SequencePool()
  pool.add(9..<12)
  #expect(pool.current == 9)
  _ = pool.take()
  #expect(pool.current == 9)
}
