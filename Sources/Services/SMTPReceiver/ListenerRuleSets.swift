import Configuration
import LinuxSystem
import LookupTables
import MailSite
import Reactor
import ServiceKit
import TLSPolicy

/// The rules of a listener: the usual ones, and those for clients that come while a service is
/// near its limit of sessions, where `$stress` is `yes`. Both are prepared at start.
struct ListenerRuleSets: Sendable {
  /// What depends on `stress` in the defaults and concerns single sessions alone: where nothing
  /// else differs, both sets share the tables.
  private static let sessionParameters: Set = [
    "address_verify_poll_count", "postscreen_command_time_limit", "postscreen_greet_wait",
    "smtpd_client_auth_rate_limit", "smtpd_client_connection_count_limit",
    "smtpd_client_connection_rate_limit", "smtpd_client_message_rate_limit",
    "smtpd_client_new_tls_session_rate_limit", "smtpd_client_recipient_rate_limit",
    "smtpd_error_sleep_time", "smtpd_hard_error_limit", "smtpd_junk_command_limit",
    "smtpd_min_data_rate", "smtpd_per_request_deadline", "smtpd_recipient_limit",
    "smtpd_recipient_overshoot_limit", "smtpd_soft_error_limit", "smtpd_starttls_timeout",
    "smtpd_timeout", "stress",
  ]

  /// The rules while there is room.
  let usual: ListenerRules
  /// The rules while there is hardly any; those of `usual` where `stress` is set by hand.
  let stressed: ListenerRules
  /// What of the lists and tables is not used as it stands.
  let warnings: [String]

  /// - Parameters:
  ///   - service: the service's name in `master.cf`.
  ///   - logName: the `syslog_name` that the log puts before every tag.
  ///   - opener: opens the tables that the configuration names.
  ///   - tls: what the listener says about TLS, whatever the stress.
  init(
    _ configuration: Configuration, service: String, logName: String, opener: TableOpener,
    tls: ServerTLS
  ) throws(RoleFailure) {
    let tables = try Tables(configuration, service: service, opener: opener, tls: tls)
    warnings = tables.site.warnings
    usual = try tables.rules(configuration, service: service, logName: logName)
    guard configuration.location(of: "stress") == nil else {
      stressed = usual
      return
    }
    let location = SourceLocation(file: "master.cf", line: 0)
    let stress = Assignment(name: "stress", value: "yes", location: location)
    let other = configuration.overlaid(by: [stress]).configuration
    let isShared = Self.differing(configuration, other).isSubset(of: Self.sessionParameters)
    let otherTables =
      isShared ? tables : try Tables(other, service: service, opener: opener, tls: tls)
    stressed = try otherTables.rules(other, service: service, logName: logName)
  }

  /// The rules of a session that begins now.
  @ReactorActor
  func current(in room: SessionRoom) -> ListenerRules {
    room.settle()
    return room.isStressed ? stressed : usual
  }

  private static func differing(_ a: Configuration, _ b: Configuration) -> Set<String> {
    Set(
      Registry.declarations.map(\.name).filter {
        (try? a.expandedText($0)) != (try? b.expandedText($0))
      })
  }

  /// What is opened for a configuration.
  private struct Tables {
    let site: MailSite
    let exceptions: ClientExceptions
    let authentication: AuthenticationRules?
    let tls: ServerTLS

    init(
      _ configuration: Configuration, service: String, opener: TableOpener, tls: ServerTLS
    ) throws(RoleFailure) {
      self.tls = tls
      do {
        site = try MailSite(
          configuration, ownAddresses: try Interfaces.addresses().map(\.address), tables: opener)
        exceptions = try ClientExceptions(configuration, tables: opener)
        authentication = try AuthenticationRules(configuration, tables: opener)
      } catch {
        throw RoleFailure("service \(service): \(error)")
      }
    }

    func rules(
      _ configuration: Configuration, service: String, logName: String
    ) throws(RoleFailure) -> ListenerRules {
      try ListenerRules(
        configuration, logName: logName, site: site, tls: tls, authentication: authentication,
        clientLimits: ClientLimits(configuration, service: service, exceptions: exceptions))
    }
  }
}
