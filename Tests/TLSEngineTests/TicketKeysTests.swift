import Primitives
import Synchronization
import Testing

@testable import TLSEngine

/// A clock that stands until it is moved.
final class HandClock: Sendable {
  private let seconds: Mutex<Int64>

  init(_ start: Int64) { seconds = Mutex(start) }

  var now: Int64 { seconds.withLock { $0 } }

  func set(_ time: Int64) { seconds.withLock { $0 = time } }
}

@Suite struct TicketKeysTests {
  private static let start: Int64 = 1_700_000_400
  private let secret = TicketSecret(bytes: [UInt8](repeating: 7, count: 32), madeAt: start)!
  private let clock = HandClock(start)

  private func keys(context: String = "smtpd") -> TicketKeys {
    TicketKeys(secret, context: context, interval: .seconds(3600)) { [clock] in clock.now }
  }

  private func find(_ keys: TicketKeys, _ name: [UInt8]) -> (key: TicketKeys.Key, isOld: Bool)? {
    name.withUnsafeBytes { keys.find($0) }
  }

  @Test func processesThatShareASecretAgree() {
    let (a, b) = (keys(), keys())
    #expect(a.current == b.current)
    clock.set(Self.start + 40 * 3600)
    let old = a.current
    // One that is started later comes to the same key by itself.
    #expect(keys().current == old)
    #expect(b.current == old)
  }

  @Test func aKeyOpensTicketsForOneIntervalMore() {
    let keys = keys()
    let name = keys.current.name
    #expect(find(keys, name)?.isOld == false)
    clock.set(Self.start + 3600)
    #expect(find(keys, name)?.isOld == true)
    #expect(keys.current.name != name)
    clock.set(Self.start + 7200)
    #expect(find(keys, name) == nil)
  }

  @Test func aProcessStartedLaterKnowsTheKeyBefore() {
    let first = keys()
    clock.set(Self.start + 9 * 3600)
    let name = first.current.name
    clock.set(Self.start + 10 * 3600)
    #expect(find(keys(), name)?.isOld == true)
  }

  @Test func contextsAndIntervalsHaveKeysOfTheirOwn() {
    #expect(keys().current != keys(context: "submission").current)
    let other = TicketKeys(secret, context: "smtpd", interval: .seconds(60)) { Self.start }
    #expect(other.current != keys().current)
  }

  @Test func aClockThatGoesBackKeepsTheKey() {
    let keys = keys()
    clock.set(Self.start + 7200)
    let key = keys.current
    clock.set(Self.start)
    #expect(keys.current == key)
  }

  @Test func aClockThatJumpsFarCostsNoTime() {
    let keys = keys()
    let key = keys.current
    clock.set(.max)
    #expect(keys.current != key)
  }

  @Test func aSecretHasItsLength() {
    #expect(TicketSecret(bytes: [1, 2, 3], madeAt: 0) == nil)
    let a = TicketSecret.random(now: .init(microseconds: 5_000_000))
    let b = TicketSecret.random(now: .init(microseconds: 5_000_000))
    #expect(a?.madeAt == 5)
    #expect(a != nil && a != b)
  }
}
