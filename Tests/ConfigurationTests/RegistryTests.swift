import Foundation
import Testing

@testable import Configuration

@Suite struct RegistryTests {
  /// The names in `Self("name", …)` of the files that declare parameters.
  private func declaredNames() throws -> [String] {
    let folder = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "../../Sources/Rules/Configuration/Parameters").standardizedFileURL
    let files = try FileManager.default.contentsOfDirectory(
      at: folder, includingPropertiesForKeys: nil)
    return try files.flatMap { file in
      try String(contentsOf: file, encoding: .utf8).matches(
        of: /Self\(\s*(?:level: )?"([a-z0-9_A-Z]+)"/
      )
      .map { String($0.1) }
    }
  }

  @Test func everyDeclaredParameterIsListedOnce() throws {
    let names = try declaredNames().sorted()
    #expect(names.count > 200)
    let counterparts = LMTPCounterparts.declarations.map(\.name)
    #expect((names + counterparts).sorted() == Registry.declarations.map(\.name).sorted())
  }

  @Test func everyDeclarationIsDescribed() {
    for declaration in Registry.declarations {
      #expect(declaration.summary.hasSuffix("."), "\(declaration.name)")
    }
  }

  @Test func noParameterIsBothImplementedAndNot() {
    let names = Registry.declarations.map(\.name)
    #expect(names.filter { PostfixParameters.entries[$0] != nil } == [])
    #expect(names.filter { TransportParameters.find($0) != nil } == [])
    #expect(names.count + PostfixParameters.entries.count > 800)
    #expect(PostfixParameters.entries.keys.filter { TransportParameters.find($0) != nil } == [])
  }

  @Test func everyParameterOfPostfixIsKnown() {
    for name in Self.postfixSample {
      #expect(
        Registry.find(name) != nil || PostfixParameters.entries[name] != nil
          || TransportParameters.find(name) != nil, "\(name)")
    }
    #expect(PostfixParameters.entries["lmtp_tls_per_site"]?.defaultText == "")
    #expect(PostfixParameters.entries["lmtp_randomize_addresses"]?.defaultText == "yes")
  }

  /// Some of the names that a stock main.cf has.
  private static let postfixSample = [
    "alias_database", "alias_maps", "biff", "command_directory", "compatibility_level",
    "daemon_directory", "debugger_command", "html_directory", "inet_interfaces", "mail_owner",
    "mailbox_size_limit", "mailq_path", "manpage_directory", "meta_directory", "newaliases_path",
    "queue_directory", "readme_directory", "sample_directory", "sendmail_path", "setgid_group",
    "smtp_tls_CAfile", "smtp_tls_security_level", "smtpd_tls_cert_file", "virtual_mailbox_base",
    "relay_destination_rate_delay", "unknown_local_recipient_reject_code",
  ]
}
