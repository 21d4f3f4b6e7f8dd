/// The grades that `smtpd_tls_ciphers` and its like choose between; each has a list of ciphers in a
/// `tls_*_cipherlist` parameter.
package enum CipherGrade: String, ParameterChoice {
  /// Everything, down to ciphers for export.
  case export
  /// What has at least 56 bits.
  case low
  /// What has at least 128 bits.
  case medium
  /// What has more.
  case high
  /// No encryption, for tests.
  case null
}

extension Configuration {
  /// The ciphers of a grade but for those that are named, as OpenSSL writes lists of them.
  package func cipherList(_ grade: CipherGrade, excluding words: [String]) -> String {
    let base =
      switch grade {
      case .export: self[.tlsExportCipherlist]
      case .low: self[.tlsLowCipherlist]
      case .medium: self[.tlsMediumCipherlist]
      case .high: self[.tlsHighCipherlist]
      case .null: self[.tlsNullCipherlist]
      }
    return words.flatMap { $0.split(separator: ":") }.reduce(base) { "\($0):!\($1)" }
  }
}
