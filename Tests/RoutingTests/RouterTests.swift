import MailTypes
import Routing
import Testing

/// The tables were read by a Postfix too; the rows are what it said.
struct RouterTests {
  static let map = [
    "user+ext@full.test": "smtp:[1.1.1.1]", "user@full.test": "smtp:[2.2.2.2]",
    "full.test": ":[3.3.3.3]", ".sub.test": "slow:", "null.test": ":",
    "err.test": "error:5.1.1 gone away", "err2.test": "error:", "here.test": "smtp:[4.4.4.4]",
    "relay.test": ":[5.5.5.5]:26", "novalue.test": "uucp", "case.test": "SMTP:Foo.Test",
    "user@there.test": "discard:", "user@valias.test": "smtp:x",
  ]

  static func router(
    _ map: [String: String]? = map, _ change: (inout RoutingSettings) -> Void = { _ in }
  ) -> Router {
    var settings = RoutingSettings(
      resolver: AddressResolver(myhostname: "host.test", myorigin: "here.test"))
    settings.recipientDelimiter = "+"
    change(&settings)
    var tables = RoutingTables { $0 == "here.test" || $0 == "[127.0.0.1]" }
    tables.isVirtualAliasDomain = { $0 == "valias.test" }
    tables.isVirtualMailboxDomain = { $0 == "vbox.test" }
    tables.isRelayDomain = { $0 == "relay.test" || $0.hasSuffix(".relay.test") }
    if let map { tables.transportMap = { map[$0] } }
    return Router(settings: settings, tables: tables)
  }

  static func route(_ router: Router, _ address: String) async throws -> String {
    let route = try await router.resolve(MailAddress(address))
    return "\(route.transport) \(route.nextHop)"
  }

  @Test(arguments: [
    ("user+ext@full.test", "smtp [1.1.1.1]"), ("user+other@full.test", "smtp [2.2.2.2]"),
    ("x@full.test", "smtp [3.3.3.3]"), ("x@a.sub.test", "slow a.sub.test"),
    ("x@a.b.sub.test", "slow a.b.sub.test"), ("x@sub.test", "star sub.test"),
    ("x@null.test", "smtp null.test"), ("x@err.test", "error 5.1.1 gone away"),
    ("x@err2.test", "error Address is undeliverable"), ("user@here.test", "smtp [4.4.4.4]"),
    ("x@relay.test", "relay [5.5.5.5]:26"), ("x@b.relay.test", "star b.relay.test"),
    ("x@novalue.test", "uucp novalue.test"), ("x@CASE.test", "SMTP Foo.Test"),
    ("User@There.test", "discard there.test"), ("user+x@there.test", "discard there.test"),
    ("y@there.test", "star there.test"),
    ("user@valias.test", "error 5.1.1 User unknown in virtual alias table"),
    ("user@vbox.test", "star vbox.test"), ("x@[9.9.9.9]", "star [9.9.9.9]"),
    ("x@[127.0.0.1]", "star [127.0.0.1]"),
  ])
  func transportMapsOverrideTheClasses(address: String, expected: String) async throws {
    var map = Self.map
    map["*"] = "star:"
    #expect(try await Self.route(Self.router(map), address) == expected)
  }

  /// Postfix keeps the blanks until it connects; here the destination is the same without them.
  @Test func blanksAroundTransportAndNextHopBelongToNeither() async throws {
    let router = Self.router(["blank.test": "smtp: \t[7.7.7.7]:26 ", "transport.test": " slow :"])
    #expect(try await Self.route(router, "x@blank.test") == "smtp [7.7.7.7]:26")
    #expect(try await Self.route(router, "x@transport.test") == "slow transport.test")
  }

  @Test(arguments: [
    ("x@null.test", "smtp [6.6.6.6]:2525"), ("x@relay.test", "relay [5.5.5.5]:26"),
    ("x@b.relay.test", "relay [6.6.6.6]:2525"), ("x@full.test", "smtp [3.3.3.3]"),
    ("x@else.test", "smtp [6.6.6.6]:2525"), ("x@vbox.test", "virtual vbox.test"),
    ("x@a.sub.test", "slow a.sub.test"), ("x@[9.9.9.9]", "smtp [6.6.6.6]:2525"),
    ("x@[127.0.0.1]", "local host.test"),
  ])
  func relayhostTakesMailToOtherHosts(address: String, expected: String) async throws {
    let router = Self.router { $0.relayhost = "[6.6.6.6]:2525" }
    #expect(try await Self.route(router, address) == expected)
  }

  @Test(arguments: [
    ("x@null.test", "smtp [7.7.7.7]"), ("x@b.relay.test", "relay fixed.test"),
    ("x@else.test", "smtp [7.7.7.7]"),
  ])
  func aTransportsNextHopGoesBeforeRelayhost(address: String, expected: String) async throws {
    let router = Self.router {
      $0.relayhost = "[6.6.6.6]"
      $0.defaultTransport = "smtp:[7.7.7.7]"
      $0.relayTransport = "relay:fixed.test"
    }
    #expect(try await Self.route(router, address) == expected)
  }

  @Test(arguments: [
    ("x@full.test", "smtp [3.3.3.3]"), ("x@a.full.test", "smtp [3.3.3.3]"),
    ("x@a.sub.test", "smtp a.sub.test"), ("x@sub.test", "smtp sub.test"),
  ])
  func subdomainsFollowParentDomainMatchesSubdomains(
    address: String, expected: String
  ) async throws {
    let router = Self.router { $0.transportMapsMatchSubdomains = true }
    #expect(try await Self.route(router, address) == expected)
  }

  @Test func withoutTablesTheDomainIsTheNextHop() async throws {
    let router = Self.router(nil)
    #expect(try await Self.route(router, "x@there.test") == "smtp there.test")
    #expect(try await Self.route(router, "x") == "local host.test")
    #expect(try await Self.route(router, "") == "smtp host.test")
    let routed = try await router.resolve(MailAddress("x%there.test@here.test"))
    #expect(routed.recipient == MailAddress("x@there.test"))
    #expect(routed.nextHop == "there.test")
    #expect(routed.addressClass == .other)
  }

  @Test(arguments: ["x@192.0.2.1", "x@", "-x@there.test", "\"-x y\"@there.test", "x@[nowhere]"])
  func badAddressesAreRefused(address: String) async throws {
    let route = try await Self.router().resolve(MailAddress(address))
    let verdict = try #require(route.verdict)
    #expect(verdict.status == EnhancedStatus(5, 1, 3))
    #expect(verdict.text == "bad address syntax")
  }

  @Test func aFailedLookupIsNotNoRoute() async {
    var tables = RoutingTables { _ in false }
    tables.transportMap = { (_) throws(RoutingError) in throw .lookupFailed("ldap") }
    let router = Router(
      settings: RoutingSettings(resolver: AddressResolver(myhostname: "host.test")), tables: tables)
    await #expect(throws: RoutingError.lookupFailed("ldap")) {
      try await router.resolve(MailAddress("a@there.test"))
    }
  }

  @Test func verdictsOfErrorAndRetryHaveTheirClass() throws {
    func verdict(_ transport: String, _ text: String) -> String? {
      Route(transport: transport, nextHop: text, recipient: .null, addressClass: .other).verdict
        .map { "\($0.status) \($0.text)" }
    }
    #expect(verdict("error", "5.1.1 gone away") == "5.1.1 gone away")
    #expect(verdict("error", "mail is not deliverable") == "5.0.0 mail is not deliverable")
    #expect(verdict("error", "4.2.1 x") == "5.2.1 x")
    #expect(verdict("retry", "4.3.0 address resolver failure") == "4.3.0 address resolver failure")
    #expect(verdict("smtp", "5.1.1 x") == nil)
  }

  @Test func extensionsOfTheMailSystemsOwnNamesAreNone() {
    func bare(_ address: String, _ delimiters: String) -> String? {
      MailAddress(address).withoutExtension(delimiters: delimiters)?.description
    }
    #expect(bare("user+a+b@x.test", "+") == "user@x.test")
    #expect(bare("user-a+b", "+-") == "user")
    #expect(bare("user@x+y.test", "+") == nil)
    #expect(bare("+a@x.test", "+") == nil)
    #expect(bare("MAILER-DAEMON@x.test", "-") == nil)
    #expect(bare("owner-list@x.test", "-") == nil)
    #expect(bare("list-request@x.test", "-") == nil)
    #expect(bare("user-a@x.test", "") == nil)
  }
}
