package import Configuration
import TLSEngine

/// Keys, certificates and authorities of a client.
extension ClientTLS {
  /// The files of a configuration, each behind the parameter that names it; not those of
  /// `smtp_tls_CApath`.
  static func files(of configuration: Configuration) -> [(parameter: String, path: String)] {
    let authorities = configuration[.smtpTLSCAfile]
    return CredentialFiles.client.files(of: configuration)
      + (authorities.isEmpty ? [] : [("smtp_tls_CAfile", authorities)])
  }

  static func settings(
    _ configuration: Configuration, _ material: KeyMaterial
  ) throws(TLSPolicyError) -> TLSClientSettings {
    var settings = TLSClientSettings()
    settings.credentials = try CredentialFiles.client.credentials(configuration, material)
    settings.groups = configuration.keyExchangeGroups
    settings.options = try TLSOptions.named(by: configuration)
    settings.depth = configuration[.smtpTLSScertVerifydepth]
    let path = configuration[.smtpTLSCAfile]
    let folder = configuration[.smtpTLSCApath]
    var files: [PEMFile] = []
    if !path.isEmpty { files.append(try material.file(path, of: "smtp_tls_CAfile")) }
    if !folder.isEmpty { files += try material.folder(folder, of: "smtp_tls_CApath") }
    guard !files.isEmpty else { return settings }
    do throws(TLSSetupError) {
      settings.trust = try TLSTrust(files)
    } catch {
      let isFile = error.subject == .file(path)
      throw TLSPolicyError(isFile ? "smtp_tls_CAfile" : "smtp_tls_CApath", "\(error)")
    }
    return settings
  }
}

/// What clients need of a configuration's files.
extension KeyMaterial {
  /// The most files of a folder of authorities.
  private static let folderFilesMax = 10_000

  /// Gives the names of the files in a folder.
  package typealias Lister = @Sendable (_ path: String) -> Result<[String], UnreadableFile>

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
      do throws(TLSPolicyError) {
        try takeClient(configuration, list, read)
      } catch {
        throw error.named(by: configuration)
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
    let folder = configuration[.smtpTLSCApath]
    if !folder.isEmpty { try takeFolder(folder, of: "smtp_tls_CApath", list, read) }
  }

  /// Reads the certificates of a folder that `openssl rehash` has named.
  mutating func takeFolder(
    _ folder: String, of parameter: String, _ list: Lister, _ read: Reader
  ) throws(TLSPolicyError) {
    guard folders[folder] == nil else { return }
    switch list(folder) {
    case .failure(let failure):
      throw TLSPolicyError(parameter, "cannot read \(folder): \(failure.reason)")
    case .success(let names):
      let hashed = names.filter(Self.isHashed).sorted()
      guard hashed.count <= Self.folderFilesMax else {
        throw TLSPolicyError(parameter, "\(folder) has over \(Self.folderFilesMax) certificates")
      }
      let paths = hashed.map { "\(folder)/\($0)" }
      for path in paths { try take(path, of: parameter, read) }
      folders[folder] = paths
    }
  }

  /// The certificates of a folder that was read.
  func folder(_ folder: String, of parameter: String) throws(TLSPolicyError) -> [PEMFile] {
    guard let paths = folders[folder] else {
      throw TLSPolicyError(parameter, "\(folder) was not read")
    }
    var files: [PEMFile] = []
    for path in paths { files.append(try file(path, of: parameter)) }
    return files
  }

  /// Whether a name is eight hexadecimal digits, a dot and a number, as of a certificate.
  private static func isHashed(_ name: String) -> Bool {
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 2 && parts[0].utf8.count == 8 && parts[0].allSatisfy(\.isHexDigit)
      && !parts[1].isEmpty && parts[1].allSatisfy(\.isNumber)
  }
}
