import COpenSSL

/// What the other side of a session showed of itself.
package struct TLSPeer: Hashable, Sendable {
  /// Why its certificate is not trusted, or has not the name that was asked for.
  package enum Problem: Hashable, Sendable {
    /// It is signed by itself.
    case selfSigned
    /// The authority of this name is not trusted.
    case untrustedIssuer(String)
    /// It is not valid yet.
    case notYetValid
    /// It is not valid any more.
    case expired
    /// It is not meant for this.
    case purpose
    /// There are more certificates below the authority than the limit, which it names.
    case tooLong(Int)
    /// Any other, as the library numbers and calls it.
    case other(Int, String)
  }

  /// `nil` when its chain is trusted and it has the name that was asked for, if one was.
  package let problem: Problem?

  init(problem: Problem?) { self.problem = problem }

  /// - Parameter ssl: a session whose handshake is over.
  init?(_ ssl: OpaquePointer) {
    guard let certificate = SSL_get0_peer_certificate(ssl) else { return nil }
    let code = SSL_get_verify_result(ssl)
    problem = code == Int(X509_V_OK) ? nil : Self.problem(code, certificate, ssl)
  }

  private static func problem(
    _ code: Int, _ certificate: OpaquePointer, _ ssl: OpaquePointer
  ) -> Problem {
    switch Int32(truncatingIfNeeded: code) {
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT: .selfSigned
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
      X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN,
      X509_V_ERR_CERT_UNTRUSTED:
      .untrustedIssuer(name(X509_get_issuer_name(certificate)))
    case X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD: .notYetValid
    case X509_V_ERR_CERT_HAS_EXPIRED, X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD: .expired
    case X509_V_ERR_INVALID_PURPOSE: .purpose
    case X509_V_ERR_CERT_CHAIN_TOO_LONG: .tooLong(Int(SSL_get_verify_depth(ssl)))
    default:
      .other(code, X509_verify_cert_error_string(code).map { String(cString: $0) } ?? "unknown")
    }
  }

  /// The first bytes of a name, such as `/O=Example/CN=Example CA`.
  static func name(_ name: OpaquePointer?) -> String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
      guard let text = X509_NAME_oneline(name, buffer.baseAddress, Int32(buffer.count)) else {
        return "unknown"
      }
      return String(cString: text)
    }
  }
}

extension TLSPeer.Problem {
  /// The sentence for the log, in Postfix's words.
  ///
  /// - Parameters:
  ///   - role: what the peer is: `client` or `server`.
  ///   - name: the peer as lines of the log name it.
  package func text(role: String, name: String) -> String {
    let doubt = "certificate verification failed for \(name): "
    switch self {
    case .selfSigned: return "\(doubt)self-signed certificate"
    case .untrustedIssuer(let issuer): return "\(doubt)untrusted issuer \(issuer)"
    case .notYetValid: return "\(role) \(doubt)certificate not yet valid"
    case .expired: return "\(role) \(doubt)certificate has expired"
    case .purpose: return "\(doubt)not designated for use as a \(role) certificate"
    case .tooLong(let limit):
      return "\(doubt)certificate chain longer than limit(\(limit))"
    case .other(let code, let reason): return "\(role) \(doubt)num=\(code):\(reason)"
    }
  }
}

extension TLSSession {
  /// The digests of the peer's certificate and of its public key; `nil` when it has no certificate.
  ///
  /// - Parameter algorithm: a name for which `TLSDigest.isKnown`.
  package func peerFingerprints(_ algorithm: String) -> (certificate: [UInt8], key: [UInt8])? {
    guard let certificate = fingerprint(algorithm, ofKey: false),
      let key = fingerprint(algorithm, ofKey: true)
    else { return nil }
    return (certificate, key)
  }

  private func fingerprint(_ algorithm: String, ofKey: Bool) -> [UInt8]? {
    let digest = [UInt8](unsafeUninitializedCapacity: Int(EVP_MAX_MD_SIZE)) { buffer, count in
      count = Int(
        copenssl_peer_fingerprint(pointer, algorithm, ofKey ? 1 : 0, buffer.baseAddress))
    }
    return digest.isEmpty ? nil : digest
  }
}

/// The digests that the library has.
package enum TLSDigest {
  /// Whether fingerprints can be made with a digest of this name, such as `sha256`.
  package static func isKnown(_ name: String) -> Bool { EVP_get_digestbyname(name) != nil }
}
