package import SASL

extension Configuration {
  /// What mechanisms a client may use; `parameter` is one of the three lists of options.
  package func saslClientOptions(_ parameter: ListParameter) -> SASLSecurityOptions? {
    SASLSecurityOptions(self[parameter])
  }
}

/// Finds settings with which the client could not log in, or with less security than is meant.
struct SASLClientCheck {
  private let configuration: Configuration

  init(_ configuration: Configuration) { self.configuration = configuration }

  /// One error for each parameter that cannot be used while the client is to log in.
  func diagnostics() -> [Diagnostic] {
    guard configuration[.smtpSASLAuthEnable] else { return [] }
    var found: [Diagnostic] = []
    if configuration[.smtpSASLPasswordMaps].isEmpty {
      found.append(
        error(
          "smtp_sasl_password_maps", or: "smtp_sasl_auth_enable",
          "name a table of user:password, or set smtp_sasl_auth_enable = no"))
    }
    for parameter in [
      ListParameter.smtpSASLSecurityOptions, .smtpSASLTLSSecurityOptions,
      .smtpSASLTLSVerifiedSecurityOptions,
    ] where configuration.saslClientOptions(parameter) == nil {
      let known = SASLSecurityOptions.words.joined(separator: ", ")
      found.append(
        error(
          parameter.declaration.name, or: "smtp_sasl_security_options",
          "expected words of: \(known)"))
    }
    return found
  }

  /// An error about a parameter, at the place of another where it has its default.
  private func error(_ name: String, or other: String, _ message: String) -> Diagnostic {
    let location = configuration.location(of: name) ?? configuration.location(of: other)
    return Diagnostic(
      .error, at: location, subject: configuration.named(name), configuration.named(message))
  }
}
