package import Configuration
package import TLSEngine

/// How a service of `master.cf` speaks TLS as a server.
package struct ServerTLS: Sendable {
  /// Whether it does; `smtpd_use_tls`, `smtpd_enforce_tls` and the wrapper mode have their say.
  package enum Level: Sendable {
    /// It does not.
    case none
    /// It offers TLS.
    case may
    /// It takes no mail without TLS.
    case encrypt
  }

  /// Whether TLS is offered or demanded.
  package let level: Level
  /// Whether connections begin with TLS.
  package let isWrapped: Bool
  /// What sessions are made of; `nil` when there is no TLS, or no certificate for it.
  package let context: TLSContext?
  /// `smtpd_starttls_timeout`.
  package let handshakeTimeout: Duration
  /// `smtpd_tls_loglevel`.
  package let logLevel: Int
  /// The ciphers of versions before TLS 1.3, as OpenSSL writes them; empty without TLS.
  package let cipherList: String
  /// `smtpd_tls_received_header`.
  package let tellsInReceived: Bool
  /// Whether clients are asked for certificates.
  package let asksForCertificates: Bool
  /// Whether clients without a trusted certificate are sent away.
  package let requiresCertificates: Bool
  /// `smtpd_tls_fingerprint_digest`.
  package let fingerprintDigest: String

  /// Postfix's bounds of `smtpd_tls_session_cache_timeout`, but for 0.
  private static let ticketLifetimes = Duration.seconds(120)...Duration.seconds(100 * 86400)

  /// No TLS.
  package static let off = ServerTLS()

  private init() {
    level = .none
    isWrapped = false
    context = nil
    handshakeTimeout = .zero
    logLevel = 0
    cipherList = ""
    tellsInReceived = false
    asksForCertificates = false
    requiresCertificates = false
    fingerprintDigest = ""
  }

  /// Works out what a configuration says.
  ///
  /// - Parameters:
  ///   - configuration: with the service's `-o` settings.
  ///   - service: whose session tickets these are.
  ///   - material: the files that the configuration names.
  /// - Throws: the parameter that cannot be used, and why.
  package init(
    _ configuration: Configuration, service: String, material: KeyMaterial
  ) throws(TLSPolicyError) {
    level = Self.level(of: configuration)
    isWrapped = configuration[.smtpdTLSWrappermode]
    handshakeTimeout = configuration[.smtpdStarttlsTimeout]
    logLevel = configuration[.smtpdTLSLoglevel]
    tellsInReceived = configuration[.smtpdTLSReceivedHeader]
    asksForCertificates = Self.asksForCertificates(configuration)
    requiresCertificates = Self.requiresCertificates(configuration)
    fingerprintDigest = configuration[.smtpdTLSFingerprintDigest]
    guard level != .none else {
      context = nil
      cipherList = ""
      return
    }
    let credentials = try CredentialFiles.server.credentials(configuration, material)
    if credentials.isEmpty, level == .may {
      context = nil
      cipherList = ""
      return
    }
    guard !credentials.isEmpty else {
      throw TLSPolicyError(
        "smtpd_tls_chain_files", "TLS is demanded of service \(service) and has no certificate")
    }
    var settings = TLSServerSettings(name: "smtpd \(service)", credentials: credentials)
    try Self.fill(&settings, configuration, demanded: level == .encrypt)
    cipherList = settings.ciphers
    settings.ticketSecret = material.ticketSecret
    let lifetime = configuration[.smtpdTLSSessionCacheTimeout]
    if lifetime <= .zero { settings.ticketSecret = nil }
    let bounds = Self.ticketLifetimes
    settings.ticketLifetime = min(max(lifetime, bounds.lowerBound), bounds.upperBound)
    settings.nameLookup = try material.nameLookup(for: configuration)
    settings.clientCertificates = try Self.clientCertificates(configuration, material)
    do throws(TLSSetupError) {
      context = try TLSContext(server: settings)
    } catch {
      throw TLSPolicyError(
        Self.parameter(error.subject, configuration, demanded: level == .encrypt), "\(error)")
    }
  }

  /// The parameter that is to be mended.
  private static func parameter(
    _ subject: TLSSetupError.Subject, _ configuration: Configuration, demanded: Bool
  ) -> String {
    switch subject {
    case .file(let path):
      files(of: configuration).first { $0.path == path }?.parameter ?? "smtpd_tls_chain_files"
    case .versions: demanded ? "smtpd_tls_mandatory_protocols" : "smtpd_tls_protocols"
    case .ciphers: demanded ? "smtpd_tls_mandatory_exclude_ciphers" : "smtpd_tls_exclude_ciphers"
    case .groups: "tls_eecdh_auto_curves"
    case .library: "smtpd_tls_security_level"
    }
  }

  /// Whether all certificates that a configuration names can be used, also those of other names;
  /// throws the parameter that cannot.
  package static func check(
    _ configuration: Configuration, service: String, material: KeyMaterial
  ) throws(TLSPolicyError) {
    _ = try ServerTLS(configuration, service: service, material: material)
    if level(of: configuration) != .none { try material.checkNames(for: configuration) }
  }

  static func level(of configuration: Configuration) -> Level {
    if configuration[.smtpdTLSWrappermode] { return .encrypt }
    switch configuration[.smtpdTLSSecurityLevel] {
    case .none: return .none
    case .may: return .may
    case .encrypt: return .encrypt
    case .unset:
      if configuration[.smtpdEnforceTLS] { return .encrypt }
      return configuration[.smtpdUseTLS] ? .may : .none
    }
  }

  /// The files with keys and certificates, each behind the parameter that names it.
  static func files(of configuration: Configuration) -> [(parameter: String, path: String)] {
    CredentialFiles.server.files(of: configuration)
      + (asksForCertificates(configuration) ? Authorities.server.files(of: configuration) : [])
  }

  private static func fill(
    _ settings: inout TLSServerSettings, _ configuration: Configuration, demanded: Bool
  ) throws(TLSPolicyError) {
    let versions = configuration[demanded ? .smtpdTLSMandatoryProtocols : .smtpdTLSProtocols]
    settings.versions = TLSVersions(
      lowest: versions.lowest, highest: versions.highest, excluded: versions.excluded)
    let grade = configuration[demanded ? .smtpdTLSMandatoryCiphers : .smtpdTLSCiphers]
    var excluded = configuration[.smtpdTLSExcludeCiphers]
    if demanded { excluded += configuration[.smtpdTLSMandatoryExcludeCiphers] }
    // Who has no certificate to show cannot ask for one.
    if asksForCertificates(configuration) { excluded.append("aNULL") }
    settings.ciphers = configuration.cipherList(grade, excluding: excluded)
    settings.prefersOwnCiphers = configuration[.tlsPreemptCipherlist]
    settings.groups = configuration.keyExchangeGroups
    settings.options = try TLSOptions.named(by: configuration)
  }
}
