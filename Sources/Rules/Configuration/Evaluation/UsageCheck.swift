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
    let warning = { (message: String) in
      Diagnostic(.warning, at: assignment.location, subject: subject, message)
    }
    var findings: [Diagnostic] = []
    let use = use(of: assignment)
    if case .withoutService(let transport) = use {
      return [warning("unused parameter: master.cf has no service \(transport)")]
    }
    if let found = TransportParameters.find(assignment.name) {
      _ = configuration.layers.evaluate(found.declaration, diagnostics: &findings)
    }
    switch use {
    case .used, .ownName, .withoutService: break
    case .ignored(.harmless):
      findings.append(
        Diagnostic(
          .information, at: assignment.location, subject: subject,
          PostfixParameters.Consequence.harmless.rawValue))
    case .ignored(let consequence): findings.append(warning(consequence.rawValue))
    case .unknown:
      findings.append(
        Diagnostic(
          .warning, at: assignment.location, subject: subject,
          "unused parameter: \(assignment.name)", value: assignment.value))
    }
    return findings
  }

  /// What becomes of an assignment.
  private enum Use {
    case used
    case ownName
    case ignored(PostfixParameters.Consequence)
    case withoutService(String)
    case unknown
  }

  private func use(of assignment: Assignment) -> Use {
    let name = assignment.name
    if let declaration = Registry.find(name) {
      return PendingParameters.consequence(of: assignment, declaration).map { .ignored($0) }
        ?? .used
    }
    if let found = TransportParameters.find(name) {
      guard Self.isServed(found.transport, services) else {
        return .withoutService(found.transport)
      }
      let general = "default" + name.dropFirst(found.transport.count)
      return PendingParameters.consequences[general].map { .ignored($0) } ?? .used
    }
    if let entry = PostfixParameters.entries[name] {
      guard entry.consequence != .harmless else { return .ignored(.harmless) }
      return isDefault(assignment, entry) ? .used : .ignored(entry.consequence)
    }
    if Registry.formerNames.contains(name) { return Self.use(ofFormer: name) }
    return usedNames.contains(name) ? .ownName : .unknown
  }

  /// What becomes of an old name: what becomes of those whose default refers to it.
  private static func use(ofFormer name: String) -> Use {
    let heirs = Registry.declarations.filter { declaration in
      guard case .text(let text) = declaration.defaultValue else { return false }
      return references(in: text).contains(name)
    }.map { PendingParameters.consequences[$0.name] }
    if heirs.contains(nil) { return .used }
    let entries = PostfixParameters.entries.values.filter {
      references(in: $0.defaultText).contains(name)
    }.map(\.consequence)
    let found = Set(heirs.compactMap { $0 } + entries)
    let gravest: [PostfixParameters.Consequence] = [.weakensSecurity, .changesBehaviour]
    return .ignored(gravest.first(where: found.contains) ?? .harmless)
  }

  /// What becomes of an assignment, for `ConfigurationCoverage`.
  func line(_ assignment: Assignment, subject: String) -> ConfigurationCoverage.Line {
    let (standing, remark): (ConfigurationCoverage.Standing, String) =
      switch use(of: assignment) {
      case .used: (.honoured, "")
      case .ownName: (.macro, "")
      case .ignored(.harmless): (.harmless, "")
      case .ignored(.changesBehaviour): (.notYet, "changes what happens to mail")
      case .ignored(.weakensSecurity): (.notYet, "may weaken the protection of this system")
      case .withoutService(let transport): (.harmless, "no service \(transport)")
      case .unknown: (.unknown, "")
      }
    return ConfigurationCoverage.Line(
      subject: subject, assignment: assignment, standing: standing, remark: remark)
  }

  /// Whether the value is that which Postfix takes anyway.
  private func isDefault(_ assignment: Assignment, _ entry: PostfixParameters.Entry) -> Bool {
    let text = entry.defaultText
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

  /// The names that are assigned and of use: parameters, restriction classes, and those to which
  /// others refer.
  static func namesInUse(
    _ configuration: Configuration, services: [ServiceEntry]
  ) -> Set<String> {
    let assignments = configuration.layers.assignments
    let used = usedNames(
      Array(assignments.values) + services.flatMap(\.overrides),
      classes: configuration[.smtpdRestrictionClasses])
    return Set(
      assignments.keys.filter { name in
        if used.contains(name) || Registry.find(name) != nil
          || PostfixParameters.entries[name] != nil
        {
          return true
        }
        return TransportParameters.find(name).map { isServed($0.transport, services) } ?? false
      })
  }

  /// Whether `master.cf`, if there is one, has a service of that name.
  private static func isServed(_ transport: String, _ services: [ServiceEntry]) -> Bool {
    services.isEmpty || services.contains { $0.name == transport }
  }

  /// The names behind each `$`, whatever surrounds them.
  static func references(in text: String) -> [String] {
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
