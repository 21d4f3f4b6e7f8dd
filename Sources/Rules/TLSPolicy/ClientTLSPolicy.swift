package import TLSEngine

/// How much TLS is wanted of one destination, and what its server has to show.
package struct ClientTLSPolicy: Hashable, Sendable {
  /// What `smtp_tls_security_level` comes to; the order is that of strictness.
  package enum Level: Int, Comparable, Sendable {
    /// No TLS.
    case none
    /// TLS where it is offered.
    case may
    /// No mail without TLS.
    case encrypt
    /// No mail to a server without a known fingerprint.
    case fingerprint
    /// No mail to a server without a trusted certificate of its name.
    case verify
    /// No mail to a server without a trusted certificate of the destination's name.
    case secure

    package static func < (left: Level, right: Level) -> Bool { left.rawValue < right.rawValue }
  }

  /// How much TLS is wanted.
  package var level: Level
  /// The versions of the protocol.
  package var versions = TLSVersions()
  /// The ciphers up to TLS 1.2, as OpenSSL writes lists of them.
  package var ciphers = ""
  /// The names of which the certificate must have one, at `verify` and `secure`: names, names of
  /// all that is below with a dot before them, or `nexthop`, `dot-nexthop`, `hostname`.
  package var names: [String] = []
  /// Digests of the certificates and keys that are known, at `fingerprint`.
  package var fingerprints: Set<[UInt8]> = []
  /// What servers are asked for (RFC 6066 3): a name, `nexthop`, `hostname`, or nothing.
  package var serverName = ""

  /// Whether mail goes out with TLS only.
  package var isMandatory: Bool { level >= .encrypt }
  /// Whether the server has to prove who it is.
  package var demandsProof: Bool { level > .encrypt }

  /// No TLS.
  package static let plaintext = ClientTLSPolicy(level: .none)

  /// The names that the certificate of a server may have.
  ///
  /// - Parameters:
  ///   - nextHop: the destination's name without brackets and port.
  ///   - host: the server's name, or its address where it has none.
  package func expectedNames(nextHop: String, host: String) -> [String] {
    guard level >= .verify else { return [] }
    return names.map { name in
      switch name.lowercased() {
      case "nexthop": nextHop
      case "dot-nexthop": "." + nextHop
      case "hostname": host
      default: name
      }
    }
  }

  /// The name that the server is asked for; `nil` for none.
  package func askedName(nextHop: String, host: String) -> String? {
    let name =
      switch serverName.lowercased() {
      case "nexthop": nextHop
      case "hostname": host
      default: serverName
      }
    return name.isEmpty ? nil : name
  }

  /// The bytes of a fingerprint such as `0A:1b:2C`; `nil` for what is none.
  static func fingerprint(_ text: some StringProtocol) -> [UInt8]? {
    var bytes: [UInt8] = []
    let digits = Array(text.utf8.filter { $0 != UInt8(ascii: ":") })
    guard !digits.isEmpty, digits.count.isMultiple(of: 2) else { return nil }
    for start in stride(from: 0, to: digits.count, by: 2) {
      guard
        let byte = UInt8(String(decoding: digits[start...start + 1], as: UTF8.self), radix: 16)
      else { return nil }
      bytes.append(byte)
    }
    return bytes
  }
}

/// Why nothing can be sent to a destination: its policy makes no sense, or cannot be kept to.
package struct ClientTLSProblem: Error, Hashable, Sendable {
  /// What the log says of it, with the table and the entry at fault.
  package let warnings: [String]
  /// What the sender of the mail may read.
  package let reason: String

  /// Explains it; each warning is a line of the log.
  package init(_ warnings: [String], reason: String = "client TLS configuration problem") {
    self.warnings = warnings
    self.reason = reason
  }
}
