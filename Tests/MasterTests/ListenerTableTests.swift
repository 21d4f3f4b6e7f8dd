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
    #expect(endpoint?.port == port)
  }

  @Test(arguments: [
    "", "0", "65536", "-1", "+25", "nobody-knows", ":25", "127.0.0.1:", "::1:25", "[::1]", "[]:25",
    "[::1:25", "host:port",
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
    return Result { () throws(ListenerPlan.Failure) in try ListenerPlan(files) }
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
      try addresses("localhost:2525 inet n - n - - smtpd\n", main: main) == ["127.0.0.1 2525"])
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
