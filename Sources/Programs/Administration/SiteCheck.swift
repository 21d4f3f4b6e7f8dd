import Configuration
import LinuxSystem
import MailSite
import Master
import ServiceKit

/// What the roles would find wrong with lists, tables and restrictions, found before they start.
enum SiteCheck {
  /// Sentences for the administrator; empty when every `smtpd` and `qmgr` can serve.
  static func findings(_ files: ConfigurationFiles) -> [String] {
    var found: [String] = []
    let listeners = files.services.filter { $0.command == "smtpd" }
    for configuration in [files.configuration]
      + listeners.map({ files.configuration.overlaid(by: $0).configuration })
    {
      do throws(MailSiteError) {
        let own = ((try? Interfaces.addresses()) ?? []).map(\.address)
        let site = try MailSite(configuration, ownAddresses: own) {
          try? Files.readWhole($0, limit: 16 << 20)
        }
        _ = try site.accessPolicy()
      } catch {
        let place = location(of: error.description, configuration)
        let sentence = place.map { "\($0): \(error)" } ?? error.description
        if !found.contains(sentence) { found.append(sentence) }
      }
    }
    return found + ServerKeys.findings(files)
  }

  /// Where the parameter that a sentence begins with was set.
  private static func location(
    of sentence: String, _ configuration: Configuration
  ) -> SourceLocation? {
    let name = sentence.prefix { $0.isLetter || $0.isNumber || $0 == "_" }
    return configuration.location(of: String(name))
  }
}
