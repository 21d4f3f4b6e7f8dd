/// Finds transports that no service of `master.cf` is: their mail would wait for ever.
package struct TransportCheck {
  /// Transports that are there whatever `master.cf` says.
  package static let builtIn: Set = [
    "smtp", "relay", "lmtp", "local", "virtual", "error", "retry", "discard",
  ]
  /// The parameters that name one.
  private static let parameters = [
    "default_transport", "relay_transport", "local_transport", "virtual_transport",
    "mailbox_transport", "fallback_transport", "content_filter",
  ]

  private let services: [ServiceEntry]
  private let known: Set<String>

  /// Looks for transports in the services of a `master.cf`; where it has none nothing is found.
  package init(_ services: [ServiceEntry]) {
    self.services = services
    known = Self.builtIn.union(services.filter { $0.kind != .inet }.map(\.name))
  }

  /// Warnings about the parameters, as all services see them and as each by its `-o`.
  package func diagnostics(_ configuration: Configuration) -> [Diagnostic] {
    let general = findings(Self.parameters, configuration) { configuration.location(of: $0) }
    return general
      + services.flatMap { service -> [Diagnostic] in
        let names = Self.parameters.filter { name in
          service.overrides.contains { $0.name == name }
        }
        guard !names.isEmpty else { return [] }
        let own = configuration.overlaid(by: service).configuration
        return findings(names, own) { own.location(of: $0) }
      }
  }

  private func findings(
    _ names: [String], _ configuration: Configuration, place: (String) -> SourceLocation?
  ) -> [Diagnostic] {
    names.compactMap { name in
      // What cannot be expanded is reported where it is evaluated.
      let value = (try? configuration.expandedText(name)) ?? ""
      return unknown(in: value).map {
        Diagnostic(.warning, at: place(name), subject: name, Self.sentence(about: $0))
      }
    }
  }

  /// The transport that `transport:nexthop` names, if there is none of that name.
  package func unknown(in value: some StringProtocol) -> String? {
    let name = String(value.prefix { $0 != ":" })
    return services.isEmpty || name.isEmpty || known.contains(name) ? nil : name
  }

  /// What an unknown transport means.
  package static func sentence(about transport: String) -> String {
    "master.cf has no service \(transport): mail for it waits in the queue"
  }
}
