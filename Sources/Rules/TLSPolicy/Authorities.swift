import Configuration
import TLSEngine

/// The parameters by which a server or client names the authorities that it trusts.
struct Authorities {
  let file: TextParameter
  let folder: TextParameter

  static let server = Authorities(file: .smtpdTLSCAfile, folder: .smtpdTLSCApath)
  static let client = Authorities(file: .smtpTLSCAfile, folder: .smtpTLSCApath)

  /// The file of a configuration behind the parameter that names it; not those of the folder.
  func files(of configuration: Configuration) -> [CredentialFiles.NamedFile] {
    let path = configuration[file]
    return path.isEmpty ? [] : [(file.declaration.name, path)]
  }

  /// The content of the file; `nil` when there is none.
  func content(
    _ configuration: Configuration, _ material: KeyMaterial
  ) throws(TLSPolicyError) -> PEMFile? {
    let path = configuration[file]
    return path.isEmpty ? nil : try material.file(path, of: file.declaration.name)
  }

  /// The authorities; `nil` when a configuration names none.
  func trust(
    _ configuration: Configuration, _ material: KeyMaterial
  ) throws(TLSPolicyError) -> TLSTrust? {
    var files: [PEMFile] = []
    if let content = try content(configuration, material) { files.append(content) }
    let path = configuration[folder]
    if !path.isEmpty { files += try material.folder(path, of: folder.declaration.name) }
    guard !files.isEmpty else { return nil }
    do throws(TLSSetupError) {
      return try TLSTrust(files)
    } catch {
      let isFile = error.subject == .file(configuration[file])
      throw TLSPolicyError((isFile ? file : folder).declaration.name, "\(error)")
    }
  }
}

/// Folders of authorities.
extension KeyMaterial {
  /// The most files of a folder of authorities.
  private static let folderFilesMax = 10_000

  /// Gives the names of the files in a folder.
  package typealias Lister = @Sendable (_ path: String) -> Result<[String], UnreadableFile>

  /// Reads the certificates of the folder that a configuration names, if it names one.
  mutating func takeFolder(
    of authorities: Authorities, in configuration: Configuration, _ list: Lister, _ read: Reader
  ) throws(TLSPolicyError) {
    let path = configuration[authorities.folder]
    if !path.isEmpty {
      try takeFolder(path, of: authorities.folder.declaration.name, list, read)
    }
  }

  /// Reads the certificates of a folder that `openssl rehash` has named.
  private mutating func takeFolder(
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
