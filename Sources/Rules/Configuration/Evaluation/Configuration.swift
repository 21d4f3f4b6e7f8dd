/// The evaluated configuration: every parameter of the registry with its typed value.
///
/// It never changes. A look-up costs a hash of the name: what is needed for each message is
/// copied out once when a role starts.
package final class Configuration: Sendable {
  let layers: AssignmentLayers
  private let values: [String: ParameterValue]

  /// Evaluates assignments; a parameter whose value cannot be used gets its default's value.
  private init(layers: AssignmentLayers, diagnostics: inout [Diagnostic]) {
    self.layers = layers
    var values: [String: ParameterValue] = [:]
    values.reserveCapacity(Registry.declarations.count)
    for declaration in Registry.declarations {
      values[declaration.name] = layers.evaluate(declaration, diagnostics: &diagnostics)
    }
    self.values = values
    diagnostics += noticeDiagnostics()
    diagnostics += SASLCheck(self).diagnostics()
    diagnostics += SASLClientCheck(self).diagnostics()
    let canLogIn = layers.assignments["lmtp_sasl_auth_enable"] != nil
    if canLogIn, !layers.isForLMTP { diagnostics += SASLClientCheck(forLMTP).diagnostics() }
    diagnostics += RetryCheck(self).diagnostics()
  }

  /// A configuration and what was found on the way; it must not be used when there are errors.
  package struct Evaluation: Sendable {
    /// The configuration.
    package let configuration: Configuration
    /// Errors and warnings, in the order of the file where they have a place in it.
    package let diagnostics: [Diagnostic]

    /// Whether any finding forbids the use of the configuration.
    package var hasErrors: Bool { diagnostics.contains { $0.severity == .error } }
  }

  /// Evaluates a parsed `main.cf`.
  ///
  /// - Parameters:
  ///   - directory: The folder of the file, which `config_directory` names when it is not set.
  ///   - services: The services of `master.cf`: their transports have parameters of their own.
  ///   - read: Gives the bytes of a file that a value names, `nil` when it cannot be read.
  package static func evaluate(
    _ main: MainFile, host: HostFacts, directory: String? = nil, services: [ServiceEntry] = [],
    read: (String) -> [UInt8]? = { _ in nil }
  ) -> Evaluation {
    var diagnostics = main.diagnostics
    var layers = AssignmentLayers(
      assignments: Dictionary(uniqueKeysWithValues: main.assignments.map { ($0.name, $0) }),
      host: host)
    let directoryName = TextParameter.configDirectory.declaration.name
    if let directory, layers.assignments[directoryName] == nil {
      let location = SourceLocation(file: directory, line: 0)
      layers.overlay([Assignment(name: directoryName, value: directory, location: location)])
    }
    layers.readOrigin(read, diagnostics: &diagnostics)
    let configuration = Configuration(layers: layers, diagnostics: &diagnostics)
    diagnostics += CompatibilityCheck(layers).diagnostics()
    diagnostics += UsageCheck(main: main, services: services, configuration: configuration)
      .diagnostics()
    return Evaluation(configuration: configuration, diagnostics: diagnostics)
  }

  /// The configuration as a service of `master.cf` sees it: its `-o` options laid over it.
  package func overlaid(by service: ServiceEntry) -> Evaluation {
    let location = service.location
    let names = [
      Assignment(name: "service_name", value: service.name, location: location),
      Assignment(name: "process_name", value: service.command, location: location),
    ]
    return overlaid(by: names + service.overrides)
  }

  /// The configuration with some assignments replaced; reports only what is wrong with those.
  package func overlaid(by assignments: [Assignment]) -> Evaluation {
    var before: [Diagnostic] = []
    _ = Configuration(layers: layers, diagnostics: &before)
    var after: [Diagnostic] = []
    var layers = layers
    layers.overlay(assignments)
    let configuration = Configuration(layers: layers, diagnostics: &after)
    let known = Set(before)
    return Evaluation(
      configuration: configuration, diagnostics: after.filter { !known.contains($0) })
  }

  /// Evaluates layers whose findings were reported before, by whoever loaded them.
  convenience init(checked layers: AssignmentLayers) {
    var diagnostics: [Diagnostic] = []
    self.init(layers: layers, diagnostics: &diagnostics)
  }

  private func value(_ key: some ParameterKey) -> ParameterValue {
    guard let value = values[key.declaration.name] else {
      preconditionFailure("\(key.declaration.name) is missing in the registry")
    }
    return value
  }
}

extension Configuration {
  /// The value of a flag.
  package subscript(key: FlagParameter) -> Bool {
    guard case .flag(let value) = value(key) else { preconditionFailure("not a flag") }
    return value
  }

  /// The value of an integer.
  package subscript(key: IntegerParameter) -> Int {
    guard case .integer(let value) = value(key) else { preconditionFailure("not an integer") }
    return value
  }

  /// The value of a size, in bytes.
  package subscript(key: SizeParameter) -> Int64 {
    guard case .size(let value) = value(key) else { preconditionFailure("not a size") }
    return value
  }

  /// The value of a duration.
  package subscript(key: DurationParameter) -> Duration {
    guard case .duration(let value) = value(key) else { preconditionFailure("not a duration") }
    return value
  }

  /// The value of a text.
  package subscript(key: TextParameter) -> String {
    guard case .text(let value) = value(key) else { preconditionFailure("not a text") }
    return value
  }

  /// The items of a list.
  package subscript(key: ListParameter) -> [String] {
    guard case .list(let value) = value(key) else { preconditionFailure("not a list") }
    return value
  }

  /// The value of a concurrency feedback.
  package subscript(key: FeedbackParameter) -> ConcurrencyFeedback {
    guard case .feedback(let value) = value(key) else { preconditionFailure("not a feedback") }
    return value
  }

  /// The value of a list of versions of TLS.
  package subscript(key: TLSProtocolParameter) -> TLSProtocolList {
    guard case .protocols(let value) = value(key) else { preconditionFailure("not versions") }
    return value
  }

  /// The value of a parameter that is one of a few words.
  package subscript<Choice>(key: ChoiceParameter<Choice>) -> Choice {
    guard case .text(let word) = value(key), let choice = Choice(rawValue: word) else {
      preconditionFailure("not a choice")
    }
    return choice
  }

  /// Where a parameter was set; `nil` for one that has its default.
  package func location(of name: String) -> SourceLocation? {
    layers.assignments[named(name)]?.location
  }

  /// The text of any parameter or macro before expansion; `nil` for a name that has none.
  package func text(_ name: String) -> String? {
    try? layers.text(name)
  }

  /// The text of any parameter or macro with `$` expanded; `nil` for a name that has none.
  ///
  /// Throws when the text cannot be expanded.
  package func expandedText(_ name: String) throws(ConfigurationError) -> String? {
    guard let text = try layers.text(name) else { return nil }
    return try layers.expand(text, owner: name).text
  }
}
