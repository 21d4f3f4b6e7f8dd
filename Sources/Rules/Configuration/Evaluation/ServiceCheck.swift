/// What becomes of the services of a `master.cf` that was written for Postfix.
///
/// Each sentence is said once and names its services: a stock file has some thirty of them.
package struct ServiceCheck {
  private let services: [ServiceEntry]
  private let directory: String

  /// Programs of Postfix whose work is done here by other processes, or needs none.
  private static let builtIn: Set = [
    "anvil", "bounce", "cleanup", "discard", "error", "flush", "oqmgr", "pickup", "postlogd",
    "proxymap", "qmgr", "scache", "showq", "tlsmgr", "trivial-rewrite", "verify",
  ]
  /// Programs whose services make listeners or transports.
  private static let served: Set = ["smtpd", "smtp", "lmtp", "local", "virtual", "pipe"]
  /// Other programs of Postfix, and what it means that they are not here.
  private static let missing: [(program: String, meaning: String)] = [
    ("spawn", "nobody answers on its socket, and policy services that it would start do not run"),
    ("postscreen", "nobody listens on its port; give the port to smtpd"),
    ("dnsblog", "it works for postscreen only"),
    ("tlsproxy", "it works for postscreen only"),
    ("qmqpd", "nobody listens on its port"),
  ]

  /// Programs whose services pass their arguments on.
  private static let takingArguments: Set = ["pipe", "spawn"]

  /// Looks at the services of the `master.cf` in `directory`.
  package init(_ services: [ServiceEntry], directory: String) {
    self.services = services
    self.directory = directory
  }

  /// What an administrator should know, in the order of importance.
  package func diagnostics() -> [Diagnostic] {
    superfluous() + unknown() + missing() + unreachable() + builtIn() + chroots()
  }

  private func diagnostic(
    _ severity: Diagnostic.Severity, _ found: [ServiceEntry], _ message: String
  ) -> [Diagnostic] {
    guard let first = found.first else { return [] }
    // One service has its line, several have their file.
    let location = found.count == 1 ? first.location : nil
    let file = location == nil ? "\(directory)/master.cf: " : ""
    var names: [String] = []
    for service in found where !names.contains(service.name) { names.append(service.name) }
    return [
      Diagnostic(
        severity, at: location, subject: file + names.joined(separator: ", "), message)
    ]
  }

  private static let known = builtIn.union(served).union(missing.map(\.program))

  /// Arguments of programs that take none: most often the rest of a value with a space, and every
  /// option behind it is lost.
  private func superfluous() -> [Diagnostic] {
    let found = services.filter {
      Self.known.contains($0.command) && !Self.takingArguments.contains($0.command)
    }
    return found.flatMap { service in
      guard let argument = service.arguments.first else { return [Diagnostic]() }
      return diagnostic(
        .error, [service],
        "unexpected argument \"\(argument)\": a value with spaces stands in braces, as in "
          + "-o { name = value }")
    }
  }

  private func unknown() -> [Diagnostic] {
    services.filter { !Self.known.contains($0.command) }.flatMap {
      diagnostic(.warning, [$0], "there is no program \($0.command): the service does not run")
    }
  }

  private func missing() -> [Diagnostic] {
    Self.missing.flatMap { program, meaning in
      diagnostic(
        .warning, services.filter { $0.command == program },
        "\(program) is not implemented yet: \(meaning)")
    }
  }

  /// What has a program that is here, but is reached in a way that is not.
  private func unreachable() -> [Diagnostic] {
    let found = services.filter {
      Self.served.contains($0.command) && $0.kind != ($0.command == "smtpd" ? .inet : .unix)
    }
    return found.flatMap {
      diagnostic(
        .warning, [$0],
        "a service of type \($0.kind.rawValue) that runs \($0.command) is not served yet")
    }
  }

  private func builtIn() -> [Diagnostic] {
    diagnostic(
      .information, services.filter { Self.builtIn.contains($0.command) },
      "built in: these lines start no process of their own, and their options have no effect")
  }

  private func chroots() -> [Diagnostic] {
    let found = services.filter {
      $0.isChrooted == true && Self.served.contains($0.command)
    }
    return diagnostic(
      .information, found,
      "chroot: not changed to; in its place processes get descriptors and no paths, and the "
        + "systemd unit a sandbox")
  }
}
