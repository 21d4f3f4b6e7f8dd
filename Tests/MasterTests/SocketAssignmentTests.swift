import Primitives
import Testing

@testable import Master

@Suite struct SocketAssignmentTests {
  private let any4 = IPAddress(v4: 0)
  private let any6 = IPAddress(v6High: 0, v6Low: 0)

  private func endpoint(_ service: String, _ address: IPAddress, _ port: UInt16)
    -> ListenerPlan.Endpoint
  {
    ListenerPlan.Endpoint(service: service, settings: 3, address: address, port: port)
  }

  private func offer(
    _ name: String, _ address: IPAddress, _ port: UInt16, takesV4: Bool = false
  ) -> SocketAssignment.Offer {
    SocketAssignment.Offer(name: name, address: address, port: port, takesV4: takesV4)
  }

  @Test func withoutOffersEverythingIsToBeOpened() {
    let endpoints = [endpoint("smtp", any4, 25), endpoint("smtp", any6, 25)]
    let result = SocketAssignment(endpoints: endpoints, offers: [])
    #expect(result.missing == endpoints)
    #expect(result.uses.isEmpty && result.unused.isEmpty)
  }

  @Test func anAddressFindsItsEndpointAndTheRestIsOpened() {
    let result = SocketAssignment(
      endpoints: [endpoint("smtp", any4, 25), endpoint("smtp", any6, 25)],
      offers: [offer("unknown", any4, 587), offer("unknown", any4, 25)])
    #expect(result.uses == [.init(service: "smtp", settings: 3, offer: 1)])
    #expect(result.missing == [endpoint("smtp", any6, 25)])
    #expect(result.unused == [0])
  }

  @Test func aSocketForBothProtocolsServesBothEndpointsOnce() {
    let result = SocketAssignment(
      endpoints: [endpoint("smtp", any4, 25), endpoint("smtp", any6, 25)],
      offers: [offer("martinet.socket", any6, 25, takesV4: true)])
    #expect(result.uses == [.init(service: "smtp", settings: 3, offer: 0)])
    #expect(result.missing.isEmpty && result.unused.isEmpty)
  }

  @Test func aSocketForOneProtocolLeavesTheOther() {
    let result = SocketAssignment(
      endpoints: [endpoint("smtp", any4, 25), endpoint("smtp", any6, 25)],
      offers: [offer("unknown", any6, 25)])
    #expect(result.missing == [endpoint("smtp", any4, 25)])
  }

  @Test func aNameCountsMoreThanAddresses() {
    let result = SocketAssignment(
      endpoints: [endpoint("smtp", any4, 25), endpoint("submission", any4, 587)],
      offers: [offer("smtp", any4, 2525), offer("smtp", any6, 2525), offer("unknown", any4, 25)])
    #expect(result.uses.map(\.offer) == [0, 1])
    #expect(result.uses.allSatisfy { $0.service == "smtp" })
    #expect(result.missing == [endpoint("submission", any4, 587)])
    #expect(result.unused == [2])
  }
}
