/// Everything the project knows about one parameter.
package struct Declaration: Sendable {
  /// Where the default of a parameter comes from.
  package enum Default: Sendable {
    /// A text, expanded like any value.
    case text(String)
    /// Worked out from the host and other parameters.
    case computed(ComputedDefault)
  }

  /// The name in `main.cf`.
  package let name: String
  /// The value when none is assigned.
  package let defaultValue: Default
  /// Type, bounds and unit.
  package let kind: ParameterKind
  /// Whether `$` in the value is left for whoever uses it.
  package let isRaw: Bool
  /// One line for people.
  package let summary: String

  init(
    _ name: String, default text: String, _ kind: ParameterKind, isRaw: Bool = false,
    _ summary: String
  ) {
    self.name = name
    defaultValue = .text(text)
    self.kind = kind
    self.isRaw = isRaw
    self.summary = summary
  }

  init(_ name: String, default computed: ComputedDefault, _ kind: ParameterKind, _ summary: String)
  {
    self.name = name
    defaultValue = .computed(computed)
    self.kind = kind
    isRaw = false
    self.summary = summary
  }
}

/// Defaults that depend on the host.
package enum ComputedDefault: Sendable {
  /// The host's name, with the domain when it has none.
  case hostname
  /// What follows the first dot of `myhostname`.
  case domain
  /// The networks of `mynetworks_style`.
  case networks
}
