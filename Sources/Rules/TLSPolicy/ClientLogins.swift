import AddressRewriting
package import Configuration
package import LookupTables
package import MailTypes
import Primitives
package import SASL
import TLSEngine

/// Who a transport is to the servers that it sends to: `smtp_sasl_password_maps`.
package struct ClientLogins: Sendable {
  private static let parameter = ListParameter.smtpSASLPasswordMaps.declaration.name

  private let passwords: TableSet
  /// Finds the entry of a sender; `nil` where senders have none.
  private let senders: AddressSearch?
  private let filter: DomainList
  private let rules: SASLClientRules

  /// What is known of a destination.
  package struct Answer: Sendable {
    /// Name and password; `nil` where nobody logs in.
    package let login: SASLLogin?
    /// How they may be sent.
    package let rules: SASLClientRules
  }

  /// Why it is not known.
  package struct Problem: Error, Hashable, Sendable {
    /// The line of the log; no password stands in it.
    package let warning: String
  }

  /// Reads what a configuration says; `nil` when nobody logs in.
  ///
  /// - Parameter opener: opens tables, their files as `KeyMaterial` has them.
  /// - Throws: the parameter that cannot be used, and why.
  package init?(_ configuration: Configuration, opener: TableOpener) throws(TLSPolicyError) {
    guard configuration[.smtpSASLAuthEnable] else { return nil }
    guard let options = configuration.saslClientOptions(.smtpSASLSecurityOptions),
      let underTLS = configuration.saslClientOptions(.smtpSASLTLSSecurityOptions),
      let forVerified = configuration.saslClientOptions(.smtpSASLTLSVerifiedSecurityOptions)
    else { throw TLSPolicyError("smtp_sasl_security_options", "see what check says") }
    do throws(LookupError) {
      passwords = try TableSet(configuration[.smtpSASLPasswordMaps], opener: opener)
    } catch {
      // What is wrong with inline: text would tell it.
      throw TLSPolicyError(Self.parameter, "a table cannot be opened: \(Self.reason(error))")
    }
    senders = try Self.senders(configuration, passwords, opener)
    do throws(LookupError) {
      filter = try DomainList(
        configuration[.smtpSASLMechanismFilter], style: .exact, opener: opener)
    } catch {
      throw TLSPolicyError("smtp_sasl_mechanism_filter", "\(error)")
    }
    rules = SASLClientRules(
      mechanisms: [], options: options, optionsUnderTLS: underTLS, optionsForVerified: forVerified,
      isSoft: configuration[.smtpSASLAuthSoftBounce],
      code: { AuthenticationCode.hmacMD5(key: $0, text: $1) })
  }

  /// Senders have logins in SMTP only: LMTP hands mail to this site's own servers.
  private static func senders(
    _ configuration: Configuration, _ passwords: TableSet, _ opener: TableOpener
  ) throws(TLSPolicyError) -> AddressSearch? {
    guard configuration[.smtpSenderDependentAuthentication], !configuration.isForLMTP else {
      return nil
    }
    let origin = configuration[.myorigin]
    do throws(LookupError) {
      let own = try DomainList(configuration[.mydestination], style: .exact, opener: opener)
      return AddressSearch(passwords, delimiters: configuration[.recipientDelimiter]) {
        domain throws(LookupError) in
        if ASCII.equalFolded(domain.utf8, origin.utf8) { return true }
        return try await own.contains(domain.utf8)
      }
    } catch {
      throw TLSPolicyError("mydestination", "\(error)")
    }
  }

  private static func reason(_ error: LookupError) -> String {
    switch error {
    case .unreadable, .unknownType: "\(error)"
    case .malformed, .badPattern, .failed: "its text does not follow the syntax"
    }
  }

  /// Looks up who this host is to a server.
  ///
  /// - Parameters:
  ///   - host: the server's name, or its address where it has none.
  ///   - nextHop: as `NextHop.key(ofFirstIn:)` gives it, with brackets and port.
  ///   - sender: the reverse-path of the mail.
  package func login(
    for host: String, nextHop: String, sender: MailAddress = .null
  ) async throws(Problem) -> Answer {
    if let senders, !sender.isNull {
      let found: AddressSearch.Match?
      do throws(LookupError) {
        found = try await senders.find(sender)
      } catch {
        throw Problem(warning: "\(Self.parameter) lookup error for \(sender)")
      }
      if let found { return try await answer(found.value, of: "\(sender)") }
    }
    for key in host == nextHop ? [host] : [host, nextHop] {
      let value: [UInt8]?
      do throws(LookupError) {
        value = try await passwords.find(Array(key.utf8))?.value
      } catch {
        throw Problem(warning: "\(Self.parameter) lookup error for \(key)")
      }
      guard let value else { continue }
      return try await answer(value, of: key)
    }
    return Answer(login: nil, rules: rules)
  }

  private func answer(_ value: [UInt8], of key: String) async throws(Problem) -> Answer {
    guard let login = SASLLogin(value) else {
      throw Problem(
        warning: "\(Self.parameter): the entry of \(key) is not user:password, or too long")
    }
    return Answer(login: login, rules: try await usableRules())
  }

  private func usableRules() async throws(Problem) -> SASLClientRules {
    var rules = rules
    for mechanism in SASLClient.mechanisms {
      do throws(LookupError) {
        let passes = filter.isEmpty ? true : try await filter.contains(mechanism.name.utf8)
        if passes { rules.mechanisms.insert(mechanism.name) }
      } catch {
        throw Problem(warning: "smtp_sasl_mechanism_filter lookup error for \(mechanism.name)")
      }
    }
    return rules
  }
}

/// Tables of passwords, which often are for root alone.
extension KeyMaterial {
  /// Contents of files by path, for `TableOpener`.
  package var contents: [String: [UInt8]] { files }

  /// Reads the files of a configuration's tables of passwords.
  mutating func takePasswords(
    of configuration: Configuration, _ read: Reader
  ) throws(TLSPolicyError) {
    guard configuration[.smtpSASLAuthEnable] else { return }
    let parameter = ListParameter.smtpSASLPasswordMaps.declaration.name
    for table in configuration[.smtpSASLPasswordMaps] {
      for path in TableOpener.files(of: table) { try take(path, of: parameter, read) }
    }
  }
}
