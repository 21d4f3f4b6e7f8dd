import COpenSSL

/// How a server asks its clients for certificates. Whether one is there, and can be trusted, ends
/// no handshake: `TLSFacts.peer` says it.
package struct TLSClientCertificates: Sendable {
  /// The most bytes of the names of authorities that clients are told: what goes with them must
  /// have room in a list of 65,535 bytes (RFC 8446 4.2.4).
  package static let namesSizeMax = 60_000

  /// The most bytes of the chain that a client may send.
  package static let chainSizeMax = 100 << 10

  /// Whom the server trusts; nobody by default.
  package var trust: TLSTrust?
  /// The authorities that clients are told of, so that they can choose a certificate.
  package var named: PEMFile?
  /// The most certificates between a client's own and its authority.
  package var depth = 9

  /// Trusts nobody.
  package init() {}

  /// What a session that was made under these settings may be resumed under: only the same.
  var identity: [UInt8] { (trust?.digest ?? []) + Array(" \(depth)".utf8) }

  /// Throws what is wrong with the names of the authorities.
  func apply(to pointer: OpaquePointer) throws(TLSSetupError) {
    copenssl_ask_for_certificates(pointer)
    copenssl_limit_chain(pointer, Self.chainSizeMax)
    SSL_CTX_set_verify_depth(pointer, Int32(clamping: depth))
    if let trust { copenssl_set_trust(pointer, trust.pointer) }
    guard let named else { return }
    var size = 0
    for case .certificate(let certificate) in try PEMReader.objects(of: named) {
      size += copenssl_size_of_name(X509_get_subject_name(certificate.pointer))
      guard size <= Self.namesSizeMax else {
        throw TLSSetupError(
          file: named.name,
          "the names of its authorities take over \(Self.namesSizeMax) bytes, more than clients "
            + "can be told")
      }
      guard SSL_CTX_add_client_CA(pointer, certificate.pointer) == 1 else {
        throw .said(.file(named.name), "the name of an authority cannot be used")
      }
    }
  }
}
