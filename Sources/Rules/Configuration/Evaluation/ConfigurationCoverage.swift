/// What Martinet makes of each assignment of a real configuration.
package struct ConfigurationCoverage: Sendable {
  /// What becomes of an assignment.
  package enum Standing: String, CaseIterable, Sendable {
    /// It has its effect.
    case honoured
    /// It has no effect, and needs none.
    case harmless
    /// Postfix would act on it, Martinet does not yet.
    case notYet = "not yet"
    /// A name of the administrator's own, which other values refer to.
    case macro = "own name"
    /// Nobody knows the name.
    case unknown
  }

  /// One assignment.
  package struct Line: Sendable {
    /// The parameter; with its service for an option in `master.cf`.
    package let subject: String
    /// What was set.
    package let assignment: Assignment
    /// What becomes of it.
    package var standing: Standing
    /// What ignoring it means; empty where nothing is ignored.
    package var remark: String
  }

  /// The assignments in the order of the files.
  package private(set) var lines: [Line]

  /// Judges both files of a configuration.
  package init(_ main: MainFile, services: [ServiceEntry], host: HostFacts) {
    let evaluation = Configuration.evaluate(main, host: host, services: services)
    let check = UsageCheck(
      main: main, services: services, configuration: evaluation.configuration)
    var lines = main.assignments.map { check.line($0, subject: $0.name) }
    for service in services {
      lines += service.overrides.map {
        check.line($0, subject: "\(service.name)/\(service.kind.rawValue)/\($0.name)")
      }
    }
    self.lines = lines
  }

  /// Takes back that a value has its effect where a part of it has none.
  ///
  /// - Parameter finding: gives what is missing, or `nil`.
  package mutating func judgeValues(_ finding: (Assignment) -> String?) {
    for index in lines.indices where [.honoured, .macro].contains(lines[index].standing) {
      guard let missing = finding(lines[index].assignment) else { continue }
      if lines[index].standing == .honoured { lines[index].standing = .notYet }
      lines[index].remark = missing
    }
  }

  /// How many assignments have each standing, in the order of the standings.
  package var counts: [(standing: Standing, count: Int)] {
    Standing.allCases.map { standing in
      (standing, lines.count { $0.standing == standing })
    }
  }
}
