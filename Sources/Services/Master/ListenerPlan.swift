import Configuration
import LinuxSystem
import MailTypes
import Primitives
import ServiceKit
import SystemPackage

/// Turns the `inet` services of `master.cf` into sockets.
struct ListenerPlan {
  /// Connections that the kernel keeps waiting for each socket.
  static let backlog = 4096

  /// The most sockets: they travel to a process in one packet, with what every role gets and keys.
  static let endpointsMax =
    MessageChannel.descriptorsPerPacketMax - RoleProcess.sharedDescriptors - 1

  /// One socket to open.
  struct Endpoint: Hashable {
    let service: String
    let settings: UInt32
    let address: IPAddress
    let port: UInt16
  }

  /// Why a service cannot listen.
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  let endpoints: [Endpoint]
  let serviceSettings: [[[String]]]
  let transports: [Role: [StartRecord.Listener]]

  init(_ files: ConfigurationFiles) throws(Failure) {
    var endpoints: [Endpoint] = []
    var settings: [[[String]]] = []
    var transports: [Role: [StartRecord.Listener]] = [:]
    for service in files.services {
      let role = Self.role(of: service)
      guard let role else { continue }
      let index = UInt32(settings.count)
      settings.append(
        [["service_name", service.name], ["process_name", service.command]]
          + service.overrides.map { [$0.name, $0.value] })
      if role == .smtpd {
        endpoints += try Self.endpoints(of: service, settings: index, files.configuration)
      } else {
        transports[role, default: []].append(.init(service: service.name, settings: index))
      }
    }
    guard endpoints.count <= Self.endpointsMax else {
      throw Failure(
        description:
          "\(endpoints.count) listening sockets: at most \(Self.endpointsMax) are possible;"
          + " let a service listen on all addresses")
    }
    self.endpoints = endpoints
    serviceSettings = settings
    self.transports = transports
  }

  private static func role(of service: ServiceEntry) -> Role? {
    switch (service.kind, service.command) {
    case (.inet, "smtpd"): .smtpd
    case (.unix, "smtp"): .smtp
    case (.unix, "local"): .local
    default: nil
    }
  }

  private static func endpoints(
    of service: ServiceEntry, settings: UInt32, _ configuration: Configuration
  ) throws(Failure) -> [Endpoint] {
    guard let endpoint = InetEndpoint(service.name) else {
      throw Failure(
        description: "\(service.location): \(service.name): expected port, host:port or [v6]:port")
    }
    let addresses = try endpoint.host.map { (host) throws(Failure) in
      try resolve(host, service)
    }
    return (addresses ?? defaultAddresses(configuration)).map {
      Endpoint(service: service.name, settings: settings, address: $0, port: endpoint.port)
    }
  }

  private static func resolve(
    _ host: String, _ service: ServiceEntry
  ) throws(Failure) -> [IPAddress] {
    if let address = IPAddress(host) { return [address] }
    if host == "localhost" { return [IPAddress(v4: 0x7f00_0001)] }
    throw Failure(
      description: "\(service.location): \(host): expected an IP address or localhost")
  }

  /// `inet_interfaces` within `inet_protocols`.
  private static func defaultAddresses(_ configuration: Configuration) -> [IPAddress] {
    let protocols = configuration[.inetProtocols]
    let v4 = protocols.contains("ipv4") || protocols.contains("all")
    let v6 = protocols.contains("ipv6") || protocols.contains("all")
    var found: [IPAddress] = []
    for word in configuration[.inetInterfaces] {
      switch word {
      case "all":
        if v4 { found.append(IPAddress(v4: 0)) }
        if v6 { found.append(IPAddress(v6High: 0, v6Low: 0)) }
      case "loopback-only", "localhost":
        if v4 { found.append(IPAddress(v4: 0x7f00_0001)) }
        if v6 { found.append(IPAddress(v6High: 0, v6Low: 1)) }
      default:
        let text = word.hasPrefix("[") ? String(word.dropFirst().dropLast()) : word
        if let address = IPAddress(text), address.family == .v4 ? v4 : v6 {
          found.append(address)
        }
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
  let port: UInt16

  private static let services: [String: UInt16] = [
    "smtp": 25, "submission": 587, "smtps": 465, "submissions": 465, "lmtp": 24,
  ]

  init?(_ name: String) {
    let colon = name.lastIndex(of: ":")
    let portText = colon.map { String(name[name.index(after: $0)...]) } ?? name
    let isNumber = portText.utf8.allSatisfy(ASCII.isDigit)
    guard let port = Self.services[portText] ?? (isNumber ? UInt16(portText) : nil), port > 0
    else { return nil }
    self.port = port
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
