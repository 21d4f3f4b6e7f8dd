import Primitives
import Testing

@testable import ServiceKit

@Suite struct TraceFilterTests {
  @Test(arguments: [
    ("192.0.2.7", "192.0.2.7", "192.0.2.8"), ("192.0.2.0/24", "192.0.2.255", "192.0.3.0"),
    ("[2001:db8::]/32", "2001:db8:1::1", "2001:db9::"), ("::1", "::1", "::2"),
    ("0.0.0.0/0", "203.0.113.9", "::1"),
  ])
  func anAddressOrANetworkNamesClients(text: String, inside: String, outside: String) throws {
    let filter = try #require(TraceFilter(text))
    #expect(filter.network.contains(try #require(IPAddress(inside))))
    #expect(!filter.network.contains(try #require(IPAddress(outside))))
    let command = QueueCommand.trace(filter)
    #expect(command.isForOwner)
    #expect(try QueueCommand(decoding: command.encoded) == command)
  }

  @Test(arguments: ["", "x", "192.0.2.1/24", "192.0.2.0/33", "192.0.2.0/", "1.2.3.4/8/8", "::/129"])
  func whatIsNoneIsRefused(text: String) { #expect(TraceFilter(text) == nil) }
}
