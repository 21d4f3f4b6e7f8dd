import Foundation
import RealPeers
import Testing

/// All end-to-end tests, one after the other: each has the machine to itself.
@Suite(.serialized)
struct EndToEnd {}

/// The server that the tests drive: Martinet, or with `MARTINET_SUBJECT=postfix` a private Postfix.
/// What is asked of the one is found in the other.
enum Subject {
  static let isPostfix = ProcessInfo.processInfo.environment["MARTINET_SUBJECT"] == "postfix"
  static let isMartinet = !isPostfix

  /// A relay for everything to a port of loopback, started.
  static func relay(
    to port: UInt16?, settings: [String: String] = [:]
  ) throws -> any MailServer {
    let server: any MailServer =
      isPostfix
      ? try PostfixOracle(relayPort: port, settings: likeMartinet.merging(settings) { $1 })
      : try MartinetInstance(relayPort: port, settings: settings)
    try server.start()
    return server
  }

  /// What is Martinet's default and not that of an older Postfix.
  private static let likeMartinet = [
    "smtpd_forbid_bare_newline": "normalize", "smtpd_forbid_bare_newline_exclusions": "",
  ]

  /// Retries within seconds.
  static let quickRetries = [
    "minimal_backoff_time": "1s", "maximal_backoff_time": "1s", "queue_run_delay": "1s",
  ]
}

/// The queue ids of log lines that hold a text.
func queueIDs(in log: LineLog, of text: String) -> [String] {
  log.lines.filter { $0.contains(text) }.compactMap { line in
    // postfix/qmgr[123]: ID: removed
    "\(line)".split(separator: "]: ").dropFirst().first?.split(separator: ":").first
      .map(String.init)
  }
}
