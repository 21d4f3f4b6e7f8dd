/// A PEM file whose bytes somebody with the right to read it has read.
package struct PEMFile: Hashable, Sendable {
  /// The path, for diagnostics.
  package let name: String
  /// The content.
  package let bytes: [UInt8]

  /// Names a content.
  package init(name: String, bytes: [UInt8]) {
    self.name = name
    self.bytes = bytes
  }
}

/// One or more private keys with their certificate chains.
package enum TLSCredential: Hashable, Sendable {
  /// A chain, the host's own certificate first, and its key.
  case pair(chain: PEMFile, key: PEMFile)
  /// Files that are read as one: each key, its certificate, the issuers of that; and again.
  case sequence([PEMFile])
}

/// A private key and what proves it.
struct CertificateChain {
  let key: PrivateKey
  let certificate: Certificate
  let issuers: [Certificate]
  /// The file of the certificate, for diagnostics.
  let file: String
}

extension TLSCredential {
  /// The chains in their order.
  func chains() throws(TLSSetupError) -> [CertificateChain] {
    switch self {
    case .pair(let chain, let key): [try Self.pair(chain, key)]
    case .sequence(let files): try Self.sequence(files)
    }
  }

  private static func pair(
    _ chainFile: PEMFile, _ keyFile: PEMFile
  ) throws(TLSSetupError) -> CertificateChain {
    var certificates: [Certificate] = []
    for case .certificate(let certificate) in try PEMReader.objects(of: chainFile) {
      certificates.append(certificate)
    }
    guard let first = certificates.first else {
      throw TLSSetupError(file: chainFile.name, "no certificate in it")
    }
    var keys: [PrivateKey] = []
    for case .key(let key) in try PEMReader.objects(of: keyFile) { keys.append(key) }
    guard let key = keys.first else {
      throw TLSSetupError(file: keyFile.name, "no private key in it")
    }
    return CertificateChain(
      key: key, certificate: first, issuers: Array(certificates.dropFirst()), file: chainFile.name)
  }

  private static func sequence(_ files: [PEMFile]) throws(TLSSetupError) -> [CertificateChain] {
    var found: [(key: PrivateKey, certificates: [Certificate], file: String)] = []
    for file in files {
      for object in try PEMReader.objects(of: file) {
        switch object {
        case .key(let key):
          if let last = found.last, last.certificates.isEmpty {
            throw TLSSetupError(file: file.name, "a private key follows one without certificate")
          }
          found.append((key, [], file.name))
        case .certificate(let certificate):
          guard !found.isEmpty else {
            throw TLSSetupError(file: file.name, "a certificate without the private key before it")
          }
          if found[found.count - 1].certificates.isEmpty { found[found.count - 1].file = file.name }
          found[found.count - 1].certificates.append(certificate)
        }
      }
    }
    var chains: [CertificateChain] = []
    for (key, certificates, file) in found {
      guard let first = certificates.first else {
        throw TLSSetupError(file: file, "no certificate follows the private key")
      }
      chains.append(
        CertificateChain(
          key: key, certificate: first, issuers: Array(certificates.dropFirst()), file: file))
    }
    guard !chains.isEmpty else {
      let names = files.map(\.name).joined(separator: ", ")
      throw TLSSetupError(file: names, "no private key in it")
    }
    return chains
  }
}
