/// A mail server that a test runs: Martinet, or the Postfix it is compared with.
package protocol MailServer: AnyObject, Sendable {
  /// The port of `smtpd` on loopback.
  var port: UInt16 { get }
  /// The log of the last start.
  var log: LineLog { get }
  /// Starts it and returns when it accepts connections.
  func start() throws
  /// Ends it in an orderly way.
  func stop() throws
  /// Writes the configuration again with settings on top of those given at the start.
  func configure(_ more: [String: String]) throws
}

/// `main.cf` of a relay on loopback.
enum RelaySettings {
  /// What every server under test is told.
  static func base(relayPort: UInt16?) -> [String: String] {
    var settings = [
      "compatibility_level": "3.6", "myhostname": "mx.martinet.test", "mydestination": "",
      "mynetworks": "127.0.0.0/8", "inet_interfaces": "loopback-only", "inet_protocols": "ipv4",
      "local_recipient_maps": "", "alias_maps": "", "smtp_tls_security_level": "none",
      "message_size_limit": "104857600", "smtpd_client_connection_count_limit": "0",
    ]
    if let relayPort { settings["relayhost"] = "[127.0.0.1]:\(relayPort)" }
    return settings
  }

  /// The text of the file.
  static func text(_ settings: [String: String]) -> String {
    settings.sorted { $0.key < $1.key }.map { "\($0.key) = \($0.value)\n" }.joined()
  }
}
