import Configuration
import LookupTables
import MailTypes
import TLSEngine

/// Policies by destination.
extension ClientTLS {
  /// What is wanted of a destination.
  package struct Answer: Sendable {
    /// The policy, or why there is none.
    package let policy: Result<ClientTLSPolicy, ClientTLSProblem>
    /// What was passed over, for the log.
    package var remarks: [String] = []
  }

  /// Whether destinations have policies of their own, so that `policy(for:)` has to be asked.
  package var asksTables: Bool { !maps.isEmpty }

  /// What is wanted where no table says anything.
  package var generalPolicy: Result<ClientTLSPolicy, ClientTLSProblem> { general }

  /// Asks the tables what is wanted of a destination.
  ///
  /// - Parameter nextHop: as `NextHop.key(ofFirstIn:)` gives it, with brackets and port.
  package func policy(for nextHop: String) async -> Answer {
    let destination = "smtp_tls_policy_maps, next-hop destination \"\(nextHop)\": "
    do throws(LookupError) {
      for key in Self.keys(of: nextHop) {
        guard let found = try await maps.find(Array(key.utf8)) else { continue }
        return answer(found.value, nextHop, destination)
      }
    } catch {
      return Answer(
        policy: .failure(
          ClientTLSProblem(["\(error)", destination + "policy table lookup error"])))
    }
    return Answer(policy: general.mapError { Self.named($0, nextHop) })
  }

  private func answer(_ value: [UInt8], _ nextHop: String, _ destination: String) -> Answer {
    do throws(PolicyEntry.Fault) {
      let entry = try PolicyEntry(value)
      let policy = Self.policy(entry.level, entry, configuration)
      return Answer(
        policy: policy.mapError { Self.named($0, nextHop) },
        remarks: entry.remarks.map { destination + $0 })
    } catch {
      return Answer(policy: .failure(ClientTLSProblem([destination + error.text])))
    }
  }

  /// A problem that has no destination yet is that of this one.
  private static func named(_ problem: ClientTLSProblem, _ nextHop: String) -> ClientTLSProblem {
    ClientTLSProblem(
      problem.warnings.map { "nexthop domain \(nextHop): \($0)" }, reason: problem.reason)
  }

  /// What a destination is looked up by: as it is, and a domain also by its parents.
  static func keys(of nextHop: String) -> [String] {
    guard HostSyntax.isHostname(nextHop.utf8) else { return [nextHop] }
    var keys = [nextHop]
    var rest = nextHop.dropFirst()
    while let dot = rest.firstIndex(of: ".") {
      keys.append(String(rest[dot...]))
      rest = rest[rest.index(after: dot)...]
    }
    return keys
  }

  static func general(
    _ level: ClientTLSLevel, _ configuration: Configuration
  ) -> Result<ClientTLSPolicy, ClientTLSProblem> {
    policy(level, nil, configuration)
  }

  /// The policy of a level, with what an entry of a table changes.
  private static func policy(
    _ level: ClientTLSLevel, _ entry: PolicyEntry?, _ configuration: Configuration
  ) -> Result<ClientTLSPolicy, ClientTLSProblem> {
    var policy: ClientTLSPolicy
    switch level {
    case .none, .unset: policy = .plaintext
    // RFC 7672 2.2: without usable records delivery goes on as if there were no DANE.
    case .may, .dane: policy = ClientTLSPolicy(level: .may)
    case .daneOnly:
      return .failure(ClientTLSProblem([], reason: "no TLSA records found"))
    case .encrypt: policy = ClientTLSPolicy(level: .encrypt)
    case .fingerprint: policy = ClientTLSPolicy(level: .fingerprint)
    case .verify: policy = ClientTLSPolicy(level: .verify)
    case .secure: policy = ClientTLSPolicy(level: .secure)
    }
    if configuration[.smtpTLSWrappermode], !policy.isMandatory {
      return .failure(
        ClientTLSProblem([
          "smtp_tls_wrappermode requires \"smtp_tls_security_level = encrypt\" (or stronger)"
        ]))
    }
    if policy.level == .none { return .success(policy) }
    policy.serverName = entry?.serverName ?? configuration[.smtpTLSServername]
    fill(&policy, entry, configuration)
    switch policy.level {
    case .fingerprint:
      let texts = entry?.match ?? []
      for text in texts.isEmpty ? configuration[.smtpTLSFingerprintCertMatch] : texts {
        if let digest = ClientTLSPolicy.fingerprint(text) { policy.fingerprints.insert(digest) }
      }
      guard !policy.fingerprints.isEmpty else {
        return .failure(
          ClientTLSProblem([
            "configured at fingerprint security level, but with no fingerprints to match."
          ]))
      }
    case .verify: policy.names = names(entry, configuration[.smtpTLSVerifyCertMatch])
    case .secure: policy.names = names(entry, configuration[.smtpTLSSecureCertMatch])
    case .none, .may, .encrypt: break
    }
    if policy.level >= .verify, policy.names.isEmpty {
      return .failure(ClientTLSProblem(["no names that the server's certificate may have"]))
    }
    return .success(policy)
  }

  private static func names(_ entry: PolicyEntry?, _ general: [String]) -> [String] {
    if let match = entry?.match, !match.isEmpty { return match }
    return general.flatMap { $0.split(separator: ":").map(String.init) }
  }

  private static func fill(
    _ policy: inout ClientTLSPolicy, _ entry: PolicyEntry?, _ configuration: Configuration
  ) {
    let demanded = policy.isMandatory
    let versions =
      entry?.versions ?? configuration[demanded ? .smtpTLSMandatoryProtocols : .smtpTLSProtocols]
    policy.versions = TLSVersions(
      lowest: versions.lowest, highest: versions.highest, excluded: versions.excluded)
    let grade =
      entry?.grade ?? configuration[demanded ? .smtpTLSMandatoryCiphers : .smtpTLSCiphers]
    var excluded = entry?.excluded ?? configuration[.smtpTLSExcludeCiphers]
    if demanded {
      if entry?.excluded == nil { excluded += configuration[.smtpTLSMandatoryExcludeCiphers] }
      // What demands encryption needs a cipher that encrypts; what demands proof, one that proves.
      excluded.append(policy.demandsProof ? "aNULL" : "eNULL")
    }
    policy.ciphers = configuration.cipherList(grade, excluding: excluded)
  }
}
