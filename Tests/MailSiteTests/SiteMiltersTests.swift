import Configuration
import LookupTables
import MailTypes
import MilterCore
import Primitives
import Testing

@testable import MailSite

/// From the text of a configuration to the milters of a client.
@Suite struct SiteMiltersTests {
  private func milters(_ text: String) throws -> SiteMilters? {
    let main = MainFile(
      Array("queue_directory = /q\nlocal_recipient_maps =\n\(text)\n".utf8), file: "main.cf")
    let evaluation = Configuration.evaluate(
      main, host: HostFacts(hostname: "mx.example.org", interfaces: []))
    try #require(!evaluation.hasErrors, "\(evaluation.diagnostics)")
    let tables = TableOpener { _ in nil }
    return try MailSite(evaluation.configuration, ownAddresses: [], tables: tables).milters
  }

  @Test func noneIsNone() throws {
    #expect(try milters("") == nil)
    #expect(try milters("non_smtpd_milters = unix:/x") == nil)
    #expect(
      try milters("smtpd_milters = unix:/x\nreceive_override_options = no_milters") == nil)
  }

  @Test func aTableGivesNoMoreMiltersThanThereAreDescriptorsFor() async throws {
    let list = (1...9).map { "unix:/\($0)" }.joined(separator: ",")
    let site = try #require(
      try milters("smtpd_milter_maps = inline:{ {192.0.2.7 = \(list)}, {192.0.2.8 = unix:/x} }"))
    #expect(try await site.services(for: #require(IPAddress("192.0.2.8"))).count == 1)
    let client = try #require(IPAddress("192.0.2.7"))
    await #expect(throws: MailSiteError.self) { try await site.services(for: client) }
  }

  @Test func aMilterHasItsPlaceAndSettings() async throws {
    let site = try #require(
      try milters(
        """
        smtpd_milters = inet:filter.test:8891, unix:private/f, inet:[::1]:7,
          { inet:h:1, connect_timeout=5s, { command_timeout = 2m }, content_timeout=7,
            default_action=accept, protocol=3 }
        milter_default_action = quarantine
        milter_protocol = 4
        """))
    let services = try await site.services(for: #require(IPAddress("192.0.2.7")))
    #expect(
      services.map(\.place) == [
        .host("filter.test", port: "8891"), .path("/q/private/f"), .host("::1", port: "7"),
        .host("h", port: "1"),
      ])
    #expect(services[0].connectTimeout == .seconds(30))
    #expect(services[0].contentTimeout == .seconds(300))
    #expect(services[0].defaultAction == .quarantine)
    #expect(services[0].offer.version == 4)
    #expect(services[3].connectTimeout == .seconds(5))
    #expect(services[3].commandTimeout == .seconds(120))
    #expect(services[3].contentTimeout == .seconds(7))
    #expect(services[3].defaultAction == .accept)
    #expect(services[3].offer.version == 3)
    #expect(site.defaultAction == .quarantine)
  }

  @Test(arguments: [
    "localhost:25", "inet:25", "unix:", "{ }", "inet:h:", "{ unix:/x, timeout=5 }",
    "{ unix:/x, connect_timeout=x }", "{ unix:/x, connect_timeout=0 }",
    "{ unix:/x, default_action=maybe }", "{ unix:/x, protocol=5 }", "{ unix:/x, protocol }",
  ]) func whatMakesNoSenseIsNamed(word: String) throws {
    let failure = #expect(throws: MailSiteError.self) {
      try milters("smtpd_milters = \(word)")
    }
    #expect(failure?.description.hasPrefix("smtpd_milters: ") == true)
  }

  @Test func aTableSaysWhichClientsHaveOthers() async throws {
    let site = try #require(
      try milters(
        """
        smtpd_milters = unix:/usual
        smtpd_milter_maps = cidr:{{192.0.2.1 DISABLE}, {192.0.2.2 unix:/other, inet:h:1},
          {192.0.2.3 nothing}}
        """))
    func names(_ address: String) async throws -> [String] {
      try await site.services(for: #require(IPAddress(address))).map(\.name)
    }
    #expect(try await names("192.0.2.9") == ["unix:/usual"])
    #expect(try await names("192.0.2.1") == [])
    #expect(try await names("192.0.2.2") == ["unix:/other", "inet:h:1"])
    await #expect(throws: MailSiteError.self) { try await names("192.0.2.3") }
  }

  @Test func macrosHaveNamesWithAndWithoutBraces() throws {
    let site = try #require(
      try milters(
        """
        smtpd_milters = unix:/x
        milter_macro_defaults = a=1, {{b} = two words}, {c}=3
        milter_macro_v = v1
        milter_mail_macros = i {x}
        """))
    #expect(
      site.defaults.mapValues { String(decoding: $0, as: UTF8.self) }
        == ["a": "1", "b": "two words", "c": "3"])
    #expect(site.constants["v"] == Array("v1".utf8))
    #expect(site.constants["j"] == Array("mx.example.org".utf8))
    #expect(site.macros[.mail] == ["i", "{x}"])
    #expect(throws: MailSiteError.self) {
      try milters("smtpd_milters = unix:/x\nmilter_macro_defaults = a")
    }
  }
}
