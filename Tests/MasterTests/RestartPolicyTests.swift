import Primitives
import Testing

@testable import Master

private func at(_ seconds: Int64) -> MonotonicTime {
  MonotonicTime(nanoseconds: seconds * 1_000_000_000)
}

@Test func aRoleThatDiesAgainAndAgainWaitsLongerUpToTheCeiling() {
  var policy = RestartPolicy(ceiling: .seconds(6), isWriter: false)
  let waits = (0..<6).map { policy.died(now: at(Int64($0)), isLast: true) }
  #expect(waits == [.zero, .seconds(1), .seconds(2), .seconds(4), .seconds(6), .seconds(6)])
}

@Test func aLongLifeForgetsEarlierDeaths() {
  var policy = RestartPolicy(ceiling: .seconds(60), isWriter: false)
  for second in 0..<4 { _ = policy.died(now: at(Int64(second)), isLast: true) }
  #expect(policy.died(now: at(100), isLast: true) == .zero)
}

@Test func aWriterWaitsOnlyAfterFiveDeathsInTenSeconds() {
  var policy = RestartPolicy(ceiling: .seconds(60), isWriter: true)
  for second in 0..<5 { #expect(policy.died(now: at(Int64(second)), isLast: false) == .zero) }
  _ = policy.died(now: at(5), isLast: false)
  #expect(policy.died(now: at(6), isLast: false) == .seconds(1))
  #expect(policy.died(now: at(60), isLast: false) == .zero)
}

@Test func theLastLivingWriterNeverWaits() {
  var policy = RestartPolicy(ceiling: .seconds(60), isWriter: true)
  for _ in 0..<50 { #expect(policy.died(now: at(1), isLast: true) == .zero) }
}

@Test func aWriterThatCannotStartWaitsAlsoWhenItIsTheLast() {
  var policy = RestartPolicy(ceiling: .seconds(60), isWriter: true)
  let waits = (0..<4).map { _ in policy.died(now: at(1), isLast: true, hasServed: false) }
  #expect(waits == [.zero, .seconds(1), .seconds(2), .seconds(4)])
  #expect(policy.died(now: at(9), isLast: true, hasServed: true) == .zero)
}
