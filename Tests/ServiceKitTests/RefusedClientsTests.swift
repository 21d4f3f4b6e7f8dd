import LinuxSystem
import Primitives
import Reactor
import TestSupport
import Testing

@testable import ServiceKit

@Suite struct RefusedClientsTests {
  private static func address(_ number: Int) -> IPAddress {
    IPAddress(v4: 0x0a00_0000 | UInt32(number))
  }

  private static func at(_ seconds: Int64) -> MonotonicTime {
    MonotonicTime(nanoseconds: seconds * 1_000_000_000)
  }

  @Test func aClientIsRefusedUntilItsTimeIsOver() {
    var list = RefusedClients(limit: 10)
    #expect(list.timeLeft(of: Self.address(1), now: Self.at(0)) == nil)
    list.add(.init(address: Self.address(1), until: Self.at(30)), now: Self.at(0))
    #expect(list.timeLeft(of: Self.address(1), now: Self.at(10)) == .seconds(20))
    #expect(list.timeLeft(of: Self.address(2), now: Self.at(10)) == nil)
    #expect(list.timeLeft(of: Self.address(1), now: Self.at(30)) == nil)
    #expect(list.entries(at: Self.at(0)).isEmpty)
  }

  @Test func aSecondDeathMakesTheTimeLonger() {
    var list = RefusedClients(limit: 10)
    for until in [30, 60] as [Int64] {
      list.add(.init(address: Self.address(1), until: Self.at(until)), now: Self.at(0))
    }
    #expect(list.timeLeft(of: Self.address(1), now: Self.at(40)) == .seconds(20))
  }

  @Test func theListIsBoundedAndLetsGoWhoIsFreeFirst() {
    var list = RefusedClients(limit: 3)
    for number in 1...1000 {
      let entry = RefusedClients.Entry(
        address: Self.address(number), until: Self.at(Int64(number)))
      list.add(entry, now: Self.at(0))
    }
    let left = list.entries(at: Self.at(0)).map(\.address)
    #expect(Set(left) == Set([998, 999, 1000].map(Self.address)))
    list.add(.init(address: Self.address(7), until: Self.at(2000)), now: Self.at(999))
    #expect(
      Set(list.entries(at: Self.at(999)).map(\.address)) == Set([1000, 7].map(Self.address)))
  }

  @Test(arguments: ["192.0.2.7", "2001:db8::7"])
  func aPageNamesWhoIsServedToWhoeverSharesIt(text: String) throws {
    let client = try #require(IPAddress(text))
    let (mine, descriptor) = try SharedPage.make("test")
    let theirs = LifePage(try SharedPage(descriptor.raw))
    let page = LifePage(mine)
    #expect(theirs.served == nil)
    page.serve(client)
    #expect(theirs.served == client)
    page.rest()
    #expect(theirs.served == nil)
  }
}
