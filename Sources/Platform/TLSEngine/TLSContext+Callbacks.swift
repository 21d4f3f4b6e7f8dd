import COpenSSL

/// Where an `SSL` keeps a reference to its session's context.
let contextIndex = copenssl_session_index()

/// The context of a session that the library calls back for; the session keeps it alive.
private func context(of ssl: OpaquePointer?) -> TLSContext? {
  guard let ssl, let raw = SSL_get_ex_data(ssl, contextIndex) else { return nil }
  return Unmanaged<TLSContext>.fromOpaque(raw).takeUnretainedValue()
}

/// Gives the key of a ticket that is made, or of one that has come.
///
/// The answers are the library's: 1 to go on, 2 to go on and give a new ticket, 0 for an unknown
/// ticket, which leads to a full handshake, and -1 to give up.
func ticketCallback(
  _ ssl: OpaquePointer?, _ name: UnsafeMutablePointer<UInt8>?, _ iv: UnsafeMutablePointer<UInt8>?,
  _ cipher: OpaquePointer?, _ mac: OpaquePointer?, _ encrypt: Int32
) -> Int32 {
  guard let tickets = context(of: ssl)?.tickets, let name, let iv, let cipher, let mac else {
    return -1
  }
  if encrypt == 1 {
    let key = tickets.current
    guard RAND_bytes(iv, 16) == 1 else { return -1 }
    for (index, byte) in key.name.enumerated() { name[index] = byte }
    let isReady =
      EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), nil, key.cipher, iv) == 1
      && copenssl_set_ticket_mac(mac, key.mac, key.mac.count) == 1
    if isReady { steps(of: ssl)?.add(.issuesTicket(keyExpires: key.expires)) }
    return isReady ? 1 : -1
  }
  guard let (key, isOld) = tickets.find(UnsafeRawBufferPointer(start: name, count: 16)) else {
    return 0
  }
  let isReady =
    copenssl_set_ticket_mac(mac, key.mac, key.mac.count) == 1
    && EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), nil, key.cipher, iv) == 1
  if isReady { steps(of: ssl)?.add(.opensTicket(keyExpires: key.expires)) }
  return isReady ? (isOld ? 2 : 1) : -1
}

/// Takes the certificates of the name that the client asks for, or leaves the usual ones.
func serverNameCallback(
  _ ssl: OpaquePointer?, _ alert: UnsafeMutablePointer<Int32>?, _: UnsafeMutableRawPointer?
) -> Int32 {
  guard let ssl, let names = context(of: ssl)?.names,
    let text = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name)
  else { return SSL_TLSEXT_ERR_NOACK }
  do throws(TLSSetupError) {
    guard let set = try names.find(String(cString: text)) else { return SSL_TLSEXT_ERR_NOACK }
    return SSL_set_SSL_CTX(ssl, set.pointer) != nil
      ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL
  } catch {
    alert?.pointee = SSL_AD_INTERNAL_ERROR
    return SSL_TLSEXT_ERR_ALERT_FATAL
  }
}
