import AccessPolicy
import Configuration
import MailTypes
import Primitives
import Routing
import Testing

@testable import MailSite

private func site(_ text: String) throws -> MailSite {
  let evaluation = Configuration.evaluate(
    MainFile(Array(text.utf8), file: "main.cf"),
    host: HostFacts(hostname: "mx.example.org", interfaces: []))
  #expect(!evaluation.hasErrors)
  let own = ["127.0.0.1", "192.0.2.1"].compactMap { IPAddress($0) }
  return try MailSite(evaluation.configuration, ownAddresses: own) { path in
    path == "/transport" ? Array("example.com lmtp:unix:/run/lmtp\n".utf8) : nil
  }
}

private let main = """
  myhostname = mx.example.org
  mydestination = $myhostname, localhost
  mynetworks = 127.0.0.0/8 10.0.0.0/8
  relay_domains = relay.example
  relayhost = [192.0.2.9]:2525
  transport_maps = texthash:/transport
  inet_interfaces = all
  compatibility_level = 3.6
  """

@Test func routesAgreeWithTheListsThatAccessIsJudgedBy() async throws {
  let site = try site(main)
  let rows = [
    ("a@mx.example.org", "local", "mx.example.org"), ("a@[192.0.2.1]", "local", "mx.example.org"),
    ("a@relay.example", "relay", "[192.0.2.9]:2525"),
    ("a@else.example", "smtp", "[192.0.2.9]:2525"),
    ("a@example.com", "lmtp", "unix:/run/lmtp"),
  ]
  for (address, transport, nextHop) in rows {
    let route = try await site.router.resolve(MailAddress(address))
    #expect(route.transport == transport && route.nextHop == nextHop, "\(address) \(route)")
  }
}

@Test func theSiteKnowsItsNetworksAndDomains() async throws {
  let site = try site(main)
  #expect(try await site.trusts(#require(IPAddress("10.1.2.3"))))
  #expect(try await !site.trusts(#require(IPAddress("192.0.2.77"))))
  #expect(try await site.isLocal("[127.0.0.1]"))
  #expect(try await !site.isLocal("[192.0.2.77]"))
  #expect(try await site.addressClass(of: "sub.relay.example") == .relay)
  #expect(try await site.addressClass(of: "xrelay.example") == .other)
  #expect(try await site.addressClass(of: "relay.example") == .relay)
}

@Test func aTableThatCannotBeOpenedIsNamedWithItsParameter() {
  #expect {
    try site("transport_maps = texthash:/nowhere\n")
  } throws: { error in
    "\(error)".contains("transport_maps") && "\(error)".contains("/nowhere")
  }
}
