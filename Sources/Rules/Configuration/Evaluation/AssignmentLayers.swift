/// Assigned texts above the defaults of the registry, and how to evaluate them.
struct AssignmentLayers: Sendable {
  private(set) var assignments: [String: Assignment]
  let host: HostFacts
  /// Whether the `smtp_` names of TLS and logins have the values of their `lmtp_` counterparts.
  private(set) var isForLMTP = false

  init(assignments: [String: Assignment], host: HostFacts) {
    self.assignments = assignments
    self.host = host
  }

  mutating func overlay(_ others: [Assignment]) {
    for assignment in others { assignments[assignment.name] = assignment }
  }

  /// Gives the `smtp_` names of TLS and logins the values of their `lmtp_` counterparts.
  mutating func becomeLMTP() {
    overlay(LMTPCounterparts.assignments(self))
    isForLMTP = true
  }

  /// Replaces a path in `myorigin` by the first line of that file, as Debian's Postfix does.
  mutating func readOrigin(_ read: (String) -> [UInt8]?, diagnostics: inout [Diagnostic]) {
    let name = TextParameter.myorigin.declaration.name
    guard let written = assignments[name], written.value.hasPrefix("/") else { return }
    let lines = read(written.value)?.split(separator: 10).map(\.trimmed)
    guard let line = lines?.first(where: { !$0.isEmpty }) else {
      let error = ConfigurationError.unreadable(written.value)
      diagnostics.append(
        Diagnostic(.error, at: written.location, subject: name, "\(error)"))
      return
    }
    assignments[name] = Assignment(name: name, value: line.text, location: written.location)
  }

  /// The unexpanded text of a parameter or macro; `nil` for a name that has none.
  ///
  /// `computing` holds the computed defaults that are being worked out, which must not need
  /// themselves.
  func text(
    _ name: String, computing: [String] = []
  ) throws(ConfigurationError) -> String? {
    if let assignment = assignments[name] { return assignment.value }
    return try defaultText(name, computing: computing)
  }

  /// The text that a name has when nothing is assigned to it.
  func defaultText(
    _ name: String, computing: [String] = []
  ) throws(ConfigurationError) -> String? {
    if let declaration = Registry.find(name) {
      switch declaration.defaultValue {
      case .text(let text): return text
      case .computed(let computed):
        guard !computing.contains(name) else { throw .recursion(name) }
        return try text(of: computed, computing: computing + [name])
      }
    }
    if let text = TransportParameters.defaultText(name) { return text }
    if let entry = PostfixParameters.entries[name] { return entry.defaultText }
    if Registry.formerNames.contains(name) { return "" }
    return nil
  }

  /// Expands `text`; also gives the names without a value that it refers to.
  func expand(
    _ text: String, owner: String, computing: [String] = []
  ) throws(ConfigurationError) -> (text: String, undefined: [String]) {
    var expander = MacroExpander { name throws(ConfigurationError) in
      try self.text(name, computing: computing)
    }
    let expanded = try expander.expand(text, owner: owner)
    return (expanded, expander.undefinedNames)
  }

  /// Evaluates a parameter, with findings about its value.
  func evaluate(
    _ declaration: Declaration, diagnostics: inout [Diagnostic]
  ) -> ParameterValue {
    let assigned = assignments[declaration.name]
    do throws(ConfigurationError) {
      guard let text = try text(declaration.name) else { return declaration.kind.placeholder }
      return try value(of: text, declaration, diagnostics: &diagnostics)
    } catch {
      diagnostics.append(
        Diagnostic(.error, at: assigned?.location, subject: declaration.name, "\(error)"))
    }
    do throws(ConfigurationError) {
      var ignored: [Diagnostic] = []
      guard assigned != nil, let text = try defaultText(declaration.name) else {
        return declaration.kind.placeholder
      }
      return try value(of: text, declaration, diagnostics: &ignored)
    } catch {
      return declaration.kind.placeholder
    }
  }

  private func value(
    of text: String, _ declaration: Declaration, diagnostics: inout [Diagnostic]
  ) throws(ConfigurationError) -> ParameterValue {
    guard !declaration.isRaw else { return try declaration.kind.value(of: text) }
    let expansion = try expand(text, owner: declaration.name)
    if let assigned = assignments[declaration.name] {
      for name in expansion.undefined {
        diagnostics.append(
          Diagnostic(
            .warning, at: assigned.location, subject: declaration.name,
            "$\(name) has no value and counts as empty"))
      }
    }
    let trimmed = Array(expansion.text.utf8)[...].trimmed.text
    return try declaration.kind.value(of: trimmed)
  }

  private func text(
    of computed: ComputedDefault, computing: [String]
  ) throws(ConfigurationError) -> String {
    switch computed {
    case .hostname:
      guard !host.hostname.contains(".") else { return host.hostname }
      guard assignments["mydomain"] != nil else { return "\(host.hostname).localdomain" }
      return try "\(host.hostname).\(expanded("mydomain", computing: computing))"
    case .domain:
      let name = try expanded("myhostname", computing: computing)
      guard let dot = name.firstIndex(of: ".") else { return "localdomain" }
      return String(name[name.index(after: dot)...])
    case .networks:
      return try OwnNetworks.text(
        style: expanded("mynetworks_style", computing: computing),
        listeningOn: ListSyntax.items(expanded("inet_interfaces", computing: computing)),
        protocols: ListSyntax.items(expanded("inet_protocols", computing: computing)),
        host: host)
    }
  }

  private func expanded(
    _ name: String, computing: [String]
  ) throws(ConfigurationError) -> String {
    let text = try text(name, computing: computing) ?? ""
    return try expand(text, owner: name, computing: computing).text
  }
}
