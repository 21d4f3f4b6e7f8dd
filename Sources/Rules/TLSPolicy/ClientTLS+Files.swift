package import Configuration
import TLSEngine

/// Keys, certificates and authorities of a client.
extension ClientTLS {
  /// The files of a configuration, each behind the parameter that names it; not those of
  /// `smtp_tls_CApath`.
  static func files(of configuration: Configuration) -> [(parameter: String, path: String)] {
    CredentialFiles.client.files(of: configuration) + Authorities.client.files(of: configuration)
  }

  static func settings(
    _ configuration: Configuration, _ material: KeyMaterial
  ) throws(TLSPolicyError) -> TLSClientSettings {
    var settings = TLSClientSettings()
    settings.credentials = try CredentialFiles.client.credentials(configuration, material)
    settings.groups = configuration.keyExchangeGroups
    settings.options = try TLSOptions.named(by: configuration)
    settings.depth = configuration[.smtpTLSScertVerifydepth]
    settings.trust = try Authorities.client.trust(configuration, material)
    return settings
  }
}

/// What clients need of a configuration's files.
extension KeyMaterial {
  /// Reads what the configurations of clients name.
  ///
  /// - Parameters:
  ///   - configurations: of each transport that speaks SMTP, or LMTP (`forLMTP`).
  ///   - list: gives the names of the files in a folder.
  ///   - read: gives the bytes of a file, or says why it cannot be read.
  /// - Throws: the parameter and the file that cannot be used.
  package init(
    ofClients configurations: [Configuration], list: Lister, read: @escaping Reader
  ) throws(TLSPolicyError) {
    self.init()
    for configuration in configurations {
      try TLSPolicyError.locating(in: configuration) { () throws(TLSPolicyError) in
        try takeClient(configuration, list, read)
      }
    }
  }

  private mutating func takeClient(
    _ configuration: Configuration, _ list: Lister, _ read: @escaping Reader
  ) throws(TLSPolicyError) {
    try takePasswords(of: configuration, read)
    guard ClientTLS.isUsed(by: configuration) else { return }
    for (parameter, path) in ClientTLS.files(of: configuration) {
      try take(path, of: parameter, read)
    }
    try takeFolder(of: Authorities.client, in: configuration, list, read)
  }
}
