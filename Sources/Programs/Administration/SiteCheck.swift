import AccessPolicy
import Configuration
import LinuxSystem
import LookupTables
import MailSite
import Master
import ServiceKit

/// What the roles would find wrong with lists, tables and restrictions, found before they start.
enum SiteCheck {
  /// Sentences for the administrator.
  struct Findings {
    /// What keeps an `smtpd` or `qmgr` from serving.
    var errors: [String] = []
    /// What is not used as it stands.
    var warnings: [String] = []
  }

  /// Looks over the configuration of every listener.
  static func findings(_ files: ConfigurationFiles) -> Findings {
    var found = Findings()
    let listeners = files.services.filter { $0.command == "smtpd" }
    for configuration in [files.configuration]
      + listeners.map({ files.configuration.overlaid(by: $0).configuration })
    {
      do throws(MailSiteError) {
        let own = ((try? Interfaces.addresses()) ?? []).map(\.address)
        let site = try MailSite(configuration, ownAddresses: own, tables: .command())
        let policy = try site.accessPolicy { _ in }
        _ = try site.milters
        for warning in site.warnings + policy.warnings.map(\.description) {
          add(warning, to: &found.warnings, configuration)
        }
      } catch {
        add(error.description, to: &found.errors, configuration)
      }
    }
    found.errors += ServerKeys.findings(files)
    found.warnings += ServerKeys.warnings(files)
    return found
  }

  /// The same for `master`, which judges the configuration of a reload.
  @Sendable static func verdict(_ files: ConfigurationFiles) -> MasterProcess.Verdict {
    let found = findings(files)
    return MasterProcess.Verdict(errors: found.errors, warnings: found.warnings)
  }

  private static func add(
    _ sentence: String, to found: inout [String], _ configuration: Configuration
  ) {
    let place = location(of: sentence, configuration)
    let full = place.map { "\($0): \(sentence)" } ?? sentence
    if !found.contains(full) { found.append(full) }
  }

  /// Where the parameter that a sentence begins with was set.
  private static func location(
    of sentence: String, _ configuration: Configuration
  ) -> SourceLocation? {
    let name = sentence.prefix { $0.isLetter || $0.isNumber || $0 == "_" }
    return configuration.location(of: String(name))
  }
}
