import LinuxSystem
import Primitives
import ServiceKit
import TestSupport
import Testing

@testable import Master

@Suite struct ListenerTableTests {
  @Test(
    arguments: [
      ("25", nil, 25), ("smtp", nil, 25), ("submission", nil, 587),
      ("127.0.0.1:2525", "127.0.0.1", 2525),
      ("localhost:smtp", "localhost", 25), ("[::1]:2525", "::1", 2525),
      ("[192.0.2.1]:26", "192.0.2.1", 26), ("65535", nil, 65535),
    ] as [(String, String?, UInt16)])
  func aServiceNameIsAPortOrAHostAndAPort(name: String, host: String?, port: UInt16) {
    let endpoint = InetEndpoint(name)
    #expect(endpoint != nil)
    #expect(endpoint?.host == host)
    #expect(endpoint.map { $0.number ?? names.port($0.port) } == port)
  }

  @Test(arguments: [
    "", "0", "65536", ":25", "127.0.0.1:", "::1:25", "[::1]", "[]:25",
    "[::1:25",
  ])
  func whatIsNeitherIsRefused(name: String) {
    #expect(InetEndpoint(name) == nil)
  }

  private func plan(
    _ services: String, main: String = ""
  ) throws -> Result<ListenerPlan, ListenerPlan.Failure> {
    let folder = try TemporaryDirectory()
    try folder.write("myhostname = mx.example.org\n" + main, to: "main.cf")
    try folder.write(services, to: "master.cf")
    let files = ConfigurationFiles(directory: folder.path)
    return Result { () throws(ListenerPlan.Failure) in try ListenerPlan(files, names: names) }
  }

  /// What the resolver says of a name that cannot be one.
  private static let unknown = Result { () throws(NameService.Failure) in
    try NameService.addresses(ofHost: String(repeating: "x", count: 80))
  }

  /// A host with names of its own.
  private let names = NameLookups(
    port: { ["smtp": 25, "submission": 587, "after-hours": 2600][$0] },
    addresses: {
      let hosts = [
        "localhost": ["::1", "127.0.0.1"], "mx.lan": ["192.0.2.7", "2001:db8::7"],
        "old.lan": ["192.0.2.8"],
      ]
      guard let found = hosts[$0] else { return Self.unknown }
      return .success(found.compactMap { IPAddress($0) })
    })

  @Test func portsAndHostsMayBeNames() throws {
    let v4 = "inet_interfaces = 127.0.0.1\ninet_protocols = ipv4\n"
    #expect(try addresses("after-hours inet n - n - - smtpd\n", main: v4) == ["127.0.0.1 2600"])
    // Not every host's table has it.
    #expect(try addresses("submissions inet n - n - - smtpd\n", main: v4) == ["127.0.0.1 465"])
    #expect(
      try addresses("mx.lan:after-hours inet n - n - - smtpd\n")
        == ["192.0.2.7 2600", "2001:db8::7 2600"])
    #expect(try addresses("mx.lan:26 inet n - n - - smtpd\n", main: v4) == ["192.0.2.7 26"])
    #expect(
      try addresses(
        "smtp inet n - n - - smtpd\n", main: "inet_interfaces = mx.lan, old.lan, localhost\n")
        == ["192.0.2.7 25", "2001:db8::7 25", "192.0.2.8 25", "127.0.0.1 25", "::1 25"])
  }

  @Test func aNameThatNobodyKnowsIsAnErrorThatSaysWhere() throws {
    let line = "smtp inet n - n - - smtpd\n"
    let table = [
      ("nobody.lan:25 inet n - n - - smtpd\n", "", "host nobody.lan is not found: "),
      ("host:nothing inet n - n - - smtpd\n", "", "unknown TCP service nothing: name one of"),
      ("+25 inet n - n - - smtpd\n", "", "unknown TCP service +25"),
      (
        line, "inet_interfaces = nobody.lan\n",
        "main.cf, line 2: inet_interfaces: host nobody.lan is not found"
      ),
      (
        "old.lan:25 inet n - n - - smtpd\n", "inet_protocols = ipv6\n",
        "old.lan has no address of the protocols in inet_protocols"
      ),
    ]
    for (services, main, text) in table {
      guard case .failure(let failure) = try plan(services, main: main) else {
        Issue.record("\(text)")
        continue
      }
      #expect(failure.description.contains(text), "\(failure)")
    }
  }

  @Test(arguments: [("-", nil), ("0", nil), ("7", "7")] as [(String, String?)])
  func theProcessColumnLimitsSessions(column: String, limit: String?) throws {
    let plan = try plan("2525 inet n - n - \(column) smtpd -o x_y=z\n").get()
    let settings = try #require(plan.serviceSettings.first)
    #expect(settings.first { $0[0] == "session_limit" }?[1] == limit)
    #expect(settings.last == ["x_y", "z"])
  }

  private func addresses(_ services: String, main: String = "") throws -> [String] {
    try plan(services, main: main).get().endpoints.map { "\($0.address) \($0.port)" }
  }

  @Test func withoutAHostTheInterfacesOfTheConfigurationCount() throws {
    let line = "2525 inet n - n - - smtpd\n"
    let table: [(String, [String])] = [
      ("inet_interfaces = all\ninet_protocols = ipv4\n", ["0.0.0.0 2525"]),
      ("inet_interfaces = all\ninet_protocols = all\n", ["0.0.0.0 2525", ":: 2525"]),
      (
        "inet_interfaces = loopback-only\ninet_protocols = ipv4, ipv6\n",
        ["127.0.0.1 2525", "::1 2525"]
      ),
      ("inet_interfaces = loopback-only\ninet_protocols = ipv6\n", ["::1 2525"]),
      (
        "inet_interfaces = 127.0.0.1, [::1]\ninet_protocols = all\n",
        ["127.0.0.1 2525", "::1 2525"]
      ),
      ("inet_interfaces = 127.0.0.1, ::1\ninet_protocols = ipv4\n", ["127.0.0.1 2525"]),
      ("inet_interfaces = localhost, 127.0.0.1\ninet_protocols = ipv4\n", ["127.0.0.1 2525"]),
    ]
    for (main, expected) in table { #expect(try addresses(line, main: main) == expected) }
  }

  @Test func aHostInTheServiceNameCountsAlone() throws {
    let main = "inet_interfaces = all\n"
    #expect(
      try addresses("127.0.0.2:2525 inet n - n - - smtpd\n", main: main) == ["127.0.0.2 2525"])
    #expect(try addresses("[::1]:2525 inet n - n - - smtpd\n", main: main) == ["::1 2525"])
    #expect(
      try addresses("localhost:2525 inet n - n - - smtpd\n", main: main)
        == ["::1 2525", "127.0.0.1 2525"])
  }

  @Test func aServiceThatCannotListenIsNamedWithItsLine() throws {
    for name in ["mail.example.org:25", "[::1]", "nobody-knows"] {
      let result = try plan("# a comment\n\(name) inet n - n - - smtpd\n")
      guard case .failure(let failure) = result else {
        Issue.record("\(name) must be refused")
        continue
      }
      #expect(failure.description.contains("master.cf"))
      #expect(failure.description.contains("2"))
    }
  }

  @Test func eachServiceHasItsSettingsAndDeliveryServicesListenNowhere() throws {
    let plan = try plan(
      """
      2525 inet n - n - - smtpd
      2526 inet n - n - - smtpd -o smtpd_banner=hello -o { syslog_name = postfix/second }
      smtp unix - - n - - smtp
      relay unix - - n - - smtp -o smtp_helo_timeout=5
      local unix - n n - - local
      pickup unix n - n 60 1 pickup

      """, main: "inet_interfaces = loopback-only\ninet_protocols = ipv4\n"
    ).get()
    #expect(plan.endpoints.map(\.service) == ["2525", "2526"])
    #expect(plan.endpoints.map(\.settings) == [0, 1])
    #expect(plan.transports[.smtp]?.map(\.service) == ["smtp", "relay"])
    #expect(plan.transports[.local]?.map(\.service) == ["local"])
    #expect(plan.transports.count == 2)
    #expect(plan.serviceSettings.count == 5)
    #expect(plan.serviceSettings[1].contains(["smtpd_banner", "hello"]))
    #expect(plan.serviceSettings[1].contains(["syslog_name", "postfix/second"]))
    let relay = try #require(plan.transports[.smtp]?.last)
    #expect(plan.serviceSettings[Int(relay.settings)].contains(["smtp_helo_timeout", "5"]))
    #expect(plan.serviceSettings[0] == [["service_name", "2525"], ["process_name", "smtpd"]])
  }
}
