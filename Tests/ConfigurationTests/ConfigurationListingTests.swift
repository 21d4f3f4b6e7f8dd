import Testing

@testable import Configuration

@Suite struct ConfigurationListingTests {
  private let services = MasterFile(
    Array("slow unix - - n - - smtp\nsmtp inet n - n - - smtpd".utf8), file: "master.cf"
  ).services
  private let configuration = Sample.evaluate(
    "myhostname = mx.example.com\nmacro = a $mydomain\nsmtp_helo_name = $macro\nrelay_domains = ${\nunused = $macro\n"
      + "gone_destination_recipient_limit = 5\nslow_destination_recipient_limit = 5"
  ).configuration

  private func list(_ listing: ConfigurationListing, _ names: [String] = [])
    -> ConfigurationListing.Result
  {
    listing.result(configuration, services: services, names: names)
  }

  @Test func namedParametersComeInTheOrderGiven() {
    let names = ["smtp_helo_name", "mydomain", "relayhost", "nope", "smtpd_tls_auth_only"]
    let result = list(ConfigurationListing(.effective), names)
    #expect(
      result.lines == [
        "smtp_helo_name = $macro", "mydomain = example.com", "relayhost =",
        "smtpd_tls_auth_only = no",
      ])
    #expect(result.problems == ["nope: unknown parameter"])
  }

  @Test func assignedParametersAreSorted() {
    #expect(
      list(ConfigurationListing(.assigned)).lines == [
        "compatibility_level = 3.6", "macro = a $mydomain", "myhostname = mx.example.com",
        "relay_domains = ${", "slow_destination_recipient_limit = 5", "smtp_helo_name = $macro",
      ])
    #expect(list(ConfigurationListing(.assigned), ["relayhost", "macro"]).problems == [])
  }

  @Test func expansionReplacesMacrosAndReportsWhatIsBroken() {
    let result = list(ConfigurationListing(.assigned, isExpanded: true))
    #expect(
      result.lines == [
        "compatibility_level = 3.6", "macro = a example.com", "myhostname = mx.example.com",
        "slow_destination_recipient_limit = 5", "smtp_helo_name = a example.com",
      ])
    #expect(result.problems == ["relay_domains: an expression is not closed in \"${\""])
  }

  @Test func rawValuesAreNotExpanded() {
    let listing = ConfigurationListing(.effective, isExpanded: true)
    #expect(list(listing, ["forward_path"]).lines.first?.contains("$home") == true)
  }

  @Test func defaultsIgnoreWhatIsAssigned() {
    let listing = ConfigurationListing(.defaults)
    #expect(
      list(listing, ["smtp_helo_name", "myhostname"]).lines == [
        "smtp_helo_name = $myhostname", "myhostname = vm.localdomain",
      ])
    #expect(!list(listing).lines.contains { $0.hasPrefix("macro") })
  }

  @Test func everyParameterIsListedWithThoseOfTransports() {
    let lines = list(ConfigurationListing(.effective)).lines
    #expect(lines.count > 250)
    #expect(lines == lines.sorted())
    #expect(
      lines.contains(
        "slow_destination_concurrency_limit = $default_destination_concurrency_limit"))
    #expect(!lines.contains { $0.hasPrefix("smtp_destination_concurrency_limit") })
    #expect(lines.contains("macro = a $mydomain"))
  }

  @Test func namesOrValuesCanStandAlone() {
    #expect(
      list(ConfigurationListing(.effective, form: .value), ["mydomain"]).lines == ["example.com"])
    #expect(list(ConfigurationListing(.effective, form: .name), ["mydomain"]).lines == ["mydomain"])
  }

  @Test func theFolderOfTheFileIsConfigDirectory() {
    let main = MainFile(Array("transport_maps = texthash:$config_directory/x".utf8), file: "f")
    let evaluation = Configuration.evaluate(main, host: Sample.host, directory: "/tmp/c")
    #expect(evaluation.configuration[.transportMaps] == ["texthash:/tmp/c/x"])
  }
}
