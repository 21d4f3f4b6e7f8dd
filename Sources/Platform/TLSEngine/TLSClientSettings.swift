import COpenSSL

/// The authorities that certificates are trusted by, shared by many contexts.
package final class TLSTrust: @unchecked Sendable {
  let pointer: OpaquePointer
  /// How many there are.
  package let count: Int
  /// A digest of the files: others have another.
  let digest: [UInt8]

  /// Takes the certificates of PEM files; throws what is wrong with one, and in which file.
  package init(_ files: [PEMFile]) throws(TLSSetupError) {
    ERR_clear_error()
    guard let pointer = X509_STORE_new() else { throw .said(.library, "no memory") }
    self.pointer = pointer
    var count = 0
    for file in files {
      let before = count
      for case .certificate(let certificate) in try PEMReader.objects(of: file) {
        guard X509_STORE_add_cert(pointer, certificate.pointer) == 1 else {
          throw .said(.file(file.name), "a certificate cannot be used")
        }
        count += 1
      }
      if count == before { throw TLSSetupError(file: file.name, "no certificate in it") }
    }
    self.count = count
    digest = try Self.digest(files)
  }

  deinit { X509_STORE_free(pointer) }

  private static func digest(_ files: [PEMFile]) throws(TLSSetupError) -> [UInt8] {
    var whole = [UInt8](repeating: 0, count: 32)
    for file in files {
      let key = whole
      guard
        copenssl_hmac_sha256(key, key.count, file.bytes, file.bytes.count, &whole) == 1
      else { throw .said(.file(file.name), "no digest of it can be made") }
    }
    return whole
  }
}

/// How a client speaks TLS.
package struct TLSClientSettings: Sendable {
  /// Keys and certificates for servers that ask for them.
  package var credentials: [TLSCredential] = []
  /// The versions of the protocol.
  package var versions = TLSVersions(lowest: 0x0301)
  /// The ciphers up to TLS 1.2, as the library writes lists of them.
  package var ciphers = "HIGH:MEDIUM"
  /// The groups for the key exchange, the best first; those that the library does not know are
  /// left out.
  package var groups: [String] = []
  /// More of the library's options. Renegotiation and compression are always off.
  package var options: TLSOptions = [.workarounds]
  /// Whom the client trusts; nobody by default.
  package var trust: TLSTrust?
  /// The most certificates between a server's own and its authority.
  package var depth = 9

  /// Settings at their defaults.
  package init() {}
}

extension TLSContext {
  /// A context for the client's side. Whether the server can be trusted does not end a handshake:
  /// `TLSFacts.peer` says it.
  ///
  /// Throws what is wrong with a certificate, a key or a setting, and in which file.
  package convenience init(client settings: TLSClientSettings) throws(TLSSetupError) {
    self.init(try Self.make(TLS_client_method()), tickets: nil, names: nil)
    try apply(settings.versions)
    guard SSL_CTX_set_cipher_list(pointer, settings.ciphers) == 1 else {
      throw .said(.ciphers, "cipher list \(settings.ciphers)")
    }
    SSL_CTX_set_options(pointer, settings.options.rawValue)
    try apply(groups: settings.groups)
    for credential in settings.credentials { try Self.use(credential, in: pointer) }
    SSL_CTX_set_verify_depth(pointer, Int32(clamping: settings.depth))
    if let trust = settings.trust { copenssl_set_trust(pointer, trust.pointer) }
  }
}
