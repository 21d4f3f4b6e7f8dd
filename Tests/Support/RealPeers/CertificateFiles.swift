import Foundation
package import TestSupport

/// Files with keys and certificates for servers under test; keys are for root alone, or for who
/// runs the tests.
package struct CertificateFiles: Sendable {
  private let folder: TemporaryDirectory

  /// Writes a pair of each algorithm.
  package init() throws {
    folder = try TemporaryDirectory(prefix: "keys")
    for (name, pair) in [
      ("rsa", try TestCertificates.rsa.get()), ("ecdsa", try TestCertificates.ecdsa.get()),
    ] {
      try write(pair.certificate, to: "\(name).pem")
      try write(pair.key, to: "\(name).key")
      try write(pair.key + pair.certificate, to: "\(name).chain")
    }
  }

  /// Writes the authority of `TestClients` as `ca.pem`, and the clients' certificates and keys
  /// under their names.
  package func writeClients(_ clients: TestClients) throws {
    try write(clients.authority.certificate, to: "ca.pem")
    for (name, pair) in clients.pairs {
      try write(pair.certificate, to: "\(name).pem")
      try write(pair.key, to: "\(name).key")
    }
  }

  /// The digest of a certificate that was written, or of its key, as `1A:2B`.
  package func fingerprint(_ name: String, ofKey: Bool = false) throws -> String {
    let certificate = "openssl x509 -in \(path("\(name).pem"))"
    let bytes =
      ofKey
      ? "\(certificate) -noout -pubkey | openssl pkey -pubin -outform DER"
      : "\(certificate) -outform DER"
    let lines = try Program.run("sh", ["-c", "\(bytes) | openssl dgst -sha256 -c"])
    return lines.first?.description.split(separator: " ").last?.uppercased() ?? ""
  }

  /// The path of `rsa.pem`, `rsa.key`, `rsa.chain` (key and certificate), or the same of `ecdsa`.
  package func path(_ name: String) -> String { folder.path(name) }

  /// Writes a file that nobody else may read.
  package func write(_ bytes: [UInt8], to name: String) throws {
    let path = folder.path(name)
    guard
      FileManager.default.createFile(
        atPath: path, contents: Data(bytes), attributes: [.posixPermissions: 0o600])
    else { throw PeerError.system(call: "create \(path)", error: "failed") }
  }

  /// What makes a server offer TLS with certificates of both algorithms and tell of it.
  package var settings: [String: String] {
    [
      "smtpd_tls_security_level": "may", "smtpd_tls_cert_file": path("rsa.pem"),
      "smtpd_tls_key_file": path("rsa.key"), "smtpd_tls_eccert_file": path("ecdsa.pem"),
      "smtpd_tls_eckey_file": path("ecdsa.key"), "smtpd_tls_loglevel": "1",
      "smtpd_tls_received_header": "yes",
    ]
  }
}
