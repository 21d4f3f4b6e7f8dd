import Configuration
import LinuxSystem
import Primitives

/// What knows ports and hosts by their names.
struct NameLookups: Sendable {
  /// The TCP port of a service.
  let port: @Sendable (String) -> UInt16?
  /// The addresses of a host; the failure is a sentence's end.
  let addresses: @Sendable (String) -> Result<[IPAddress], NameService.Failure>

  /// `/etc/services`, `/etc/hosts` and what else the host is told to ask.
  static let system = NameLookups(
    port: { NameService.port(ofService: $0) },
    addresses: { name in
      Result { () throws(NameService.Failure) in try NameService.addresses(ofHost: name) }
    })
}

/// Where the `inet` services of `master.cf` listen.
struct ListenerAddresses {
  private let configuration: Configuration
  private let names: NameLookups
  private let takesV4: Bool
  private let takesV6: Bool

  init(_ configuration: Configuration, names: NameLookups) {
    self.configuration = configuration
    self.names = names
    let protocols = configuration[.inetProtocols]
    takesV4 = protocols.contains("ipv4") || protocols.contains("all")
    takesV6 = protocols.contains("ipv6") || protocols.contains("all")
  }

  /// The sockets of a service: its own host's addresses, or those of `inet_interfaces`.
  func endpoints(
    of service: ServiceEntry, settings: UInt32
  ) throws(ListenerPlan.Failure) -> [ListenerPlan.Endpoint] {
    guard let endpoint = InetEndpoint(service.name) else {
      throw ListenerPlan.Failure(
        description: "\(service.location): \(service.name): expected port, host:port or [v6]:port")
    }
    guard let port = endpoint.number ?? port(named: endpoint.port) else {
      throw ListenerPlan.Failure(
        description: "\(service.location): \(service.name): unknown TCP service \(endpoint.port): "
          + "name one of /etc/services, or the number of a port")
    }
    let addresses =
      if let host = endpoint.host {
        try resolve(host, for: "\(service.location): \(service.name)")
      } else {
        try defaults()
      }
    return addresses.map {
      ListenerPlan.Endpoint(
        service: service.name, settings: settings, address: $0, port: port)
    }
  }

  /// The ports of mail, for a host whose `/etc/services` lacks them.
  private static let mailPorts: [String: UInt16] = [
    "smtp": 25, "submission": 587, "smtps": 465, "submissions": 465, "lmtp": 24,
  ]

  private func port(named name: String) -> UInt16? { names.port(name) ?? Self.mailPorts[name] }

  private func isWanted(_ address: IPAddress) -> Bool {
    address.family == .v4 ? takesV4 : takesV6
  }

  /// The addresses of a host within `inet_protocols`; an address stands for itself.
  private func resolve(
    _ host: String, for place: String
  ) throws(ListenerPlan.Failure) -> [IPAddress] {
    if let address = IPAddress(host) { return [address] }
    switch names.addresses(host) {
    case .success(let found):
      let wanted = found.filter(isWanted)
      guard wanted.isEmpty else { return wanted }
      throw ListenerPlan.Failure(
        description: "\(place): \(host) has no address of the protocols in inet_protocols")
    case .failure(let reason):
      throw ListenerPlan.Failure(description: "\(place): host \(host) is not found: \(reason)")
    }
  }

  /// `inet_interfaces` within `inet_protocols`.
  private func defaults() throws(ListenerPlan.Failure) -> [IPAddress] {
    let loopback = [IPAddress(v4: 0x7f00_0001), IPAddress(v6High: 0, v6Low: 1)]
    var found: [IPAddress] = []
    let name = "inet_interfaces"
    let place = configuration.location(of: name).map { "\($0): \(name)" } ?? name
    for word in configuration[.inetInterfaces] {
      switch word {
      case "all": found += [IPAddress(v4: 0), IPAddress(v6High: 0, v6Low: 0)].filter(isWanted)
      case "loopback-only", "localhost": found += loopback.filter(isWanted)
      default:
        let text = word.hasPrefix("[") ? String(word.dropFirst().dropLast()) : word
        found += try resolve(text, for: place).filter(isWanted)
      }
    }
    // Several words may mean one address, which can be listened on only once.
    var seen: Set<IPAddress> = []
    return found.filter { seen.insert($0).inserted }
  }
}

/// The name of an `inet` service: a port, or a host and a port.
struct InetEndpoint: Equatable {
  let host: String?
  /// The number or name of the port.
  let port: String

  /// The port, if it is given as a number.
  var number: UInt16? {
    port.utf8.allSatisfy(ASCII.isDigit) ? UInt16(port).flatMap { $0 > 0 ? $0 : nil } : nil
  }

  init?(_ name: String) {
    let colon = name.lastIndex(of: ":")
    port = colon.map { String(name[name.index(after: $0)...]) } ?? name
    guard !port.isEmpty else { return nil }
    if port.utf8.allSatisfy(ASCII.isDigit) {
      guard let number = UInt16(port), number > 0 else { return nil }
    }
    guard let colon else {
      host = nil
      return
    }
    let hostText = name[..<colon]
    if hostText.hasPrefix("["), hostText.hasSuffix("]") {
      guard hostText.utf8.count > 2 else { return nil }
      host = String(hostText.dropFirst().dropLast())
    } else {
      guard !hostText.isEmpty, !hostText.contains(":") else { return nil }
      host = String(hostText)
    }
  }
}
