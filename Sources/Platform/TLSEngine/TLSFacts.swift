import COpenSSL

/// What the two sides of a session agreed on, for logs and trace fields.
package struct TLSFacts: Hashable, Sendable {
  /// `TLSv1.3`.
  package var protocolName: String
  /// `TLS_AES_256_GCM_SHA384`.
  package var cipher: String
  /// Bits of the cipher's key that are secret.
  package var secretBits: Int
  /// Bits of the cipher's key.
  package var algorithmBits: Int
  /// TLS 1.3: `X25519`, `ECDHE (prime256v1)`, `DHE (2048 bits)`.
  package var keyExchange: String?
  /// TLS 1.3: how the server signs: `ECDSA (prime256v1)`, `RSA-PSS (2048 bits)`.
  package var serverSignature: String?
  /// TLS 1.3, full handshake: the digest that was signed, `SHA256`.
  package var serverDigest: String?
  /// TLS 1.3: how the client signs, when it has a certificate.
  package var clientSignature: String?
  /// TLS 1.3, full handshake: the digest that the client signed.
  package var clientDigest: String?
  /// What the other side showed of itself; `nil` when it has no certificate.
  package var peer: TLSPeer?
  /// Whether an earlier session was taken up.
  package var isResumed: Bool
  /// The name that the client asked for, where a certificate of that name was found.
  package var serverName: String?
  /// The name that the client asked for, where there are certificates by name but none of this; as
  /// the client gave it.
  package var unknownName: String?

  init(_ ssl: OpaquePointer, isServer: Bool) {
    protocolName = SSL_get_version(ssl).map { String(cString: $0) } ?? "unknown"
    let current = SSL_get_current_cipher(ssl)
    cipher = SSL_CIPHER_get_name(current).map { String(cString: $0) } ?? "unknown"
    var bits: Int32 = 0
    secretBits = Int(SSL_CIPHER_get_bits(current, &bits))
    algorithmBits = Int(bits)
    isResumed = SSL_session_reused(ssl) == 1
    peer = TLSPeer(ssl)
    guard SSL_version(ssl) >= TLS1_3_VERSION else { return }
    if let key = copenssl_peer_ephemeral_key(ssl) {
      keyExchange = Self.exchange(key)
      EVP_PKEY_free(key)
    }
    let own = copenssl_signature_digest(ssl)
    // A client's certificate may have been there and not been asked for.
    let ownKey = isServer || own != NID_undef ? SSL_get_certificate(ssl) : nil
    let peerKey = SSL_get0_peer_certificate(ssl)
    let peers = copenssl_peer_signature_digest(ssl)
    serverSignature = Self.signature(of: isServer ? ownKey : peerKey)
    serverDigest = Self.digest(isServer ? own : peers)
    clientSignature = Self.signature(of: isServer ? peerKey : ownKey)
    clientDigest = Self.digest(isServer ? peers : own)
  }

  private static func digest(_ number: Int32) -> String? {
    number == NID_undef ? nil : String(cString: OBJ_nid2sn(number))
  }

  private static func signature(of certificate: OpaquePointer?) -> String? {
    certificate.flatMap { X509_get0_pubkey($0) }.map(signature)
  }

  private static func exchange(_ key: OpaquePointer) -> String {
    switch EVP_PKEY_get_id(key) {
    case EVP_PKEY_EC: "ECDHE (\(curve(key)))"
    case EVP_PKEY_DH: "DHE (\(EVP_PKEY_get_bits(key)) bits)"
    case let id: String(cString: OBJ_nid2sn(id))
    }
  }

  private static func signature(_ key: OpaquePointer) -> String {
    switch EVP_PKEY_get_id(key) {
    case EVP_PKEY_EC: "ECDSA (\(curve(key)))"
    case EVP_PKEY_RSA, EVP_PKEY_RSA_PSS: "RSA-PSS (\(EVP_PKEY_get_bits(key)) bits)"
    case let id: String(cString: OBJ_nid2sn(id))
    }
  }

  private static func curve(_ key: OpaquePointer) -> String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { buffer in
      var length = 0
      guard let name = buffer.baseAddress,
        EVP_PKEY_get_group_name(key, name, buffer.count, &length) == 1
      else { return "unknown" }
      return String(cString: name)
    }
  }

  /// `TLSv1.3 with cipher X (256/256 bits)`.
  package var cipherText: String {
    "\(protocolName) with cipher \(cipher) (\(secretBits)/\(algorithmBits) bits)"
  }

  /// `key-exchange X server-signature Y server-digest Z`, as far as they are known.
  package var serverSignatureText: String? {
    Self.text([
      ("key-exchange", keyExchange), ("server-signature", serverSignature),
      ("server-digest", serverDigest),
    ])
  }

  /// `client-signature Y client-digest Z`, as far as they are known.
  package var clientSignatureText: String? {
    Self.text([("client-signature", clientSignature), ("client-digest", clientDigest)])
  }

  /// What both sides signed with.
  package var signatureText: String? {
    guard let serverSignatureText else { return clientSignatureText }
    return clientSignatureText.map { "\(serverSignatureText) \($0)" } ?? serverSignatureText
  }

  private static func text(_ parts: [(name: String, value: String?)]) -> String? {
    let words = parts.compactMap { part in part.value.map { "\(part.name) \($0)" } }
    return words.isEmpty ? nil : words.joined(separator: " ")
  }
}
