import Primitives
import TestSupport
import Testing

@testable import LookupTables

@Suite struct DomainListTests {
  private func list(_ items: String, _ style: DomainList.Style) throws -> DomainList {
    try DomainList(
      items.split(separator: " ").map(String.init), style: style, opener: Sample.opener)
  }

  @Test(arguments: [
    ("example.com", DomainList.Style.exact, "example.com", true),
    ("Example.COM", .exact, "eXample.com", true),
    ("example.com", .exact, "a.example.com", false),
    (".example.com", .exact, "a.example.com", false),
    ("example.com", .parents, "a.b.example.com", true),
    ("example.com", .parents, "notexample.com", false),
    (".example.com", .parents, "a.example.com", false),
    ("com", .parents, "example.com", true),
    ("example.com", .dotted, "a.example.com", false),
    ("example.com", .dotted, "example.com", true),
    (".example.com", .dotted, "a.b.example.com", true),
    (".example.com", .dotted, "example.com", false),
    ("!x.example.com example.com", .parents, "x.example.com", false),
    ("!x.example.com example.com", .parents, "y.example.com", true),
    ("!x.example.com example.com", .parents, "y.x.example.com", false),
    ("example.com !x.example.com", .parents, "x.example.com", true),
    ("!!x.org", .exact, "x.org", true),
    ("/domains", .exact, "a.example", true), ("/domains", .exact, "b.example", false),
    ("/domains", .exact, "c.example", true), ("!/domains", .exact, "a.example", false),
    ("!/domains b.example", .exact, "b.example", true),
    ("inline:{a.org=x}", .exact, "a.org", true), ("inline:{a.org=x}", .exact, "b.a.org", false),
    ("inline:{a.org=x}", .parents, "b.a.org", true),
    ("inline:{a.org=x}", .dotted, "b.a.org", false),
    ("inline:{.a.org=x}", .dotted, "c.b.a.org", true),
    ("static:all", .exact, "anything", true),
    ("!inline:{a.org=x} static:all", .exact, "a.org", false),
    ("[127.0.0.1]", .exact, "[127.0.0.1]", true), ("", .parents, "a.org", false),
    ("a.org", .parents, "", false),
  ])
  func aDomainIsInTheListOrNot(
    items: String, style: DomainList.Style, domain: String, isMember: Bool
  ) async throws {
    let list = try list(items, style)
    #expect(try await list.contains(domain.utf8) == isMember)
    #expect(try list.containsNow(domain.utf8) == isMember)
  }

  @Test func plainNamesAndSingleLookupsAgree() throws {
    var generator = SplitMix64(seed: 5)
    let labels = ["a", "b", "ab", "com", ""]
    let name = { (generator: inout SplitMix64) in
      (0...generator.below(3)).map { _ in labels[generator.below(labels.count)] }
        .joined(separator: ".")
    }
    for _ in 0..<2000 {
      let items = (0...generator.below(3)).map { _ in name(&generator) }.filter { !$0.isEmpty }
      let domain = name(&generator)
      for style in [DomainList.Style.exact, .dotted, .parents] {
        let plain = try DomainList(items, style: style, opener: Sample.opener)
        // A negated pattern that never matches makes the list one of single patterns.
        let single = try DomainList(["!no.match.test"] + items, style: style, opener: Sample.opener)
        #expect(
          try plain.containsNow(domain.utf8) == single.containsNow(domain.utf8),
          "\(items) \(style) \(domain)")
      }
    }
  }

  @Test(arguments: ["!", "/loop", "/none", "ldap:/x"])
  func aBadItemIsRefused(item: String) {
    #expect(throws: LookupError.self) { try list(item, .exact) }
  }

  @Test func aFailingTableIsNoMember() async throws {
    let list = try list("fail:x a.org", .exact)
    await #expect(throws: LookupError.self) { try await list.contains("a.org".utf8) }
  }
}

@Suite struct NetworkListTests {
  private func list(_ items: String) throws -> NetworkList {
    try NetworkList(items.split(separator: " ").map(String.init), opener: Sample.opener)
  }

  @Test(arguments: [
    ("127.0.0.0/8", "127.1.2.3", true), ("127.0.0.0/8", "128.0.0.1", false),
    ("10.0.0.1", "10.0.0.1", true), ("10.0.0.1", "10.0.0.2", false), ("[::1]/128", "::1", true),
    ("[::1]", "::1", true), ("[fd00::]/16", "fd00:1::2", true), ("[fd00::]/16", "fe00::2", false),
    ("[::ffff:127.0.0.0]/104", "127.0.0.1", true), ("[::ffff:127.0.0.0]/104", "128.0.0.1", false),
    ("[::ffff:127.0.0.0]/104", "::ffff:127.0.0.1", true), ("127.0.0.0/8", "::ffff:127.0.0.1", true),
    ("0.0.0.0/0", "1.2.3.4", true), ("0.0.0.0/0", "::1", false), ("[::]/0", "::1", true),
    ("[::]/0", "1.2.3.4", false), ("!10.1.0.0/16 10.0.0.0/8", "10.1.2.3", false),
    ("!10.1.0.0/16 10.0.0.0/8", "10.2.2.3", true), ("/nets", "10.9.9.9", true),
    ("!192.0.2.1 192.0.2.0/24", "192.0.2.1", false), ("/nets", "192.0.2.1", false),
    ("/nets 0.0.0.0/0", "192.0.2.1", false), ("/nets", "fd00::1", true),
    ("inline:{192.0.2.7=x}", "192.0.2.7", true), ("inline:{192.0.2.7=x}", "192.0.2.8", false),
    ("static:all", "1.2.3.4", true), ("", "127.0.0.1", false),
  ])
  func aClientIsInTheListOrNot(items: String, address: String, isMember: Bool) async throws {
    let list = try list(items)
    let address = try #require(IPAddress(address))
    #expect(try await list.contains(address) == isMember)
    #expect(try list.containsNow(address) == isMember)
  }

  @Test func namesMatchOnlyVerifiedHostNames() throws {
    let list = try list("example.com !bad.org org")
    let address = IPAddress(v4: 0x0102_0304)
    #expect(try list.containsNow(address, hostname: "mx.example.com"))
    #expect(try list.containsNow(address, hostname: "good.org"))
    #expect(try !list.containsNow(address, hostname: "mx.bad.org"))
    #expect(try !list.containsNow(address, hostname: nil))
  }

  @Test(arguments: [
    "10/8", "10.1/16", "192.168.1.5/24", "10.0.0.0/33", "10.0.0.0/x", "10.0.0.0/", "10.0.0",
    "::1", "::1/128", "[::1", "[::1]/129", "[fd00::1]/16", "[1.2.3.4.5]", "[x]", "1.2.3.4/8/9",
    "10.0.0.0/-1", "256.1.1.1",
  ])
  func whatLooksLikeANetworkAndIsNoneIsRefused(item: String) {
    #expect(throws: LookupError.self) { try list(item) }
  }
}
