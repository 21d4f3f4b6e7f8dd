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
