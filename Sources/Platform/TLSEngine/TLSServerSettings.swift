import COpenSSL

/// Which versions of the protocol a context speaks, by their numbers: 0x0301 is TLS 1.0.
package struct TLSVersions: Hashable, Sendable {
  /// The lowest; 0 for the library's own bound.
  package var lowest: UInt16
  /// The highest; 0 for the library's own bound.
  package var highest: UInt16
  /// Versions between the two that are not spoken.
  package var excluded: Set<UInt16>

  /// Bounds and holes between them.
  package init(lowest: UInt16 = 0, highest: UInt16 = 0, excluded: Set<UInt16> = []) {
    self.lowest = lowest
    self.highest = highest
    self.excluded = excluded
  }

  /// The options that keep the excluded versions out.
  var options: UInt64 {
    let all: [(UInt16, UInt64)] = [
      (0x0300, copenssl_op_no_sslv3), (0x0301, copenssl_op_no_tlsv1),
      (0x0302, copenssl_op_no_tlsv1_1), (0x0303, copenssl_op_no_tlsv1_2),
      (0x0304, copenssl_op_no_tlsv1_3),
    ]
    return all.reduce(0) { excluded.contains($1.0) ? $0 | $1.1 : $0 }
  }
}

/// Options of the library by the names that `tls_ssl_options` has for them.
package struct TLSOptions: OptionSet, Sendable {
  /// The library's bits.
  package let rawValue: UInt64

  /// Takes the library's bits as they are.
  package init(rawValue: UInt64) { self.rawValue = rawValue }

  /// The work-arounds for the bugs of others that the library recommends.
  package static let workarounds = TLSOptions(rawValue: copenssl_op_all)
  /// The system encrypts what is sent, where its kernel can.
  package static let kernelTLS = TLSOptions(rawValue: copenssl_op_enable_ktls)

  /// The option of a name without `SSL_OP_`, in any case, or of a number like `0x40`.
  package init?(name: String) {
    let upper = name.uppercased()
    if upper.hasPrefix("0X") {
      guard let bits = UInt64(upper.dropFirst(2), radix: 16) else { return nil }
      self.init(rawValue: bits)
    } else {
      guard let bits = Self.names[upper] else { return nil }
      self.init(rawValue: bits)
    }
  }

  /// The names that are known, sorted.
  package static var knownNames: [String] { names.keys.sorted() }

  private static let names: [String: UInt64] = [
    "ENABLE_KTLS": copenssl_op_enable_ktls,
    "ENABLE_MIDDLEBOX_COMPAT": copenssl_op_enable_middlebox_compat,
    "LEGACY_SERVER_CONNECT": copenssl_op_legacy_server_connect,
    "NO_COMPRESSION": copenssl_op_no_compression,
    "NO_RENEGOTIATION": copenssl_op_no_renegotiation,
    "NO_TICKET": copenssl_op_no_ticket,
    "PRIORITIZE_CHACHA": copenssl_op_prioritize_chacha,
    "TLSEXT_PADDING": copenssl_op_tlsext_padding,
    "CRYPTOPRO_TLSEXT_BUG": copenssl_op_cryptopro_tlsext_bug,
    "DONT_INSERT_EMPTY_FRAGMENTS": copenssl_op_dont_insert_empty_fragments,
  ]
}

/// How a server speaks TLS.
package struct TLSServerSettings: Sendable {
  /// Finds what proves a name that the client asks for (RFC 6066 3): a name of the entry, under
  /// which it is kept, and the credentials; `nil` when there is none. There are few entries,
  /// however many names. It throws when it cannot tell.
  package typealias NameLookup =
    @Sendable (_ name: String) throws(TLSSetupError) -> (
      entry: String, credentials: [TLSCredential]
    )?

  /// Keys and certificates, of several algorithms together.
  package var credentials: [TLSCredential]
  /// The versions of the protocol.
  package var versions = TLSVersions(lowest: 0x0301)
  /// The ciphers up to TLS 1.2, as the library writes lists of them.
  package var ciphers = "HIGH:MEDIUM:!aNULL"
  /// Whether the server's order of ciphers counts and not the client's.
  package var prefersOwnCiphers = false
  /// The groups for the key exchange, the best first; those that the library does not know are
  /// left out.
  package var groups = ["X25519", "X448", "prime256v1", "secp521r1", "secp384r1"]
  /// More of the library's options. Renegotiation and compression are always off.
  package var options: TLSOptions = [.workarounds]
  /// Whose tickets these are: a ticket of another name is not accepted.
  package var name: String
  /// The secret of the session tickets; without one none are given.
  package var ticketSecret: TicketSecret?
  /// How long a session can be resumed.
  package var ticketLifetime = Duration.seconds(3600)
  /// Certificates by the name that the client asks for.
  package var nameLookup: NameLookup?
  /// How clients are asked for certificates; `nil` when they are not.
  package var clientCertificates: TLSClientCertificates?

  /// Settings at their defaults.
  package init(name: String, credentials: [TLSCredential]) {
    self.name = name
    self.credentials = credentials
  }
}
