import Foundation
import Testing

@testable import Configuration

struct PendingParametersTests {
  @Test func whatIsSetWithoutEffectIsReported() {
    let found = Sample.evaluate(
      """
      defer_transports = smtp
      permit_mx_backup_networks = 192.0.2.0/24
      alias_maps =
      biff = no
      relay_domains = example.org
      slow_destination_rate_delay = 1s

      """
    ).diagnostics.map(\.description)
    #expect(
      found == [
        "warning: main.cf, line 1: defer_transports: it is not implemented yet; "
          + "ignoring it changes what happens to mail",
        "warning: main.cf, line 2: permit_mx_backup_networks: it is not implemented yet; "
          + "ignoring it may weaken the protection of this system",
        "warning: main.cf, line 6: slow_destination_rate_delay: it is not implemented yet; "
          + "ignoring it changes what happens to mail",
      ])
  }

  /// Read by the configuration itself, or as the general form of a transport's parameter.
  private static let readInside: Set = [
    "compatibility_level", "default_destination_concurrency_failed_cohort_limit",
    "default_destination_concurrency_limit", "default_destination_concurrency_negative_feedback",
    "default_destination_concurrency_positive_feedback", "default_destination_recipient_limit",
    "initial_destination_concurrency", "command_time_limit", "mydomain", "mynetworks_style",
    "notify_classes",
    "service_name", "smtp_sasl_type", "smtpd_restriction_classes", "smtpd_sasl_path",
    "smtpd_sasl_security_options",
    "smtpd_sasl_tls_security_options", "stress", "tls_export_cipherlist",
    "tls_high_cipherlist", "tls_low_cipherlist", "tls_medium_cipherlist", "tls_null_cipherlist",
  ]

  @Test func everyDeclaredParameterHasAnEffectOrIsSaidToHaveNone() throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "Sources")
    var keys: [String: String] = [:]
    var program = ""
    for path in try FileManager.default.subpathsOfDirectory(atPath: root.path)
    where path.hasSuffix(".swift") {
      let text = try String(contentsOf: root.appending(path: path), encoding: .utf8)
      if path.contains("/Configuration/Parameters/") {
        let pattern = /static (?:let|var) (\w+)(?:: Self \{)?(?: =)?\s+Self\(\s*"(\w+)"/
        for match in text.matches(of: pattern) { keys[String(match.2)] = String(match.1) }
      } else if !path.contains("Rules/Configuration/") {
        program += text
      }
    }
    let words = Set(program.matches(of: /\.(\w+)/).map { String($0.1) })
    let counterparts = Set(LMTPCounterparts.declarations.map(\.name))
    for name in Registry.declarations.map(\.name)
    where !Self.readInside.contains(name) && !counterparts.contains(name) {
      let key = try #require(keys[name], "no key of \(name) was found")
      let isPending = PendingParameters.consequences[name] != nil
      #expect(words.contains(key) != isPending, "\(name)")
    }
    for name in PendingParameters.consequences.keys {
      #expect(Registry.find(name) != nil, "\(name)")
    }
  }
}
