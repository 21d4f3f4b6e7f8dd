import MailTypes
import Primitives
import QueueFormat
import Testing

@testable import QueueStore
@testable import SMTPReceiver

@Suite struct HeldNoticesTests {
  private func time(_ milliseconds: Int64) -> MonotonicTime {
    MonotonicTime(nanoseconds: 1_000_000_000 + milliseconds * 1_000_000)
  }

  private func progress(
    _ sequence: UInt64, _ end: UInt64, isSealed: Bool = false
  ) throws -> SegmentProgress {
    let name = try #require(
      SegmentName(sequence: sequence, nonce: Nonce(high: 1, low: sequence), writer: "smtpd0"))
    return SegmentProgress(name: name, end: end, isSealed: isSealed)
  }

  @Test func theFirstNewsAfterAPauseGoesOutAtOnce() throws {
    var notices = HeldNotices(interval: .milliseconds(10))
    let first = try notices.add(progress(1, 100), now: time(0))
    #expect(first == time(0))
    let told = notices.take(now: time(0))
    #expect(told == [try progress(1, 100)])
    let later = try notices.add(progress(1, 200), now: time(25))
    #expect(later == time(25))
  }

  @Test func newsInBetweenWaitAndTheLastOfASegmentCounts() throws {
    var notices = HeldNotices(interval: .milliseconds(10))
    _ = try notices.add(progress(1, 100), now: time(0))
    _ = notices.take(now: time(0))
    let second = try notices.add(progress(1, 200), now: time(1))
    #expect(second == time(10))
    let other = try notices.add(progress(2, 50), now: time(2))
    #expect(other == time(10))
    let third = try notices.add(progress(1, 300), now: time(9))
    #expect(third == time(10))
    let told = notices.take(now: time(10))
    #expect(told == [try progress(1, 300), try progress(2, 50)])
    let rest = notices.take(now: time(10))
    #expect(rest.isEmpty)
  }

  @Test func theEndOfASegmentWaitsForNothing() throws {
    var notices = HeldNotices(interval: .milliseconds(10))
    _ = try notices.add(progress(1, 100), now: time(0))
    _ = notices.take(now: time(0))
    _ = try notices.add(progress(2, 50), now: time(1))
    let sealed = try progress(1, 300, isSealed: true)
    let end = notices.add(sealed, now: time(2))
    #expect(end == time(2))
    let told = notices.take(now: time(2))
    #expect(told == [try progress(2, 50), sealed])
  }

  @Test func newsThatComesFastIsNotHeldUntilThereIsAPauseAgain() throws {
    var notices = HeldNotices(interval: .milliseconds(10))
    var held = 0
    for step in 0..<100 {
      let now = time(Int64(step))
      if try notices.add(progress(1, UInt64(step) * 10), now: now) <= now {
        _ = notices.take(now: now)
      } else {
        held += 1
      }
    }
    // What is usual is learned within the first thirty pieces of news.
    #expect((10..<30).contains(held))
    var isHeldAgain = false
    for step in 0..<10 where !isHeldAgain {
      let now = time(100 + Int64(step) * 5)
      isHeldAgain = try notices.add(progress(1, 5000 + UInt64(step)), now: now) > now
      if !isHeldAgain { _ = notices.take(now: now) }
    }
    #expect(isHeldAgain)
  }
}
