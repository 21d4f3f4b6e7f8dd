package import Configuration
package import LookupTables
import MailTypes
import Primitives
package import TLSEngine

/// How a transport speaks TLS as a client.
package struct ClientTLS: Sendable {
  /// `smtp_tls_wrappermode`: connections begin with TLS.
  package let isWrapped: Bool
  /// `smtp_starttls_timeout`.
  package let handshakeTimeout: Duration
  /// `smtp_tls_loglevel`.
  package let logLevel: Int
  /// `smtp_tls_note_starttls_offer`.
  package let notesOffers: Bool
  /// How long a session can be taken up again; zero is never.
  package let sessionLifetime: Duration
  /// How long mail must have waited before a handshake that failed is made good without TLS, where
  /// TLS is optional.
  package let fallbackAge: Duration
  /// `smtp_tls_fingerprint_digest`.
  package let digest: String
  /// `tls_wildcard_matches_multiple_labels`.
  package let wildcardsMatchLabels: Bool
  /// What an administrator should know.
  package let warnings: [String]

  /// What holds where no table says anything.
  let general: Result<ClientTLSPolicy, ClientTLSProblem>
  let maps: TableSet
  let configuration: Configuration
  private let settings: TLSClientSettings

  /// Postfix's bounds of `smtp_tls_session_cache_timeout`, but for 0.
  private static let sessionLifetimes = Duration.seconds(120)...Duration.seconds(100 * 86400)

  /// Works out what a configuration says.
  ///
  /// - Parameters:
  ///   - configuration: with the transport's `-o` settings.
  ///   - material: the files that the configuration names.
  ///   - opener: opens the tables of policies.
  /// - Throws: the parameter that cannot be used, and why.
  package init(
    _ configuration: Configuration, material: KeyMaterial, opener: TableOpener
  ) throws(TLSPolicyError) {
    self.configuration = configuration
    isWrapped = configuration[.smtpTLSWrappermode]
    handshakeTimeout = configuration[.smtpStarttlsTimeout]
    logLevel = configuration[.smtpTLSLoglevel]
    notesOffers = configuration[.smtpTLSNoteStarttlsOffer]
    fallbackAge = configuration[.minimalBackoffTime]
    wildcardsMatchLabels = configuration[.tlsWildcardMatchesMultipleLabels]
    digest = configuration[.smtpTLSFingerprintDigest]
    let lifetime = configuration[.smtpTLSSessionCacheTimeout]
    let bounds = Self.sessionLifetimes
    sessionLifetime =
      configuration[.smtpTLSSessionCacheDatabase].isEmpty || lifetime <= .zero
      ? .zero : min(max(lifetime, bounds.lowerBound), bounds.upperBound)
    do throws(LookupError) {
      maps = try TableSet(configuration[.smtpTLSPolicyMaps], opener: opener)
    } catch {
      throw TLSPolicyError("smtp_tls_policy_maps", "\(error)")
    }
    let level = Self.level(of: configuration)
    try Self.check(level, configuration)
    warnings = Self.warnings(of: configuration)
    general = Self.general(level, configuration)
    settings =
      Self.isUsed(by: configuration) ? try Self.settings(configuration, material) : .init()
  }

  /// What an administrator should know; each begins with the parameter.
  package static func warnings(of configuration: Configuration) -> [String] {
    guard level(of: configuration) == .dane else { return [] }
    return [
      "smtp_tls_security_level: TLSA records are not looked up: dane is may to all destinations"
    ]
  }

  /// Whether a transport may speak TLS at all, so that its files are needed.
  static func isUsed(by configuration: Configuration) -> Bool {
    level(of: configuration) != .none || !configuration[.smtpTLSPolicyMaps].isEmpty
  }

  static func level(of configuration: Configuration) -> ClientTLSLevel {
    let level = configuration[.smtpTLSSecurityLevel]
    guard level == .unset else { return level }
    if configuration[.smtpEnforceTLS] {
      return configuration[.smtpTLSEnforcePeername] ? .verify : .encrypt
    }
    return configuration[.smtpUseTLS] ? .may : .none
  }

  /// What can never work is refused at the start.
  private static func check(
    _ level: ClientTLSLevel, _ configuration: Configuration
  ) throws(TLSPolicyError) {
    if level == .daneOnly {
      throw TLSPolicyError(
        "smtp_tls_security_level",
        "dane-only needs TLSA records, which are not looked up; use secure or encrypt")
    }
    if configuration[.smtpTLSWrappermode], [.none, .may, .dane].contains(level),
      configuration[.smtpTLSPolicyMaps].isEmpty
    {
      throw TLSPolicyError(
        "smtp_tls_wrappermode", "it needs smtp_tls_security_level = encrypt, or a stricter one")
    }
    guard TLSDigest.isKnown(configuration[.smtpTLSFingerprintDigest]) else {
      throw TLSPolicyError(
        "smtp_tls_fingerprint_digest",
        "unknown digest \(configuration[.smtpTLSFingerprintDigest])")
    }
    for text in configuration[.smtpTLSFingerprintCertMatch]
    where ClientTLSPolicy.fingerprint(text) == nil {
      throw TLSPolicyError(
        "smtp_tls_fingerprint_cert_match", "\(text) is no fingerprint such as 1A:2B:3C")
    }
  }

  /// Makes the context for a policy; throws what is wrong with a setting.
  package func context(for policy: ClientTLSPolicy) throws(TLSSetupError) -> TLSContext {
    var settings = settings
    settings.versions = policy.versions
    settings.ciphers = policy.ciphers
    return try TLSContext(client: settings)
  }

  /// Whether all that a configuration names can be used; throws the parameter that cannot.
  package static func check(
    _ configuration: Configuration, material: KeyMaterial, opener: TableOpener
  ) throws(TLSPolicyError) -> ClientTLS {
    let tls = try ClientTLS(configuration, material: material, opener: opener)
    // Also where only tables ask for TLS.
    guard isUsed(by: configuration) else { return tls }
    for level in [ClientTLSLevel.may, .encrypt] {
      guard case .success(let policy) = general(level, configuration) else { continue }
      do throws(TLSSetupError) {
        _ = try tls.context(for: policy)
      } catch {
        throw TLSPolicyError(
          parameter(error.subject, configuration, demanded: level == .encrypt), "\(error)")
      }
    }
    return tls
  }

  /// The parameter that is to be mended.
  private static func parameter(
    _ subject: TLSSetupError.Subject, _ configuration: Configuration, demanded: Bool
  ) -> String {
    switch subject {
    case .file(let path):
      files(of: configuration).first { $0.path == path }?.parameter ?? "smtp_tls_CApath"
    case .versions: demanded ? "smtp_tls_mandatory_protocols" : "smtp_tls_protocols"
    case .ciphers: demanded ? "smtp_tls_mandatory_exclude_ciphers" : "smtp_tls_exclude_ciphers"
    case .groups: "tls_eecdh_auto_curves"
    case .library: "smtp_tls_security_level"
    }
  }
}
