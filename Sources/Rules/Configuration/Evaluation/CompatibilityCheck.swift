/// Finds the settings that a low `compatibility_level` leaves as they were in old releases.
struct CompatibilityCheck {
  /// The level from which every default is the current one.
  static let currentLevel = "3.6"

  private let layers: AssignmentLayers

  init(_ layers: AssignmentLayers) {
    self.layers = layers
  }

  /// One warning that names each such setting with its value; nothing when there is none.
  func diagnostics() -> [Diagnostic] {
    let name = TextParameter.compatibilityLevel.declaration.name
    let location = layers.assignments[name]?.location
    var current = layers
    current.overlay([
      Assignment(
        name: name, value: Self.currentLevel,
        location: location ?? SourceLocation(file: "main.cf", line: 0))
    ])
    let counterparts = Set(LMTPCounterparts.declarations.map(\.name))
    // What is said of SMTP need not be said of LMTP again.
    let kept = Registry.declarations.map(\.name).filter { !counterparts.contains($0) }
      .compactMap { self.kept($0, current) }
    guard !kept.isEmpty else { return [] }
    let level = location == nil ? "it is not set" : "it is \(value(name, layers) ?? "0")"
    return [
      Diagnostic(
        .warning, at: location, subject: name,
        "\(level), so these have the defaults of old releases: \(kept.joined(separator: ", "));"
          + " set each as you want it, or \(name) = \(Self.currentLevel) for today's defaults")
    ]
  }

  /// `name=value` of a parameter that has not been set and whose default is an old one.
  private func kept(_ name: String, _ current: AssignmentLayers) -> String? {
    guard layers.assignments[name] == nil,
      case .text(let text)? = Registry.find(name)?.defaultValue,
      text.contains("$compatibility_level"),
      let old = value(name, layers), let new = value(name, current), old != new
    else { return nil }
    return "\(name)=\(old.isEmpty ? "(empty)" : old)"
  }

  private func value(_ name: String, _ layers: AssignmentLayers) -> String? {
    do throws(ConfigurationError) {
      guard let text = try layers.text(name) else { return nil }
      return try layers.expand(text, owner: name).text
    } catch {
      // What cannot be expanded is reported where it is evaluated.
      return nil
    }
  }
}
