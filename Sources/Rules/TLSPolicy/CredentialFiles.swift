import Configuration
import TLSEngine

/// The parameters by which a server or client names its keys and certificates.
struct CredentialFiles {
  typealias NamedFile = (parameter: String, path: String)

  /// The parameter that names files with keys and chains, and has precedence.
  let chain: ListParameter
  /// Those that name a file with a certificate and one with its key.
  let pairs: [(certificate: TextParameter, key: TextParameter)]

  static let server = CredentialFiles(
    chain: .smtpdTLSChainFiles,
    // The last one is that of a session which is taken up again, as Postfix has it.
    pairs: [
      (.smtpdTLSCertFile, .smtpdTLSKeyFile), (.smtpdTLSECCertFile, .smtpdTLSECKeyFile),
    ])
  static let client = CredentialFiles(
    chain: .smtpTLSChainFiles,
    pairs: [(.smtpTLSECCertFile, .smtpTLSECKeyFile), (.smtpTLSCertFile, .smtpTLSKeyFile)])

  /// The files of a configuration, each behind the parameter that names it.
  func files(of configuration: Configuration) -> [NamedFile] {
    let paths = configuration[chain]
    if !paths.isEmpty { return paths.map { (chain.declaration.name, $0) } }
    return pairs(of: configuration).flatMap { [$0.certificate, $0.key] }
  }

  private func pairs(
    of configuration: Configuration
  ) -> [(certificate: NamedFile, key: NamedFile)] {
    pairs.compactMap { certificate, key in
      let path = configuration[certificate]
      guard !path.isEmpty, path != "none" else { return nil }
      return (
        (certificate.declaration.name, path), (key.declaration.name, configuration[key])
      )
    }
  }

  func credentials(
    _ configuration: Configuration, _ material: KeyMaterial
  ) throws(TLSPolicyError) -> [TLSCredential] {
    let paths = configuration[chain]
    if !paths.isEmpty {
      var files: [PEMFile] = []
      for path in paths { files.append(try material.file(path, of: chain.declaration.name)) }
      return [.sequence(files)]
    }
    var credentials: [TLSCredential] = []
    for (certificate, key) in pairs(of: configuration) {
      credentials.append(
        .pair(
          chain: try material.file(certificate.path, of: certificate.parameter),
          key: try material.file(key.path, of: key.parameter)))
    }
    return credentials
  }
}

extension TLSOptions {
  /// `tls_ssl_options`.
  static func named(by configuration: Configuration) throws(TLSPolicyError) -> TLSOptions {
    var options = TLSOptions.workarounds
    for name in configuration[.tlsSSLOptions] {
      guard let option = TLSOptions(name: name) else {
        let known = TLSOptions.knownNames.joined(separator: ", ")
        throw TLSPolicyError(
          "tls_ssl_options", "unknown option \(name); expected a number like 0x40 or: \(known)")
      }
      options.formUnion(option)
    }
    return options
  }
}

extension Configuration {
  /// `tls_eecdh_auto_curves`, word by word.
  var keyExchangeGroups: [String] {
    self[.tlsEECDHAutoCurves].flatMap { $0.split(separator: ":").map(String.init) }
  }
}
