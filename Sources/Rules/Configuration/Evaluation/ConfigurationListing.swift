/// Parameters and their values as lines of text, for `martinet config`.
package struct ConfigurationListing: Sendable {
  /// Which values are shown.
  package enum Selection: Sendable {
    /// What counts: the assigned text, else the default.
    case effective
    /// Only parameters that are assigned (`-n`).
    case assigned
    /// The defaults, whatever is assigned (`-d`).
    case defaults
  }

  /// What of a parameter a line shows.
  package enum Form: Sendable {
    /// `name = value`.
    case nameAndValue
    /// Only the value (`-h`).
    case value
    /// Only the name (`-H`).
    case name
  }

  /// Which values are shown.
  package let selection: Selection
  /// What of a parameter a line shows.
  package let form: Form
  /// Whether `$name` and the like are replaced (`-x`).
  package let isExpanded: Bool
  /// Whether long lines are folded (`-f`).
  package let isFolded: Bool

  /// Chooses what is shown.
  package init(
    _ selection: Selection, form: Form = .nameAndValue, isExpanded: Bool = false,
    isFolded: Bool = false
  ) {
    self.selection = selection
    self.form = form
    self.isExpanded = isExpanded
    self.isFolded = isFolded
  }

  /// What was asked for.
  package struct Result: Sendable {
    /// The lines to print.
    package fileprivate(set) var lines: [String] = []
    /// Names that are no parameters, and values that could not be expanded.
    package fileprivate(set) var problems: [String] = []
  }

  /// The parameters of that name in the order given; without names all, sorted by name, but those
  /// that are assigned and not used.
  package func result(
    _ configuration: Configuration, services: [ServiceEntry], names: [String] = []
  ) -> Result {
    var result = Result()
    for name in names.isEmpty ? allNames(configuration, services) : names {
      do throws(ConfigurationError) {
        if let text = try text(of: name, configuration.layers) {
          result.lines.append(line(name, text))
        } else if !names.isEmpty, try configuration.layers.text(name) == nil {
          result.problems.append("\(name): unknown parameter")
        }
      } catch {
        result.problems.append("\(name): \(error)")
      }
    }
    return result
  }

  private func allNames(_ configuration: Configuration, _ services: [ServiceEntry]) -> [String] {
    var names = Set(Registry.declarations.map(\.name)).union(PostfixParameters.entries.keys)
    for service in services where service.kind == .unix {
      names.formUnion(TransportParameters.names(ofTransport: service.name))
    }
    if selection != .defaults {
      names.formUnion(UsageCheck.namesInUse(configuration, services: services))
    }
    return names.sorted()
  }

  private func text(
    of name: String, _ layers: AssignmentLayers
  ) throws(ConfigurationError) -> String? {
    let text =
      switch selection {
      case .effective: try layers.text(name)
      case .assigned: layers.assignments[name]?.value
      case .defaults: try layers.defaultText(name)
      }
    guard isExpanded, let text, Registry.find(name)?.isRaw != true else { return text }
    return try layers.expand(text, owner: name).text
  }

  /// One line, with every run of white space as one space, or that line folded.
  private func line(_ name: String, _ text: String) -> String {
    let words = text.split(whereSeparator: \.isWhitespace)
    var line =
      switch form {
      case .nameAndValue: "\(name) ="
      case .value: ""
      case .name: name
      }
    guard form != .name else { return line }
    if isFolded {
      FoldedText.append(words, to: &line)
    } else if !words.isEmpty {
      line += (line.isEmpty ? "" : " ") + words.joined(separator: " ")
    }
    return line
  }
}
