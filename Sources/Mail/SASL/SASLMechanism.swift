import Primitives

/// A way to prove who one is (RFC 4422), and what it gives away.
package struct SASLMechanism: Equatable, Sendable {
  /// What is known of the security of a mechanism.
  package struct Traits: OptionSet, Hashable, Sendable {
    /// The bits.
    package let rawValue: UInt8
    /// Wraps the bits.
    package init(rawValue: UInt8) { self.rawValue = rawValue }
    /// Who listens learns the password.
    package static let plaintext = Traits(rawValue: 1)
    /// Who stands in between can take part.
    package static let active = Traits(rawValue: 2)
    /// Who listens can try passwords.
    package static let dictionary = Traits(rawValue: 4)
    /// It proves nothing.
    package static let anonymous = Traits(rawValue: 8)
    /// A secret that is lost does not open earlier sessions.
    package static let forwardSecrecy = Traits(rawValue: 16)
    /// The server proves who it is, too.
    package static let mutualAuthentication = Traits(rawValue: 32)
    /// It is not to be offered.
    package static let hidden = Traits(rawValue: 64)
  }

  /// The name in capitals.
  package let name: String
  /// Its traits.
  package let traits: Traits

  /// Names a mechanism.
  package init(_ name: String, _ traits: Traits) {
    self.name = name
    self.traits = traits
  }

  /// The longest name (RFC 4422 3.1), in bytes.
  package static let nameLengthMax = 20

  /// Whether bytes are the name of a mechanism, in any case.
  package static func isName(_ bytes: some Collection<UInt8>) -> Bool {
    !bytes.isEmpty && bytes.count <= nameLengthMax
      && bytes.allSatisfy {
        ASCII.isLetter($0) || ASCII.isDigit($0) || $0 == UInt8(ascii: "-")
          || $0 == UInt8(ascii: "_")
      }
  }
}

/// Which mechanisms may be used: the words of `smtpd_sasl_security_options` and its kin.
package struct SASLSecurityOptions: Equatable, Sendable {
  /// A mechanism with one of these traits is refused.
  package private(set) var refused: SASLMechanism.Traits = []
  /// A mechanism without one of these traits is refused.
  package private(set) var required: SASLMechanism.Traits = []

  /// The words, in the order of Postfix's manual.
  package static let words = [
    "noplaintext", "noactive", "nodictionary", "noanonymous", "forward_secrecy", "mutual_auth",
  ]

  /// Reads words in any case; `nil` when one is none of `words`.
  package init?(_ words: some Sequence<String>) {
    for word in words {
      switch word.lowercased() {
      case "noplaintext": refused.insert(.plaintext)
      case "noactive": refused.insert(.active)
      case "nodictionary": refused.insert(.dictionary)
      case "noanonymous": refused.insert(.anonymous)
      case "forward_secrecy": required.insert(.forwardSecrecy)
      case "mutual_auth": required.insert(.mutualAuthentication)
      default: return nil
      }
    }
  }

  /// Whether a mechanism may be used.
  package func allow(_ mechanism: SASLMechanism) -> Bool {
    mechanism.traits.isDisjoint(with: refused) && mechanism.traits.isSuperset(of: required)
  }
}
