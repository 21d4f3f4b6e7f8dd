import COpenSSL

/// What the TLS sessions of a listener, or towards a destination, have in common.
///
/// It owns its `SSL_CTX`, which nothing changes once it is made: the library counts references to
/// it with atomics, so that any thread may make sessions.
package final class TLSContext: @unchecked Sendable {
  let pointer: OpaquePointer
  let tickets: TicketKeys?
  let names: ServerNames?

  init(_ pointer: OpaquePointer, tickets: TicketKeys?, names: ServerNames?) {
    self.pointer = pointer
    self.tickets = tickets
    self.names = names
  }

  deinit { SSL_CTX_free(pointer) }

  /// A context for the server's side.
  ///
  /// Throws what is wrong with a certificate, a key or a setting, and in which file.
  package convenience init(server settings: TLSServerSettings) throws(TLSSetupError) {
    try self.init(server: settings, clock: nil)
  }

  /// - Parameter clock: what the keys of tickets take for the wall clock, in seconds.
  convenience init(
    server settings: TLSServerSettings, clock: (@Sendable () -> Int64)?
  ) throws(TLSSetupError) {
    let tickets = settings.ticketSecret.map { secret in
      if let clock {
        return TicketKeys(
          secret, context: settings.name, interval: settings.ticketLifetime, now: clock)
      }
      return TicketKeys(secret, context: settings.name, interval: settings.ticketLifetime)
    }
    let pointer = try Self.make(TLS_server_method())
    self.init(
      pointer, tickets: tickets,
      names: settings.nameLookup.map { ServerNames($0, like: settings) })
    for credential in settings.credentials { try Self.use(credential, in: pointer) }
    try apply(settings)
  }

  /// A context for the client's side that does not verify whom it speaks with.
  package static func unverifiedClient(
    versions: TLSVersions = TLSVersions(), ciphers: String? = nil
  ) throws(TLSSetupError) -> TLSContext {
    let context = TLSContext(try make(TLS_client_method()), tickets: nil, names: nil)
    try context.apply(versions)
    if let ciphers, SSL_CTX_set_cipher_list(context.pointer, ciphers) != 1 {
      throw .said(.ciphers, "cipher list \(ciphers)")
    }
    return context
  }

  static func make(_ method: OpaquePointer?) throws(TLSSetupError) -> OpaquePointer {
    ERR_clear_error()
    guard let pointer = SSL_CTX_new(method) else { throw .said(.library, "cannot begin TLS") }
    leaveChoiceToSettings(pointer)
    copenssl_set_mode(pointer, copenssl_session_mode)
    copenssl_disable_session_cache(pointer)
    // One read of the socket takes a whole record with its header.
    copenssl_set_read_ahead(pointer)
    SSL_CTX_set_options(
      pointer,
      copenssl_op_no_renegotiation | copenssl_op_no_compression
        | copenssl_op_ignore_unexpected_eof)
    return pointer
  }

  /// What versions, ciphers and keys may be used is for the settings to say, as in Postfix, and not
  /// for the security level of the system: who can do no better would get mail without TLS.
  static func leaveChoiceToSettings(_ pointer: OpaquePointer) {
    SSL_CTX_set_security_level(pointer, 0)
  }

  /// Puts keys and certificates into a context.
  static func use(
    _ credential: TLSCredential, in pointer: OpaquePointer
  ) throws(TLSSetupError) {
    for chain in try credential.chains() {
      guard let issuers = copenssl_new_chain() else { throw .said(.library, "no memory") }
      defer { copenssl_free_chain(issuers) }
      for issuer in chain.issuers {
        X509_up_ref(issuer.pointer)
        guard copenssl_push_chain(issuers, issuer.pointer) != 0 else {
          X509_free(issuer.pointer)
          throw .said(.library, "no memory")
        }
      }
      ERR_clear_error()
      guard X509_check_private_key(chain.certificate.pointer, chain.key.pointer) == 1 else {
        ERR_clear_error()
        throw TLSSetupError(file: chain.file, "the private key is not that of the certificate")
      }
      guard
        SSL_CTX_use_cert_and_key(
          pointer, chain.certificate.pointer, chain.key.pointer, issuers, 1) == 1
      else { throw .said(.file(chain.file), "the certificate cannot be used") }
    }
  }

  private func apply(_ settings: TLSServerSettings) throws(TLSSetupError) {
    try apply(settings.versions)
    guard SSL_CTX_set_cipher_list(pointer, settings.ciphers) == 1 else {
      throw .said(.ciphers, "cipher list \(settings.ciphers)")
    }
    var options = settings.options.rawValue
    if settings.prefersOwnCiphers { options |= copenssl_op_server_preference }
    SSL_CTX_set_options(pointer, options)
    try apply(groups: settings.groups)
    copenssl_set_automatic_dh(pointer)
    try Self.apply(sharedBy: settings, to: pointer)
    if tickets != nil, options & copenssl_op_no_ticket == 0 {
      SSL_CTX_set_timeout(pointer, Int(settings.ticketLifetime.components.seconds))
      SSL_CTX_set_num_tickets(pointer, 1)
      _ = copenssl_set_ticket_callback(pointer, ticketCallback)
    } else {
      SSL_CTX_set_options(pointer, copenssl_op_no_ticket)
      SSL_CTX_set_num_tickets(pointer, 0)
    }
    if names != nil { copenssl_set_server_name_callback(pointer, serverNameCallback, nil) }
  }

  func apply(_ versions: TLSVersions) throws(TLSSetupError) {
    guard copenssl_set_min_version(pointer, Int32(versions.lowest)) == 1,
      copenssl_set_max_version(pointer, Int32(versions.highest)) == 1
    else {
      let bounds = [versions.lowest, versions.highest].map { String($0, radix: 16) }
      throw .said(.versions, "protocol versions from \(bounds[0]) to \(bounds[1])")
    }
    SSL_CTX_set_options(pointer, versions.options)
  }

  func apply(groups: [String]) throws(TLSSetupError) {
    let known = groups.filter { copenssl_set_groups(pointer, $0) == 1 }
    ERR_clear_error()
    guard !groups.isEmpty else { return }
    guard !known.isEmpty, copenssl_set_groups(pointer, known.joined(separator: ":")) == 1 else {
      throw .said(.groups, "groups \(groups.joined(separator: " "))")
    }
  }

  /// What the contexts of all names of a server have in common. A session made under one name, or
  /// under other settings about certificates of clients, cannot be resumed under another: whom a
  /// server trusts is decided when a client proves who it is, and kept with the session.
  static func apply(
    sharedBy settings: TLSServerSettings, to pointer: OpaquePointer
  ) throws(TLSSetupError) {
    try settings.clientCertificates?.apply(to: pointer)
    let identity = Array(settings.name.utf8) + (settings.clientCertificates?.identity ?? [])
    var digest = [UInt8](repeating: 0, count: 32)
    guard copenssl_hmac_sha256([], 0, identity, identity.count, &digest) == 1,
      SSL_CTX_set_session_id_context(pointer, digest, 32) == 1
    else { throw .said(.library, "session context \(settings.name)") }
  }
}
