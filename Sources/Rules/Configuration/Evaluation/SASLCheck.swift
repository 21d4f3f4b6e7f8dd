package import Primitives
package import SASL

/// Where an authentication server listens.
package enum SASLServerAddress: Hashable, Sendable, CustomStringConvertible {
  /// A socket of the file system.
  case unix(path: String)
  /// A TCP port.
  case inet(IPAddress, port: UInt16)

  /// As log lines say it.
  package var description: String {
    switch self {
    case .unix(let path): path
    case .inet(let address, let port): "inet:\(address):\(port)"
    }
  }
}

extension Configuration {
  /// Where `smtpd_sasl_path` leads; `nil` when it leads nowhere.
  package var saslServerAddress: SASLServerAddress? {
    let text = self[.smtpdSASLPath]
    if let path = socketPath(text) { return .unix(path: path) }
    guard text.hasPrefix("inet:") else { return nil }
    let rest = text.dropFirst("inet:".count)
    guard let colon = rest.lastIndex(of: ":"),
      let port = UInt16(rest[rest.index(after: colon)...]), port > 0
    else { return nil }
    let host = rest[..<colon].filter { $0 != "[" && $0 != "]" }
    let address = IPAddress(host == "localhost" ? "127.0.0.1" : host)
    return address.map { .inet($0, port: port) }
  }

  /// What mechanisms may be used in sessions with or without TLS.
  package func saslOptions(underTLS: Bool) -> SASLSecurityOptions? {
    SASLSecurityOptions(
      self[underTLS ? .smtpdSASLTLSSecurityOptions : .smtpdSASLSecurityOptions])
  }
}

/// Finds settings with which nobody could log in, or with less security than is meant.
struct SASLCheck {
  private let configuration: Configuration

  init(_ configuration: Configuration) { self.configuration = configuration }

  /// One error for each parameter that cannot be used while clients are to log in.
  func diagnostics() -> [Diagnostic] {
    guard configuration[.smtpdSASLAuthEnable] else { return [] }
    var found: [Diagnostic] = []
    if configuration[.smtpdSASLType] != .dovecot {
      found.append(
        error(
          "smtpd_sasl_type", or: "smtpd_sasl_auth_enable",
          "the Cyrus library is not here: set smtpd_sasl_type = dovecot and smtpd_sasl_path to "
            + "the socket of Dovecot's authentication server, such as private/auth, or "
            + "smtpd_sasl_auth_enable = no"))
    } else if configuration.saslServerAddress == nil {
      found.append(
        error(
          "smtpd_sasl_path", or: "smtpd_sasl_auth_enable",
          "expected the path of a socket or inet:address:port, found "
            + "\"\(configuration[.smtpdSASLPath])\""))
    }
    for (name, isUnderTLS) in [
      ("smtpd_sasl_security_options", false), ("smtpd_sasl_tls_security_options", true),
    ] where configuration.saslOptions(underTLS: isUnderTLS) == nil {
      let known = SASLSecurityOptions.words.joined(separator: ", ")
      found.append(error(name, or: "smtpd_sasl_security_options", "expected words of: \(known)"))
    }
    return found
  }

  /// An error about a parameter, at the place of another where it has its default.
  private func error(_ name: String, or other: String, _ message: String) -> Diagnostic {
    let location = configuration.location(of: name) ?? configuration.location(of: other)
    return Diagnostic(.error, at: location, subject: name, message)
  }
}
