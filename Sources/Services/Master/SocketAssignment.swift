import Primitives

/// Which sockets of the service manager serve which endpoints of `master.cf`, and what is left to
/// be opened.
///
/// A socket that bears the name of a service (`FileDescriptorName=`) serves it, wherever it
/// listens, and the service's own addresses do not count. Others serve the endpoint that has their
/// address and port.
struct SocketAssignment {
  /// A socket of the service manager.
  struct Offer: Equatable {
    let name: String
    let address: IPAddress
    let port: UInt16
    /// Whether IPv4 connections come in too, at an IPv6 address.
    let takesV4: Bool

    /// Whether everything that `endpoint` asks for arrives here.
    func covers(_ endpoint: ListenerPlan.Endpoint) -> Bool {
      guard port == endpoint.port else { return false }
      let any = IPAddress(v6High: 0, v6Low: 0)
      return address == endpoint.address
        || address == any && takesV4 && endpoint.address == IPAddress(v4: 0)
    }
  }

  /// A service and the number of its offer.
  struct Use: Equatable {
    let service: String
    let settings: UInt32
    let offer: Int
  }

  private(set) var uses: [Use] = []
  /// Endpoints that no offer serves.
  private(set) var missing: [ListenerPlan.Endpoint] = []
  /// The numbers of offers that serve nobody.
  private(set) var unused: [Int] = []

  init(endpoints: [ListenerPlan.Endpoint], offers: [Offer]) {
    var free = Set(offers.indices)
    for endpoint in endpoints {
      let isNamed = { offers[$0].name == endpoint.service }
      let candidates =
        offers.indices.contains(where: isNamed)
        ? offers.indices.filter(isNamed) : offers.indices.filter { offers[$0].covers(endpoint) }
      if candidates.isEmpty { missing.append(endpoint) }
      for offer in candidates where free.remove(offer) != nil {
        uses.append(Use(service: endpoint.service, settings: endpoint.settings, offer: offer))
      }
    }
    unused = free.sorted()
  }
}
