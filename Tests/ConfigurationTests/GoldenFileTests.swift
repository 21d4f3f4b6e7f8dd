import TestSupport
import Testing

@testable import Configuration

/// Whole files and what `postconf -x` of Postfix 3.7 prints for them on the sample host.
@Suite struct GoldenFileTests {
  @Test(arguments: [
    (
      "macros.cf",
      [
        "mynetworks = 10.0.0.0/8, [fd00::]/16 192.0.2.0/24",
        "relay_domains = mx.example.com, localhost.example.com, localhost, x.org",
        "smtp_destination_concurrency_limit = 2",
        "smtpd_client_event_limit_exceptions = 10.0.0.0/8, [fd00::]/16 192.0.2.0/24",
        "mydomain = example.com", "local_transport = local:mx.example.com",
      ]
    ),
    (
      "crlf.cf",
      ["mydestination = a.b.c, localhost", "mydomain = b.c", "smtp_helo_name = a.b.c"]
    ),
    ("stress.cf", ["smtpd_timeout = 9s", "smtpd_hard_error_limit = 1"]),
  ])
  func expandsAsPostconfDoes(file: String, expected: [String]) throws {
    let entry = try #require(Corpus.load("main").first { $0.name == file })
    let names = expected.map { String($0.prefix { $0 != " " }) }
    let evaluation = Configuration.evaluate(
      MainFile(entry.bytes, file: file), host: Sample.host)
    let result = ConfigurationListing(.effective, isExpanded: true).result(
      evaluation.configuration, services: [], names: names)
    #expect(result.lines == expected)
    #expect(result.problems == [])
  }

  @Test func theShortHostNameGetsTheDomain() {
    let configuration = Sample.evaluate("compatibility_level = 0\nmydomain = foo.org").configuration
    let names = ["myhostname", "mydestination", "mynetworks", "relay_domains"]
    let result = ConfigurationListing(.effective).result(
      configuration, services: [], names: names)
    #expect(
      result.lines == [
        "myhostname = vm.foo.org", "mydestination = $myhostname, localhost.$mydomain, localhost",
        "mynetworks = 127.0.0.0/8 192.0.2.0/24 [::1]/128 [fd00::]/64 [fe80::]/64",
        "relay_domains = ${{$compatibility_level} <level {2} ? {$mydestination} : {}}",
      ])
  }
}
