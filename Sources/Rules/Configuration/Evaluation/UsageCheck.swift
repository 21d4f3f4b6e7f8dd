import Primitives

/// Finds assignments that nothing reads.
struct UsageCheck {
  let main: MainFile
  let services: [ServiceEntry]
  let configuration: Configuration

  func diagnostics() -> [Diagnostic] {
    let used = usedNames()
    var found: [Diagnostic] = []
    for assignment in main.assignments where Registry.find(assignment.name) == nil {
      if TransportParameters.find(assignment.name) != nil {
        found += transportFindings(assignment)
      } else if !used.contains(assignment.name) {
        found.append(
          Diagnostic(
            .warning, at: assignment.location, subject: assignment.name,
            "unused parameter: \(assignment.name)=\(assignment.value)"))
      }
    }
    return found
  }

  /// Names that some value refers to, directly or through other macros, and restriction classes.
  private func usedNames() -> Set<String> {
    var used = Registry.formerNames
    used.formUnion(configuration[.smtpdRestrictionClasses])
    let overrides = services.flatMap(\.overrides)
    var texts = overrides.map(\.value)
    texts += main.assignments.filter { Registry.find($0.name) != nil }.map(\.value)
    texts += main.assignments.filter { used.contains($0.name) }.map(\.value)
    let byName = Dictionary(uniqueKeysWithValues: main.assignments.map { ($0.name, $0.value) })
    while let text = texts.popLast() {
      for name in Self.references(in: text) where used.insert(name).inserted {
        if let value = byName[name] { texts.append(value) }
      }
    }
    return used
  }

  private func transportFindings(_ assignment: Assignment) -> [Diagnostic] {
    guard let found = TransportParameters.find(assignment.name) else { return [] }
    guard services.isEmpty || services.contains(where: { $0.name == found.transport }) else {
      return [
        Diagnostic(
          .warning, at: assignment.location, subject: assignment.name,
          "unused parameter: master.cf has no service \(found.transport)")
      ]
    }
    var findings: [Diagnostic] = []
    _ = configuration.layers.evaluate(found.declaration, diagnostics: &findings)
    return findings
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
