import Foundation

/// Keys and certificates for tests, made by `openssl` once for each process.
package enum TestCertificates {
  /// An algorithm of a key.
  package enum Algorithm: String, CaseIterable, Sendable {
    /// RSA with 2048 bits.
    case rsa
    /// ECDSA over P-256.
    case ecdsa
  }

  /// A key and its self-signed certificate, in PEM.
  package struct Pair: Sendable {
    /// The private key.
    package let key: [UInt8]
    /// The certificate.
    package let certificate: [UInt8]
  }

  /// A fresh pair for a name; throws what `openssl` says when it fails.
  package static func make(_ algorithm: Algorithm, name: String = "mx.test") throws -> Pair {
    let folder = try TemporaryDirectory(prefix: "certificate")
    let kind =
      switch algorithm {
      case .rsa: ["rsa:2048"]
      case .ecdsa: ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
      }
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments =
      ["openssl", "req", "-x509", "-nodes", "-newkey"] + kind
      + [
        "-keyout", folder.path("key"), "-out", folder.path("certificate"), "-days", "30", "-subj",
        "/CN=\(name)", "-addext", "subjectAltName=DNS:\(name)",
      ]
    let errors = Pipe()
    process.standardError = errors
    try process.run()
    let said = try errors.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw CocoaError(
        .executableLoad, userInfo: ["openssl": String(decoding: said, as: UTF8.self)])
    }
    return Pair(
      key: try Array(Data(contentsOf: URL(filePath: folder.path("key")))),
      certificate: try Array(Data(contentsOf: URL(filePath: folder.path("certificate")))))
  }

  /// One pair of each algorithm, the same for the whole process.
  package static let rsa = Result { try make(.rsa) }
  /// See `rsa`.
  package static let ecdsa = Result { try make(.ecdsa) }
}
