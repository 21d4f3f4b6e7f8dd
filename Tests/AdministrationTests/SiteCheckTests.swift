import Configuration
import ServiceKit
import TestSupport
import Testing

@testable import Administration

/// What `check` says before anything is started.
@Suite struct SiteCheckTests {
  private func findings(_ main: String, services: String = "") throws -> SiteCheck.Findings {
    let folder = try TemporaryDirectory()
    try folder.write(
      "myhostname = mx.test\nalias_maps =\nlocal_recipient_maps =\n\(main)\n"
        .replacing("@D@", with: folder.path), to: "main.cf")
    try folder.write(
      "smtp inet n - n - - smtpd\nsmtp unix - - n - - smtp\n\(services)"
        .replacing("@D@", with: folder.path), to: "master.cf")
    try folder.write(
      "a.test fast:\nb.test smtp:[x.test]\nc.test fast:[y.test]\nd.test :\n", to: "transport")
    let found = SiteCheck.findings(ConfigurationFiles(directory: folder.path))
    return SiteCheck.Findings(
      errors: found.errors.map { $0.replacing(folder.path, with: "@D@") },
      warnings: found.warnings.map { $0.replacing(folder.path, with: "@D@") })
  }

  @Test func tablesOfTransportsAreLookedThrough() throws {
    #expect(
      try findings("transport_maps = texthash:@D@/transport").warnings == [
        "@D@/main.cf, line 4: transport_maps: texthash:@D@/transport: entry a.test: master.cf has "
          + "no service fast: mail for it waits in the queue"
      ])
    #expect(try findings("transport_maps = inline:{a.test=smtp:x}").warnings == [])
  }

  @Test(arguments: [
    (
      "virtual_alias_maps = texthash:/gone",
      "virtual_alias_maps: cannot read /gone (it stands for virtual_alias_domains too)"
    ),
    (
      "virtual_alias_maps = foo:/x",
      "virtual_alias_maps: foo:/x: unknown table type; known are: btree, cdb, cidr, dbm, fail, "
        + "hash, inline, lmdb, pcre, pipemap, proxy, regexp, sdbm, static, texthash, unionmap, "
        + "unix (it stands for virtual_alias_domains too)"
    ),
    (
      "virtual_alias_domains = $virtual_alias_maps\nvirtual_alias_maps = texthash:/gone",
      "virtual_alias_domains: cannot read /gone"
    ),
    ("relay_domains = $mine, texthash:/gone\nmine = x.test", "relay_domains: cannot read /gone"),
    (
      "virtual_alias_maps = $mine\nmine = texthash:/gone",
      "virtual_alias_maps: cannot read /gone (it stands for virtual_alias_domains too)"
    ),
  ])
  func whatADefaultIsTakenFromIsNamed(_ main: String, _ wanted: String) throws {
    #expect(try findings(main).errors == ["@D@/main.cf, line 4: \(wanted)"])
  }

  @Test(arguments: [
    (
      "mailbox_size_limit = 5",
      "mailbox_size_limit: 5 is smaller than message_size_limit, 10240000: what fits into no "
        + "mailbox is returned"
    ),
    (
      "message_size_limit = 52428800",
      "message_size_limit: 52428800 is larger than mailbox_size_limit, 51200000: what fits into no "
        + "mailbox is returned"
    ),
    (
      "relayhost = mail.test:587",
      "relayhost: mail exchangers of mail.test are not looked up yet: mail for it waits in the "
        + "queue; write [mail.test] for the host of that name"
    ),
    ("relayhost = [mail.test]:587", nil), ("mailbox_size_limit = 0", nil),
  ])
  func whatCannotWorkIsWarnedOf(_ main: String, _ wanted: String?) throws {
    #expect(
      try findings(main).warnings.filter { $0.contains("line 4") }
        == (wanted.map { ["@D@/main.cf, line 4: \($0)"] } ?? []))
  }

  @Test func valuesThatAreHonouredInPartAreNotCalledHonoured() {
    let missing = { (name: String, value: String) in
      ValueCheck.missing(
        Assignment(name: name, value: value, location: SourceLocation(file: "main.cf", line: 1)))
    }
    #expect(
      missing(
        "smtpd_sender_restrictions",
        "permit_mynetworks, REJECT_unknown_sender_domain reject_rbl_client x.test permit")
        == "without REJECT_unknown_sender_domain, reject_rbl_client")
    #expect(missing("smtpd_sender_restrictions", "permit_mynetworks reject") == nil)
    #expect(missing("smtpd_banner", "reject_rbl_client") == nil)
    #expect(missing("relayhost", "[mail.test]:587") == nil)
    #expect(missing("relayhost", "") == nil)
    #expect(missing("relayhost", "mail.test")?.hasPrefix("mail exchangers of mail.test") == true)
  }

  @Test func aLogNeedsItsFolder() throws {
    #expect(
      try findings("maillog_file = @D@/gone/log").errors == [
        "@D@/main.cf, line 4: maillog_file: folder @D@/gone: No such file or directory"
      ])
    #expect(
      try findings("maillog_file = @D@/main.cf/log").errors == [
        "@D@/main.cf, line 4: maillog_file: @D@/main.cf is no folder"
      ])
    for file in ["@D@/log", "/dev/stdout", ""] {
      #expect(try findings("maillog_file = \(file)").errors == [])
    }
  }

  @Test(arguments: [
    ("submission inet n - n - - smtpd", "smtpd_tls_cert_file"),
    ("slow unix - - n - - smtp", "smtp_tls_CAfile"),
    ("lmtp unix - - n - - lmtp", "lmtp_tls_CAfile"),
  ])
  func whatAServiceSetsForItselfIsFoundInMasterCf(_ service: String, _ parameter: String) throws {
    let level = parameter.replacing("cert_file", with: "security_level")
      .replacing("CAfile", with: "security_level")
    let options = " -o \(level)=encrypt\n -o \(parameter)=/gone.pem\n"
    // What stands in main.cf is not at fault.
    let found = try findings("\(parameter) =", services: "\(service)\n\(options)").errors
    #expect(
      found == [
        "@D@/master.cf, line 5: \(parameter): cannot read /gone.pem: No such file or directory"
      ])
  }
}
