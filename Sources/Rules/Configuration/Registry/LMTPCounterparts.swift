import Primitives

/// The parameters of TLS and logins that LMTP has under names of its own: each `lmtp_` name means
/// for LMTP servers what the `smtp_` name means for others, with the same type and bounds.
enum LMTPCounterparts {
  /// Defaults that are not those of the `smtp_` name.
  private static let exceptions = ["lmtp_tls_secure_cert_match": "nexthop"]

  /// The `smtp_` names that have a counterpart.
  private static let originals: [Declaration] = {
    let keys: [any ParameterKey] =
      Registry.tlsClient + Registry.saslClient + [DurationParameter.smtpStarttlsTimeout]
    return keys.map(\.declaration).filter { declaration in
      stems.contains { declaration.name.hasPrefix($0) }
    }
  }()

  /// What the names begin with that have a counterpart.
  private static let stems = [
    "smtp_tls_", "smtp_sasl_", "smtp_use_tls", "smtp_enforce_tls", "smtp_starttls_",
  ]

  /// The declarations of the counterparts.
  static let declarations = originals.map { original in
    let name = counterpart(of: original)
    guard case .text(let text) = original.defaultValue else {
      preconditionFailure("\(original.name) has no text as its default")
    }
    return Declaration(
      name, default: exceptions[name] ?? renamed(text), original.kind,
      "LMTP: " + original.summary)
  }

  private static func counterpart(of original: Declaration) -> String {
    "l" + original.name.dropFirst()
  }

  private static let originalNames = Set(originals.map(\.name))
  /// What may stand before and behind a parameter's name: neither belongs to the name of a file.
  private static let openings = Set(" ${('\",=".utf8)
  private static let closings = Set(" })'\",=:;?".utf8)

  /// A text with the names of LMTP in place of those of SMTP.
  static func renamed(_ text: String) -> String {
    var out: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let word = rest.prefix { ASCII.isLetter($0) || ASCII.isDigit($0) || $0 == UInt8(ascii: "_") }
      rest = rest.dropFirst(word.count)
      let standsAlone =
        out.last.map(openings.contains) != false && rest.first.map(closings.contains) != false
      if standsAlone, originalNames.contains(word.text) {
        out += Array("l".utf8) + word.dropFirst()
      } else {
        out += word
      }
      if let next = rest.popFirst() { out.append(next) }
    }
    return String(decoding: out, as: UTF8.self)
  }

  /// Assignments that give each `smtp_` name the value of its counterpart in `layers`.
  ///
  /// The value is worked out before the names change their meaning: one may be taken from the
  /// `smtp_` name itself (`lmtp_tls_security_level = $smtp_tls_security_level`).
  static func assignments(_ layers: AssignmentLayers) -> [Assignment] {
    originals.map { original in
      let name = counterpart(of: original)
      let location =
        layers.assignments[name]?.location ?? SourceLocation(file: "", line: 0)
      // A value that cannot be worked out is an error of the counterpart, which is declared too,
      // and the configuration is not used; it is one here as well.
      let value = (try? settled(name, original, layers)) ?? "$\(name)"
      return Assignment(name: original.name, value: value, location: location)
    }
  }

  /// The value of a counterpart in a text that expansion does not change.
  private static func settled(
    _ name: String, _ original: Declaration, _ layers: AssignmentLayers
  ) throws(ConfigurationError) -> String {
    let text = try layers.text(name) ?? ""
    guard !original.isRaw else { return text }
    let dollar = UInt8(ascii: "$")
    let value = try layers.expand(text, owner: name).text.utf8
    return String(decoding: value.flatMap { $0 == dollar ? [$0, $0] : [$0] }, as: UTF8.self)
  }
}

extension Configuration {
  /// The configuration as a transport that speaks LMTP sees it: TLS and logins are asked for by
  /// their `smtp_` keys, and have the values of their `lmtp_` names.
  package var forLMTP: Configuration {
    var layers = layers
    layers.becomeLMTP()
    return Configuration(checked: layers)
  }

  /// Whether it is one that `forLMTP` gave.
  package var isForLMTP: Bool { layers.isForLMTP }

  /// A sentence about parameters, with the names that the administrator set.
  package func named(_ sentence: String) -> String {
    layers.isForLMTP ? LMTPCounterparts.renamed(sentence) : sentence
  }
}
