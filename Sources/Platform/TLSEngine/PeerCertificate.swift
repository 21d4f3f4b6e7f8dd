import COpenSSL

/// Who the other side of a session says it is, by its certificate; whether that can be believed is
/// for `TLSPeer` to say. The names are printable and short, whatever the certificate holds.
package struct PeerCertificate: Hashable, Sendable {
  /// The bytes that a name must stay below; a longer one counts as none.
  package static let nameSizeMax = 256

  /// The first common name of its subject; empty for none.
  package let subject: String
  /// The first common name of its issuer, or else the issuer's organization; empty for none.
  package let issuer: String
  /// The digest of the certificate, as `1A:2B:3C`.
  package let fingerprint: String
  /// The digest of its public key, as `1A:2B:3C`.
  package let keyFingerprint: String
  /// The whole name of its subject, such as `/O=Example/CN=Example CA`, as far as it fits.
  package let fullSubject: String
  /// The whole name of its issuer.
  package let fullIssuer: String

  init?(_ ssl: OpaquePointer, _ digest: (certificate: [UInt8], key: [UInt8])) {
    guard let certificate = SSL_get0_peer_certificate(ssl) else { return nil }
    let subject = X509_get_subject_name(certificate)
    let issuer = X509_get_issuer_name(certificate)
    self.subject = Self.entry(NID_commonName, of: subject) ?? ""
    self.issuer =
      Self.entry(NID_commonName, of: issuer) ?? Self.entry(NID_organizationName, of: issuer) ?? ""
    fingerprint = Self.text(of: digest.certificate)
    keyFingerprint = Self.text(of: digest.key)
    fullSubject = TLSPeer.name(subject)
    fullIssuer = TLSPeer.name(issuer)
  }

  /// The first entry of a kind; `nil` when there is none that can be shown.
  private static func entry(_ kind: Int32, of name: OpaquePointer?) -> String? {
    guard let name else { return nil }
    let index = X509_NAME_get_index_by_NID(name, kind, -1)
    guard index >= 0, let entry = X509_NAME_get_entry(name, index) else { return nil }
    var text: UnsafeMutablePointer<UInt8>?
    let length = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(entry))
    guard length >= 0, let text else {
      ERR_clear_error()
      return nil
    }
    defer { copenssl_free(text) }
    // Some write the end of a string of C into their names.
    let bytes = UnsafeBufferPointer(start: text, count: Int(length))
    let end = bytes.lastIndex { $0 != 0 }.map { $0 + 1 } ?? 0
    guard end < nameSizeMax, bytes[..<end].allSatisfy({ $0 >= 0x20 && $0 != 0x7f }) else {
      return nil
    }
    return String(validating: bytes[..<end], as: UTF8.self)
  }

  private static func text(of digest: [UInt8]) -> String {
    let digits = Array("0123456789ABCDEF".utf8)
    var text: [UInt8] = []
    text.reserveCapacity(digest.count * 3)
    for byte in digest {
      if !text.isEmpty { text.append(UInt8(ascii: ":")) }
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
  }
}

extension TLSSession {
  /// Who the peer says it is; `nil` when it has no certificate.
  ///
  /// - Parameter digest: for fingerprints; a name for which `TLSDigest.isKnown`.
  package func peerCertificate(_ digest: String) -> PeerCertificate? {
    peerFingerprints(digest).flatMap { PeerCertificate(pointer, $0) }
  }
}
