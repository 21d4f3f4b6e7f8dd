import COpenSSL
import Synchronization

/// Certificates by the name that a client asks for (RFC 6066 3), made ready at first use.
final class ServerNames: Sendable {
  /// The one owner of a context that has nothing but what a name may change.
  final class CertificateSet: @unchecked Sendable {
    let pointer: OpaquePointer

    init(
      _ credentials: [TLSCredential], like settings: TLSServerSettings
    ) throws(TLSSetupError) {
      guard let pointer = SSL_CTX_new(TLS_server_method()) else {
        throw .said(.library, "no context")
      }
      self.pointer = pointer
      TLSContext.leaveChoiceToSettings(pointer)
      for credential in credentials { try TLSContext.use(credential, in: pointer) }
      // A session takes all this from the context that it is given for a name.
      try TLSContext.apply(sharedBy: settings, to: pointer)
    }

    deinit { SSL_CTX_free(pointer) }
  }

  private let lookup: TLSServerSettings.NameLookup
  private let settings: TLSServerSettings
  /// At most one for each entry of the table.
  private let sets = Mutex<[String: CertificateSet]>([:])

  init(_ lookup: @escaping TLSServerSettings.NameLookup, like settings: TLSServerSettings) {
    self.lookup = lookup
    self.settings = settings
  }

  /// The certificates of a name; `nil` when it has none of its own.
  func find(_ name: String) throws(TLSSetupError) -> CertificateSet? {
    guard let (entry, credentials) = try lookup(name) else { return nil }
    if let known = sets.withLock({ $0[entry] }) { return known }
    let made = try CertificateSet(credentials, like: settings)
    sets.withLock { $0[entry] = made }
    return made
  }
}
