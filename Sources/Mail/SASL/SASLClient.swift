import Primitives

/// The client's side of one exchange (RFC 4422) by PLAIN, LOGIN or CRAM-MD5: challenges in,
/// responses out, both as the letters of Base64.
package struct SASLClient: Sendable {
  /// Makes HMAC-MD5 of a text; `nil` where there is no MD5.
  package typealias CodeMaker = @Sendable (_ key: [UInt8], _ text: [UInt8]) -> [UInt8]?

  /// Why the exchange cannot go on, as Cyrus' library says it.
  package struct Failure: Error, Equatable {
    /// The reason in the log and in the result.
    package let reason: String

    static let protocolError = Failure(reason: "bad protocol / cancel")
    static let noMechanism = Failure(reason: "no mechanism available")
  }

  /// The mechanisms, the best first. The traits are those that Cyrus' library gives them.
  package static let mechanisms: [SASLMechanism] = [
    SASLMechanism("CRAM-MD5", [.active, .dictionary]),
    SASLMechanism("PLAIN", [.plaintext, .active, .dictionary]),
    SASLMechanism("LOGIN", [.plaintext, .active, .dictionary]),
  ]

  /// The mechanism in use.
  package let mechanism: SASLMechanism
  private let login: SASLLogin
  private let code: CodeMaker
  private var responses = 0

  /// Chooses the best mechanism.
  ///
  /// - Parameters:
  ///   - offered: what the server offers and may be used, in capitals.
  ///   - options: which mechanisms may be used.
  /// - Throws: that there is none.
  package init(
    _ login: SASLLogin, offered: [String], options: SASLSecurityOptions,
    code: @escaping CodeMaker
  ) throws(Failure) {
    let usable = Self.mechanisms.first { offered.contains($0.name) && options.allow($0) }
    guard let usable else { throw .noMechanism }
    mechanism = usable
    self.login = login
    self.code = code
  }

  /// What stands behind the mechanism in AUTH; `nil` for nothing.
  package mutating func initialResponse() -> [UInt8]? {
    guard mechanism.name == "PLAIN" else { return nil }
    responses += 1
    return Base64.encoded(plain)
  }

  /// The response to a challenge.
  package mutating func response(to challenge: some Collection<UInt8>) throws(Failure) -> [UInt8] {
    guard let text = Base64.decoded(challenge) else { throw .protocolError }
    defer { responses += 1 }
    switch (mechanism.name, responses) {
    case ("LOGIN", 0): return Base64.encoded(login.user)
    case ("LOGIN", 1): return Base64.encoded(login.password)
    case ("CRAM-MD5", 0) where !text.isEmpty:
      guard let digest = code(login.password, text) else { throw .noMechanism }
      // RFC 2195 2: the digest in small hexadecimal letters.
      return Base64.encoded(login.user + [ASCII.space] + Self.hexadecimal(digest))
    default: throw .protocolError
    }
  }

  /// RFC 4616 2, without another identity to act for.
  private var plain: [UInt8] { [0] + login.user + [0] + login.password }

  private static func hexadecimal(_ bytes: [UInt8]) -> [UInt8] {
    let digits = Array("0123456789abcdef".utf8)
    return bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
  }
}

/// What a configuration says about logging in to servers.
package struct SASLClientRules: Sendable {
  /// The mechanisms that `smtp_sasl_mechanism_filter` lets through, in capitals.
  package var mechanisms: Set<String>
  /// Which mechanisms may be used without TLS.
  package var options: SASLSecurityOptions
  /// Which may be used under TLS.
  package var optionsUnderTLS: SASLSecurityOptions
  /// Which may be used under TLS with a server that has proven who it is.
  package var optionsForVerified: SASLSecurityOptions
  /// Whether a login that is refused for good is tried again later.
  package var isSoft: Bool
  /// Makes codes for CRAM-MD5.
  package var code: SASLClient.CodeMaker

  /// Collects them.
  package init(
    mechanisms: Set<String>, options: SASLSecurityOptions, optionsUnderTLS: SASLSecurityOptions,
    optionsForVerified: SASLSecurityOptions, isSoft: Bool, code: @escaping SASLClient.CodeMaker
  ) {
    self.mechanisms = mechanisms
    self.options = options
    self.optionsUnderTLS = optionsUnderTLS
    self.optionsForVerified = optionsForVerified
    self.isSoft = isSoft
    self.code = code
  }
}
