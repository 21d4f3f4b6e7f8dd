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

  /// The most sockets: they travel to a process in one packet, with what every role gets, the board
  /// of load, the table of clients, and keys.
  static let endpointsMax =
    MessageChannel.descriptorsPerPacketMax - RoleProcess.sharedDescriptors - 3

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
  /// Where the services stand in `master.cf`, in the order of their settings.
  let locations: [SourceLocation]
  let transports: [Role: [StartRecord.Listener]]

  /// - Parameter names: what knows ports and hosts by name. The host's own services may block:
  ///   not on a reactor.
  init(_ files: ConfigurationFiles, names: NameLookups = .system) throws(Failure) {
    var endpoints: [Endpoint] = []
    var settings: [[[String]]] = []
    var locations: [SourceLocation] = []
    var transports: [Role: [StartRecord.Listener]] = [:]
    for service in files.services {
      let role = Self.role(of: service)
      guard let role else { continue }
      let index = UInt32(settings.count)
      locations.append(service.location)
      settings.append(
        [["service_name", service.name], ["process_name", service.command]]
          + Self.sessionLimit(of: service)
          + service.overrides.map { [$0.name, $0.value] })
      if role == .smtpd {
        let addresses = ListenerAddresses(files.configuration, names: names)
        endpoints += try addresses.endpoints(of: service, settings: index)
      } else {
        transports[role, default: []].append(
          .init(service: service.name, settings: index, arguments: service.arguments))
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
    self.locations = locations
    self.transports = transports
  }

  private static func role(of service: ServiceEntry) -> Role? {
    switch (service.kind, service.command) {
    case (.inet, "smtpd"): .smtpd
    case (.unix, let program): Role.agent(running: program)
    default: nil
    }
  }

  /// A number in the `maxproc` column limits the sessions of the service; `-` and 0 leave that to
  /// `session_limit`.
  private static func sessionLimit(of service: ServiceEntry) -> [[String]] {
    guard let limit = service.processLimit, limit > 0 else { return [] }
    return [[IntegerParameter.sessionLimit.declaration.name, "\(limit)"]]
  }
}
