import Primitives

/// Finds assignments that nothing here reads or acts on.
struct UsageCheck {
  private let main: MainFile
  private let services: [ServiceEntry]
  private let configuration: Configuration
  private let usedNames: Set<String>

  init(main: MainFile, services: [ServiceEntry], configuration: Configuration) {
    self.main = main
    self.services = services
    self.configuration = configuration
    let overrides = services.flatMap(\.overrides)
    usedNames = Self.usedNames(
      main.assignments + overrides, classes: configuration[.smtpdRestrictionClasses])
  }

  func diagnostics() -> [Diagnostic] {
    main.assignments.flatMap { findings($0, subject: $0.name) }
      + services.flatMap { service in
        service.overrides.flatMap { findings($0, subject: "\(service.name): -o \($0.name)") }
      }
  }

  /// What is to be said about one assignment; nothing about one that is used.
  private func findings(_ assignment: Assignment, subject: String) -> [Diagnostic] {
    let name = assignment.name
    let warning = { (message: String) in
      [Diagnostic(.warning, at: assignment.location, subject: subject, message)]
    }
    if let declaration = Registry.find(name) {
      let consequence = PendingParameters.consequence(of: assignment, declaration)
      return consequence.map { warning($0.rawValue) } ?? []
    }
    if let found = TransportParameters.find(name) {
      let isKnown = services.isEmpty || services.contains { $0.name == found.transport }
      guard isKnown else {
        return warning("unused parameter: master.cf has no service \(found.transport)")
      }
      var findings: [Diagnostic] = []
      _ = configuration.layers.evaluate(found.declaration, diagnostics: &findings)
      let general = "default" + name.dropFirst(found.transport.count)
      if let consequence = PendingParameters.consequences[general] {
        findings += warning(consequence.rawValue)
      }
      return findings
    }
    if let entry = PostfixParameters.entries[name] {
      return isDefault(assignment, entry) ? [] : warning(entry.consequence.rawValue)
    }
    return usedNames.contains(name) ? [] : warning("unused parameter: \(name)=\(assignment.value)")
  }

  /// Whether the value is that which Postfix takes anyway.
  private func isDefault(_ assignment: Assignment, _ entry: PostfixParameters.Entry) -> Bool {
    guard let text = entry.defaultText else { return false }
    if assignment.value == text { return true }
    do throws(ConfigurationError) {
      let layers = configuration.layers
      return try layers.expand(assignment.value, owner: assignment.name).text
        == layers.expand(text, owner: assignment.name).text
    } catch {
      // A value that cannot be expanded differs from every default.
      return false
    }
  }

  /// Names that some value refers to, directly or through macros, and restriction classes.
  private static func usedNames(_ assignments: [Assignment], classes: [String]) -> Set<String> {
    var used = Registry.formerNames.union(classes)
    var texts: [String] = []
    var macros: [String: [String]] = [:]
    for assignment in assignments {
      if isParameter(assignment.name) || used.contains(assignment.name) {
        texts.append(assignment.value)
      } else {
        macros[assignment.name, default: []].append(assignment.value)
      }
    }
    while let text = texts.popLast() {
      for name in references(in: text) where used.insert(name).inserted {
        texts += macros[name] ?? []
      }
    }
    return used
  }

  private static func isParameter(_ name: String) -> Bool {
    Registry.find(name) != nil || PostfixParameters.entries[name] != nil
      || TransportParameters.find(name) != nil
  }

  /// The names behind each `$`, whatever surrounds them.
  private static func references(in text: String) -> [String] {
    var names: [String] = []
    var cursor = MacroCursor(Array(text.utf8)[...])
    while !cursor.isAtEnd {
      _ = cursor.takeLiteral()
      _ = cursor.next()
      _ = cursor.take { "{( \t".utf8.contains($0) }
      let name = cursor.takeName()
      if !name.isEmpty { names.append(name.text) }
    }
    return names
  }
}
