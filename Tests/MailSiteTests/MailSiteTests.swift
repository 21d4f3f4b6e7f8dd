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

@Test func ownAddressesAreThoseOfTheProtocolsInUse() async throws {
  let text = "inet_interfaces = 127.0.0.1, [::1]\n"
  for (protocols, v4, v6) in [("all", true, true), ("ipv4", true, false), ("ipv6", false, true)] {
    let some = try site(text + "inet_protocols = \(protocols)\n")
    #expect(try await some.isLocal("[127.0.0.1]") == v4, "\(protocols)")
    #expect(try await some.isLocal("[ipv6:::1]") == v6, "\(protocols)")
  }
}

@Test func aClientMayBeShownOtherKeywords() async throws {
  let keyed = try site(
    "smtpd_discard_ehlo_keyword_address_maps = inline:{ {192.0.2.7=dsn, etrn}, {192.0.2.8=,} }\n")
  #expect(keyed.hidesKeywordsByClient)
  let found = await keyed.discardedKeywords(of: try #require(IPAddress("192.0.2.7")))
  #expect(found == ["dsn", "etrn"])
  let none = await keyed.discardedKeywords(of: try #require(IPAddress("192.0.2.8")))
  #expect(none == [])
  let other = await keyed.discardedKeywords(of: try #require(IPAddress("192.0.2.9")))
  #expect(other == nil)
  #expect(!(try site("")).hidesKeywordsByClient)
  let failing = try site("smtpd_discard_ehlo_keyword_address_maps = fail:x\n")
  #expect(await failing.discardedKeywords(of: try #require(IPAddress("192.0.2.9"))) == nil)
}

@Test(arguments: [
  "smtpd_forbidden_commands = GET regexp:{{/^EHLO/ no}}", "smtpd_noop_commands = texthash:/x",
])
func tablesOfCommandsAreNotIgnored(_ line: String) {
  #expect {
    try site(line + "\n")
  } throws: { error in
    "\(error)".hasPrefix(line.prefix { $0 != " " } + ": \"")
  }
}

@Test func aTableThatCannotBeOpenedIsNamedWithItsParameter() {
  #expect {
    try site("transport_maps = texthash:/nowhere\n")
  } throws: { error in
    "\(error)".contains("transport_maps") && "\(error)".contains("/nowhere")
  }
}
