/// Parameters that Postfix 3.7 to 3.11 has and Martinet has not, with Postfix's defaults.
enum PostfixParameters {
  /// What it means to ignore a parameter.
  enum Consequence: String, CaseIterable {
    case harmless = "it is not implemented; ignoring it is safe"
    case changesBehaviour =
      "it is not implemented yet; ignoring it changes what happens to mail"
    case weakensSecurity =
      "it is not implemented yet; ignoring it may weaken the protection of this system"
  }

  /// One parameter.
  struct Entry {
    let consequence: Consequence
    /// What Postfix takes when nothing is assigned.
    let defaultText: String
  }

  /// All of them by name.
  static let entries: [String: Entry] = {
    var entries: [String: Entry] = [:]
    let add = { (text: String, consequence: Consequence, defaultText: String) in
      for name in text.split(whereSeparator: \.isWhitespace) {
        entries[String(name)] = Entry(consequence: consequence, defaultText: defaultText)
      }
    }
    let addLines = { (text: String, consequence: Consequence) in
      for line in text.split(separator: "\n") {
        let parts = line.split(separator: " ", maxSplits: 1)
        entries[String(parts[0])] = Entry(
          consequence: consequence, defaultText: String(parts[1]))
      }
    }
    add(harmlessNames, .harmless, "")
    add(changesBehaviourNames, .changesBehaviour, "")
    add(weakensSecurityNames, .weakensSecurity, "")
    addLines(harmlessDefaults, .harmless)
    addLines(changesBehaviourDefaults, .changesBehaviour)
    addLines(weakensSecurityDefaults, .weakensSecurity)
    return entries
  }()
}
