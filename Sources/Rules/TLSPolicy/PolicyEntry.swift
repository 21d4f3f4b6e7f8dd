import Configuration
import Primitives

/// One value of `smtp_tls_policy_maps`: a level, then attributes that stand in the place of
/// parameters.
struct PolicyEntry {
  /// What is wrong with an entry, as the log says it.
  struct Fault: Error { let text: String }

  private(set) var level = ClientTLSLevel.unset
  private(set) var versions: TLSProtocolList?
  private(set) var grade: CipherGrade?
  private(set) var excluded: [String]?
  private(set) var match: [String] = []
  private(set) var serverName: String?
  /// What is passed over, for the log.
  private(set) var remarks: [String] = []

  /// Reads a value.
  init(_ value: [UInt8]) throws(Fault) {
    let words = String(decoding: value, as: UTF8.self)
      .split { $0 == "," || $0.isWhitespace }.map(String.init)
    guard let first = words.first else { throw Fault(text: "invalid empty policy") }
    guard let level = ClientTLSLevel(rawValue: first.lowercased()), level != .unset else {
      throw Fault(text: "invalid security level \"\(first)\"")
    }
    self.level = level
    for word in words.dropFirst() {
      if level == .none {
        remarks.append("ignoring attribute \"\(word)\" with TLS disabled")
      } else {
        try take(word)
      }
    }
  }

  private mutating func take(_ word: String) throws(Fault) {
    guard let equals = word.firstIndex(of: "="), equals > word.startIndex else {
      throw Fault(
        text: "malformed attribute/value pair \"\(word)\": missing '=' after attribute name")
    }
    let name = String(word[..<equals])
    let text = String(word[word.index(after: equals)...])
    let key = name.lowercased()
    if text.isEmpty, key != "exclude", key != "servername" {
      throw Fault(text: "attribute \"\(name)\" has empty value")
    }
    switch key {
    case "protocols":
      try once(name, versions == nil)
      guard let list = TLSProtocolList(text) else {
        throw Fault(text: "invalid TLS protocol list \"\(text)\"")
      }
      versions = list
    case "ciphers":
      try once(name, grade == nil)
      guard let known = CipherGrade(rawValue: text.lowercased()) else {
        throw Fault(text: "invalid cipher grade: \"\(text)\"")
      }
      grade = known
    case "exclude":
      try once(name, excluded == nil)
      excluded = text.split(separator: ":").map(String.init)
    case "servername":
      try once(name, serverName == nil)
      serverName = text
    case "match": try takeMatch(name, text)
    case "connection_reuse":
      guard ["yes", "no"].contains(text.lowercased()) else {
        throw Fault(text: "attribute \"\(name)\" has bad value: \"\(text)\"")
      }
    case "tafile":
      throw Fault(text: "attribute \"\(name)\" is not implemented; use smtp_tls_CAfile")
    default: throw Fault(text: "invalid attribute name: \"\(name)\"")
    }
  }

  private mutating func takeMatch(_ name: String, _ text: String) throws(Fault) {
    switch level {
    case .fingerprint: match += text.split(separator: "|").map(String.init)
    case .verify, .secure: match += text.split(separator: ":").map(String.init)
    default:
      throw Fault(
        text: "attribute \"\(name)\" invalid at security level \"\(level.rawValue)\"")
    }
  }

  private func once(_ name: String, _ isFirst: Bool) throws(Fault) {
    guard isFirst else { throw Fault(text: "attribute \"\(name)\" is specified multiple times") }
  }
}
